"""Every place of the site by the name of its address, with a sentence on what it is for: the one table of screens.

What is in it is opened as every role that may, with data, and looked at in every way (test_places.py); docs/screens.md
is written from it. An address of the site which the table lacks fails a test by its name. Where a place is, is found by
following links; `at` names what no link leads to.
"""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from connecting_families.staff.roles import ROLES
from tests.pages.place import Act, File, Place, Screen
from tests.pages.places_of_early_help import FAMILIES, HOMES, WISHES
from tests.pages.places_of_the_data_team import DUPLICATES, REGISTERS, UPLOADS

JOURNEY = "journeys/test_signing_in.py"

SIGNING_IN: dict[str, Place] = {
    "account_login": Screen(
        "Sign in", "Says who you are, before anything else opens.", ("/account/login/",), alone=True
    ),
    "account_logout": Screen("Sign out", "Asks once more before you are signed out.", ("/account/logout/",)),
    "account_inactive": Screen(
        "Closed account", "Tells somebody whose account was closed whom to ask.", ("/account/inactive/",), alone=True
    ),
    "mfa_authenticate": Screen(
        "Enter a code",
        "Asks for the code of the phone, or a recovery code, after the password.",
        alone=True,
        tried_in=JOURNEY,
    ),
    "account_reauthenticate": Screen(
        "Confirm that it is you", "Asks for the password again before a grave act.", ("/account/reauthenticate/",)
    ),
    "mfa_reauthenticate": Screen("Confirm by a code", "Asks for a code, or a recovery code, in place of the password."),
    "my_account": Screen("Your account", "Shows what is known of oneself, and leads to where it is changed."),
    "change_password": Screen("Change your password", "Takes another password, and ends every other sign-in."),
    "set_factor": Screen("Set up a second factor", "Gives a phone its secret, and takes the first code as proof."),
    "factor_picture": File("the secret of a second factor that is being set up, as a picture", JOURNEY),
    "recovery_codes": Screen("Recovery codes", "Shows new codes once, and later how many are left."),
    "recovery_codes_file": File("the recovery codes that were just drawn", JOURNEY),
    "my_sign_ins": Screen("Where you are signed in", "Lists every place where one is signed in, and ends each."),
    "stay": Act("stays signed in"),
    "who_may": Screen("Who may do what", "Shows the table of roles by which the program goes."),
    "home": Screen("Home", "Shows each role what waits for it.", ("/",)),
}

STAFF: dict[str, Place] = {
    "staff": Screen("Staff", "Lists every account, narrowed by role, team and state if asked."),
    "add_colleague": Screen("Add a member of staff", "Makes an account, and shows its one-time password once."),
    "colleague": Screen("Account", "Shows what an account may do, where it is signed in, and its history.", many=14),
    "change_colleague": Screen("Change role and team", "Gives somebody another role or team."),
    "close_account": Screen("Close this account", "Takes the reason, and ends the sign-ins of whoever left."),
    "reopen_account": Screen("Open this account again", "Takes the reason why somebody comes back."),
    "reset_factor": Screen("Take away the second factor", "Helps somebody who lost phone and recovery codes."),
    "forget_sign_on": Screen(
        "Link the council's sign-on anew", "Takes the reason why somebody is known otherwise there."
    ),
    "new_password": Screen("Give a one-time password", "Helps somebody who forgot the password."),
    "end_sign_ins": Screen("End the sign-ins", "Signs a colleague out everywhere."),
    "teams": Screen("Teams", "Lists the teams of Early Help, each from a day until a day."),
    "add_team": Screen("Add a team", "Enters a team in the register."),
    "end_team": Screen("End a team", "Takes a team's last day, and the reason."),
}

ROUNDS: dict[str, Place] = {
    "rounds": Screen("Collection rounds", "Lists every round, and leads to opening one."),
    "open_round": Screen(
        "Open a collection round", "Fixes what a round asks: cut-off, framework, datasets, agreement."
    ),
    "round": Screen("Collection round", "Shows what a round asks and its cohorts, and asks for a new one.", many=4),
    "rule_changes": Screen("Changes to the rules", "Lists what was proposed to change of a round's rules."),
    "propose_rule_change": Screen(
        "Propose a change to the rules", "Takes what a round shall ask from now on, and why."
    ),
    "propose_framework": Screen(
        "Propose a version for new rounds",
        "Takes why new rounds shall take a version of a framework.",
        ("/registers/frameworks/TF-2015-04/propose/",),
    ),
    "rule_change": Screen(
        "Change to the rules", "Shows what a change changes, tries it, and lets somebody else decide it.", many=4
    ),
    "try_rule_change": Act("tries a change of the rules on the last cohorts"),
    "activate_rule_change": Act("lets a change of the rules count from then on"),
    "refuse_rule_change": Screen("Refuse a change to the rules", "Takes why somebody else's change is refused."),
    "withdraw_rule_change": Screen("Withdraw a change to the rules", "Takes why a change is withdrawn."),
    "dry_run": Screen(
        "Dry run", "Follows a dry run, and says who would come, go and change on the last cohorts, and why.", many=4
    ),
    "assemble": Act("asks for a run of the rules"),
    "cohort": Screen("Cohort", "Follows a run, and shows who is in, who is out and why, as counts.", many=6),
    "decisions": Screen(
        "People considered", "Lists everybody considered, by reference, narrowed to one reason if asked."
    ),
    "decision": Screen(
        "Decision", "Says why one person is in or out, with the facts that each rule read of them.", many=4
    ),
    "findings": Screen(
        "Findings", "Lists what is wrong with whose records, by reference, narrowed to one kind if asked."
    ),
    "findings_csv": File("the findings of a cohort with the values found, as CSV"),
    "findings_xlsx": File("the findings of a cohort with the values found, as a workbook"),
    "matchability": Screen(
        "Who can be found", "Says by which key each department can find people, what mending gains, and who is missed."
    ),
    "difference": Screen(
        "Difference from the cohort before", "Says who came, who went and who changed since the last cohort, and why."
    ),
    "to_tell": Screen(
        "Who is to be told again", "Says how far the notice reached, and by which cut-off those left out could be sent."
    ),
    "to_tell_csv": File("whom to tell again, by team and without names, guarded for a spreadsheet"),
    "looks": Screen("Details to look at again", "Lists what teams were asked to look at, and what came of it."),
    "ask_for_look": Screen("Ask a team to look again", "Takes of whom which details a team is to look at."),
    "search_duplicates": Act("asks the workers to search for records of one person"),
    "replay_cohort": Act("asks the workers to run the rules again for a cohort"),
    "replay": Screen(
        "The rules, run again", "Follows a replay, and says whose decision would be another today, and why.", many=2
    ),
    "decisions_csv": File("every decision of a cohort, with its digest"),
}

SUBMISSIONS: dict[str, Place] = {
    "submissions": Screen("Submissions", "Lists every submission, and drafts one for a cohort that has none."),
    "draft": Act("drafts the submission of a cohort"),
    "submission": Screen(
        "Submission", "Shows where a submission stands, what it holds, and the next act or why it may not be.", many=14
    ),
    "explain": Screen("Explain open queries", "Takes a sentence for each query that is right as it is."),
    "explain_people": Screen(
        "Explain for single people", "Lists who has open queries of one code, each with an explanation of its own."
    ),
    "explain_one": Screen("Explain of one person", "Takes a sentence for what was found of one person or family."),
    "put_forward": Act("puts a submission forward for approval"),
    "take_up_again": Act("makes a submission that was sent back a draft again"),
    "sample": Act("opens the sample of records, masked, that an approver checks"),
    "approve": Act("approves exactly this content"),
    "void_submission": Screen("Make it void", "Takes the reason why a submission that has not left goes nowhere."),
    "send_back": Screen("Send back", "Takes the reason why a submission is not approved as it is."),
    "seal": Act("asks the workers to seal a submission"),
    "deliver": Act("asks the workers to deliver it"),
    "proof": Screen("Proof of submission", "Says what left, when, to whom and by whose hands, to print."),
    "proof_file": File("the proof as JSON, with the council's signature over it"),
    "withdrawals": Screen("Withdrawals", "Lists who is taken out of what was sent, and what is late."),
    "withdrawal": Screen("Withdrawal", "Shows how many are taken out, how far that is, and what stands in the way."),
    "try_withdrawal": Act("has the workers try again to deliver a withdrawal"),
    "acknowledge": Screen("Take in a receipt", "Takes the file by which a recipient says that people were taken out."),
    "take_in_receipt": Screen("Take in a receipt", "Takes the file by which a recipient says that it has it."),
    "rejected": Screen("Who could not be loaded", "Lists whom a recipient rejected, and why, for the data team."),
    "certificates": Screen("Recipients' certificates", "Lists for whom submissions are encrypted, and until when."),
    "add_certificate": Screen("Add a recipient's certificate", "Takes a certificate that a recipient gave us."),
    "accept_certificate": Screen(
        "Accept a recipient's certificate", "Takes the fingerprint that the recipient read out, from two people."
    ),
    "revoke_certificate": Screen(
        "Revoke a certificate", "Takes the reason why nothing is to be encrypted for it any more."
    ),
}

RETENTION: dict[str, Place] = {
    "retention": Screen(
        "Retention", "Lists by when what was sent must be destroyed, what is overdue, and what is gone."
    ),
    "retained": Screen(
        "Retention of a submission", "Shows every copy, what holds it, and how far its destruction is.", many=5
    ),
    "place_hold": Screen("Place a legal hold", "Takes the reason why nothing of a submission may be destroyed."),
    "lift_hold": Screen("Lift a legal hold", "Takes the reason why a hold ends."),
    "enter_recipients_certificate": Screen(
        "Enter a recipient's certificate of destruction", "Takes what a recipient certified, and hashes its file."
    ),
    "enter_study_end": Screen("Enter when the study ends", "Takes the last day of the research, and the source."),
    "ask_destruction": Screen("Ask for destruction", "Says what destruction means, and asks for it."),
    "confirm_destruction": Act("confirms a destruction that somebody else asked for"),
    "take_back_destruction": Act("takes back that a destruction was asked for"),
    "destruction_certificate": Screen(
        "Certificate of destruction", "Says what was destroyed, how, by whom and when, to print."
    ),
    "destruction_certificate_file": File("the certificate as JSON, with the council's signature over it"),
}

GOVERNANCE: dict[str, Place] = {
    "promises": Screen(
        "Promises", "Shows each promise of the privacy notice, what keeps it, its evidence now, and its last check."
    ),
    "check_promises": Act("has the workers check every promise"),
    "months": Screen("Months signed off", "Lists every month that is over, and which ones nobody signed off."),
    "signed_month": Screen("Month signed off", "Shows what stood there when a month was signed off, and the note."),
    "sign_month": Screen("Sign off a month", "Shows what a month came to, and takes the signature of who looked."),
    "trail": Screen("Trail", "Finds entries of the trail by event, person, record, day and words in the reason."),
    "trail_csv": File("the entries to which the trail was narrowed"),
    "trail_entry": Screen("Entry of the trail", "Shows one entry: who, what, when, why, and which fields changed."),
    "who_looked": Screen(
        "Who looked at a person",
        "Takes a person's reference, and why that is asked.",
        ("/trail/person/?reference=P1",),
    ),
    "looks_at_person": Screen(
        "Who looked at a person: what was found", "Lists every entry in which somebody was shown the person."
    ),
    "who_searched": Screen("Who searched for a name", "Takes a name, and why that is asked."),
    "searches_for_name": Screen(
        "Who searched for a name: what was found", "Lists every search for all words of the name."
    ),
    "looks_to_check": Screen(
        "Looks to check",
        "Lists looks at families that somebody should explain, and finds what is new of them.",
    ),
    "sift_trail": Act("has the workers go through what is new in the trail"),
    "look_to_check": Screen("Look to check", "Shows the entries to be explained, and takes what came of asking."),
    "verification": Screen(
        "Verification of the trail", "Shows checkpoint, key, and what came of verifying, and has it verified again."
    ),
    "verify_trail": Act("has the workers verify the whole trail"),
}

DESK: dict[str, Place] = {
    "objection_desk": Screen("Objections", "Lists what is to be decided, matched and looked at again, by the clock."),
    "objection": Screen(
        "Objection", "Shows whom it covers, what was sent about them, and what may be decided.", many=4
    ),
    "told": Screen("Letter to print", "Says to one person what was sent before, and what of it can be undone."),
    "uphold_objection": Act("decides that an objection is right"),
    "refuse_objection": Screen("Refuse an objection", "Takes the reason, the law, and when the person was told."),
    "narrow_objection": Screen("Narrow an objection to persons", "Takes whom of a family it goes on protecting."),
    "match_objection": Screen("Match an objection", "Takes whom it is about, and shows the name before it is kept."),
    "recheck_objection": Screen("Look at an objection again", "Takes what came of asking somebody at 16 or at 18."),
}

REQUESTS: dict[str, Place] = {
    "requests_desk": Screen(
        "Questions and requests", "Lists what waits for an answer, by its clock, and the register."
    ),
    "rights_request": Screen(
        "Question or request", "Shows what was asked, by when it is answered, and what to do.", many=4
    ),
    "answer_request": Screen("Record the answer", "Takes what was decided, by which law, and how the person was told."),
    "extend_request": Screen("Extend the time to answer", "Takes why it takes longer, and when the person was told."),
    "identify_request": Screen("Whom is it about?", "Takes a reference, and shows the name before it is kept."),
    "propose_erasure": Screen("Erase a person", "Says what would go and what speaks against it, and takes why."),
    "erasure": Screen(
        "Erasure", "Shows who proposed it and why, lets a second person confirm it, and tells what went."
    ),
    "confirm_erasure": Act("erases a person for good, as somebody else proposed"),
    "take_back_erasure": Act("takes back that a person is erased"),
    "close_request": Act("closes a request that was answered"),
}

SUBJECT_ACCESS: dict[str, Place] = {
    "subject_access": Screen("Subject access", "Finds the person who asks what is held about them."),
    "subjects_found": Screen("Who may be meant", "Lists who fits what they said, to choose one."),
    "ask_for_report": Screen(
        "Make a report", "Takes who asked for it, and why it is made.", ("/subject-access/person/P1/",)
    ),
    "subject_report": Screen(
        "All that is held about a person", "Tells one person what is held, was decided and sent, and who looked."
    ),
    "subject_file": File("the report as JSON", "pages/test_subject_access.py"),
    "not_on_paper": Screen(
        "What stands on no paper",
        "Shows where a protected person lives and what protects them, after a reason.",
        ("/subject-access/person/P5/not-on-paper/",),
    ),
}

DEVELOPERS: dict[str, Place] = {
    "kit": Screen("Components", "Shows developers every component; in production it is not there.", ("/kit/",)),
    "kit_page": Screen("Kinds of page", "Shows developers a form, a list, a letter and the like.", many=12),
}

WATCHED: dict[str, Place] = {
    "healthz": File("that the process answers, for machines", "deployment/test_health.py"),
    "readyz": File("whether each part is as it should be, for machines", "deployment/test_health.py"),
}

PLACES: dict[str, Place] = (
    SIGNING_IN
    | STAFF
    | FAMILIES
    | HOMES
    | UPLOADS
    | ROUNDS
    | SUBMISSIONS
    | DUPLICATES
    | REGISTERS
    | WISHES
    | DESK
    | REQUESTS
    | RETENTION
    | SUBJECT_ACCESS
    | GOVERNANCE
    | DEVELOPERS
    | WATCHED
)

GROUPS = {
    "Signing in, and home": SIGNING_IN,
    "Staff": STAFF,
    "Families": FAMILIES,
    "Where people live, and with whom": HOMES,
    "Loading files": UPLOADS,
    "Rounds and cohorts": ROUNDS,
    "Submissions": SUBMISSIONS,
    "Duplicates": DUPLICATES,
    "Registers": REGISTERS,
    "What families were told and want": WISHES,
    "The objection desk": DESK,
    "Questions and requests": REQUESTS,
    "Retention and destruction": RETENTION,
    "Subject access": SUBJECT_ACCESS,
    "Information governance": GOVERNANCE,
    "For developers": DEVELOPERS,
    "For who watches over the servers": WATCHED,
}


def patterns(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    """Every address of the site."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern)
        else:
            yield pattern


def roles_of(pattern: URLPattern) -> list[str]:
    """Who may open it."""
    needed = getattr(pattern.callback, "permissions", ())
    return [role for role in ROLES if not needed or ROLES[role].permits & set(needed)]


def who_opens(pattern: URLPattern, screen: Screen) -> str:
    """Who opens it, as the list of screens says it."""
    if screen.alone:
        return "nobody signed in"
    roles = roles_of(pattern)
    return "everybody" if len(roles) == len(ROLES) else ", ".join(ROLES[role].title for role in roles)


def screens() -> str:
    """docs/screens.md, as it must be."""
    found = {str(pattern.name): pattern for pattern in patterns()}
    lines = [HEAD]
    for title, group in GROUPS.items():
        if not any(isinstance(place, Screen) for place in group.values()):
            continue
        lines += [f"## {title}\n", "| screen | who | what it is for |", "|---|---|---|"]
        lines += [
            f"| {place.title} | {who_opens(found[name], place)} | {place.purpose} |"
            for name, place in group.items()
            if isinstance(place, Screen)
        ]
        lines.append("")
    return "\n".join(lines)


HEAD = """# The screens

Written by `make screens` from tests/pages/places.py, where every address of the site is; a test compares. The same
command photographs every screen, as each role that may open it, at 1280 and at 390 pixels, into `var/screens/`.
"""
