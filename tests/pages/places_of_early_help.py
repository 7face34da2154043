"""The places in which Early Help works: families, where people live, and what they were told and want."""

from tests.pages.place import Place, Screen

FAMILIES: dict[str, Place] = {
    "find": Screen("Find a family", "Takes a name in any spelling near it, a date of birth, a postcode or a number."),
    "family": Screen(
        "Family",
        "Shows who is in a family, what is evidenced and missing, and what is to look after.",
        ("/families/F1/",),
    ),
    "open_family": Screen(
        "Open a family that is not one's team's",
        "Takes the reason, before anything of it is shown.",
        ("/families/F94/open/",),
        of=("early_help_worker", "data_preparer", "data_approver"),
    ),
    "add_family": Screen("Add a family", "Takes in a family that is not on file, of the own team or of one chosen."),
    "add_person": Screen(
        "Add a person", "Takes a name, shows who on file may be the same, and asks the rest in short pages.", many=2
    ),
    "person_added": Screen(
        "Add another person?", "Leads on once somebody is in the family.", ("/families/F1/people/P1/added/",)
    ),
    "person": Screen("Person", "Shows a person's details, and what looks wrong in them."),
    "change_person": Screen("Change a person's details", "Changes names, dates, sex and numbers of a person."),
    "problems": Screen(
        "Problems",
        "Shows by headline what was observed in a family, and what counts.",
        ("/families/F1/problems/",),
    ),
    "record_problems": Screen("Record problems", "Takes what was observed, when, of whom, and how it is known."),
    "evidence_in_error": Screen("Recorded in error", "Takes what was wrong with something that was recorded."),
    "engagements": Screen(
        "Work with the family",
        "Lists what work goes on with a family, and what ended.",
        ("/families/F1/engagement/",),
    ),
    "begin_work": Screen("Record that work began", "Takes what work with a family began, and when."),
    "end_work": Screen("Record that work ended", "Takes the last day of work with a family."),
    "flag": Screen(
        "Flag",
        "Shows whether a family is flagged, what is missing, and what may be done.",
        ("/families/F1/flag/", "/families/F8/flag/", "/families/F7/flag/"),
    ),
    "set_flag": Screen("Flag this family", "Takes from which day a family is flagged."),
    "lift_flag": Screen("Lift the flag", "Takes from which day a flag stands no more, and why."),
    "review_flag": Screen("Review the flag", "Takes whether a flag is right, or what has to be put right."),
    "families_to_finish": Screen(
        "Families to finish", "Lists families that lack only their flag, or are flagged and lack something."
    ),
    "records_to_mend": Screen("Records to mend", "Says how many people of a team lack what, as the records are today."),
    "records_of_a_kind": Screen(
        "Records to mend, of one kind", "Lists whose records lack one thing, each with the form that mends it."
    ),
    "look": Screen(
        "Look at a detail again",
        "Shows one detail that a team is asked to look at, and takes that it is right.",
        ("/families/F3/people/P5/look/LOOK-NHS_NUMBER/",),
    ),
    "flags_to_review": Screen("Flags to review", "Lists the flags that wait for a manager."),
    "find_results": Screen(
        "What was found", "Lists who may be meant, the likeliest first, narrowed by team and status if asked."
    ),
}

P1, P5 = "/families/F1/people/P1/", "/families/F3/people/P5/"
HOMES: dict[str, Place] = {
    "addresses": Screen("Where they live", "Shows where somebody lives and lived; if it is protected, after a reason.",
                        (f"{P1}addresses/", f"{P5}addresses/")),
    "record_move": Screen("Record a move", "Takes where somebody lives from a day on, and ends what was before."),
    "change_address": Screen("Mend an address", "Takes what was mistyped, and when somebody moved out."),
    "memberships": Screen("In the family", "Shows as what somebody belongs to a family, and since when.",
                          (f"{P1}membership/",)),
    "change_membership": Screen("Change what they are in the family", "Takes what was mistyped, and what changed."),
    "leave_family": Screen("Record that they left", "Takes the last day of somebody in a family."),
}  # fmt: skip

F1, F9 = "/families/F1/", "/families/F9/"
WISHES: dict[str, Place] = {
    "notices_due": Screen("Notices due", "Lists who was not told in time, and from when they could be sent.",
                          ("/notices-due/",)),
    "notices": Screen("Privacy notices", "Shows what a family was told, and leads to the letters.", (f"{F1}notices/",)),
    "give_notice": Screen("Give a notice", "Records which version was given to whom, when, how and by whom."),
    "letter": Screen("Letter to print", "Says in plain words what is sent to whom and why, and how to object.", many=2),
    "consents": Screen("Consent", "Shows what a family's people agreed to.",
                       (f"{F1}consents/", "/families/F2/consents/")),
    "give_consent": Screen("Record a consent", "Takes who agrees to what, and to which version of the notice."),
    "withdraw_consent": Screen("Withdraw a consent", "Takes when a consent was withdrawn."),
    "objections": Screen("Objections", "Shows what a family objects to, and what still stands.",
                         (f"{F1}objections/", f"{F9}objections/")),
    "record_objection": Screen("Record an objection", "Takes an objection, whatever is not known of it."),
    "record_unmatched": Screen("Record an objection of somebody not found", "Takes one that names nobody on file.",
                               ("/objections/record/",)),
    "objection_recorded": Screen("The objection is recorded", "Says what it does, and by when it is answered.",
        (f"{F9}objections/{{OF9}}/recorded/",)),
    "unmatched_recorded": Screen("The objection is recorded", "Says that whom it is about will be looked for.",
        ("/objections/{OLOST}/recorded/",)),
    "lift_objection": Screen("Lift an objection", "Takes who asked to lift it, how and when."),
    "family_requests": Screen("Questions and requests", "Shows what a family asked, and by when it is answered.",
                              (f"{F1}requests/", f"{F9}requests/")),
    "record_request": Screen("Record a question or a request", "Takes what somebody of a family asks."),
    "record_any_request": Screen("Record a question or a request of somebody not found", "Takes what somebody asks."),
    "request_recorded": Screen("A request is recorded", "Says its reference, and by when it is answered.",
                               ("/requests/{RLOST}/recorded/",)),
    "team_requests": Screen("Questions and requests of the team", "Lists what families asked, and how far that is."),
    "team_request": Screen("Question or request", "Shows what was asked, and what became of it.", many=4),
    "protections": Screen("Protection", "Shows who of a family is protected, and what a mark does.",
                          (f"{F1}protections/", "/families/F3/protections/")),
    "protect": Screen("Set a protection mark", "Takes who is protected, why, and since when."),
    "end_protection": Screen("End a protection mark", "Takes the last day of a mark, and why it ends."),
}  # fmt: skip
