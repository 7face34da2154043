"""Problems, work and flags: what the stages keep and refuse; after each act the rules say what counts."""

from datetime import date, timedelta
from typing import Any

import pytest

from cohorts import engagements, evidence, flags, people, unfinished
from cohorts.evidence import Observed
from cohorts.models import Engagement, Evidence, Family, FlagReview
from cohorts.rules.inclusion import problems_of
from cohorts.seen import values
from cohorts.views.problems import known_today
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who, duty
from connecting_families.staff import accounts
from tests.stages.asked import decisions, family_of, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, RUN, Walk

TODAY = RUN.date()
DAY = timedelta(days=1)


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    """With a family that is not flagged: a lead, a child, and no problem."""
    walk = walk_to("assemble")
    for name, role in (("manage", "early_help_manager"), ("other", "early_help_manager")):
        accounts.add(username=name, role=role, password=PASSWORD, by=duty("test"), at=walk.now())
    walk.load({
        "families": [{"family_ref": "F9", "team": "North"}],
        "people": [{"person_ref": "P91", "given_name": "Ottilie", "family_name": "Wren", "date_of_birth": "1990-01-01",
                    "sex": "2"},
                   {"person_ref": "P92", "given_name": "Basil", "family_name": "Wren", "date_of_birth": "2016-01-01",
                    "sex": "1"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01", "relationship": role,
                         "lives_in_household": "true"} for ref, role in (("P91", "lead"), ("P92", "child"))],
        "notices": [{"notice_ref": "N9", "version": "PN1", "family_ref": "F9", "issued_on": "2026-07-01",
                     "channel": "letter"}],
    })  # fmt: skip
    return walk


def saw(indicator: str, person: str = "", on: date = TODAY, source: str = "school") -> Observed:
    return Observed(indicator, person_of(person) if person else None, on, source)


def record(walk: Walk, *observed: Observed, family: str = "F9", **asked: Any) -> list[Evidence]:
    by, at = walk.who("worker"), walk.now()
    return evidence.record_evidence(family=family_of(family), observed=observed, **asked, by=by, at=at)


def counted(walk: Walk, family: str = "F9") -> int:
    return problems_of(*known_today(family_of(family), walk.now())).counted


def refused(act: Any, **asked: Any) -> list[str]:
    """Why this is refused; and that nothing but the refusal is kept."""
    models = (Family, Evidence, Engagement, FlagReview)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert [list(model.objects.order_by("pk").values()) for model in models] == before
    assert Entry.objects.latest("pk").additional_data == {"reasons": refusal.value.codes}
    return refusal.value.codes


# Problems -------------------------------------------------------------------------------------------------------


def test_what_was_observed_counts_by_the_rules_and_is_one_act(walk: Walk) -> None:
    made = record(walk, saw("TF2.1", "P92"), saw("TF5.1"), saw("TF5.2", "P91"), references=("EA", "EB"))
    assert [each.reference for each in made[:2]] == ["EA", "EB"]
    assert made[2].reference[0] == "E"
    assert {each.recorded_by for each in made} == {"worker"}
    assert counted(walk) == 2
    (entry,) = Entry.objects.filter(event="PROBLEMS_RECORDED")
    assert (entry.reference, entry.who, len(entry.changes)) == ("F9", "worker", 3)


def test_the_same_is_not_recorded_twice_and_a_little_else_is_something_else(walk: Walk) -> None:
    record(walk, saw("TF5.1", "P91"))
    entries = Entry.objects.count()
    assert record(walk, saw("TF5.1", "P91"), saw("TF5.1", "P91")) == []
    assert Entry.objects.count() == entries
    others = (saw("TF5.1"), saw("TF5.1", "P92"), saw("TF5.1", "P91", TODAY - DAY), saw("TF5.1", "P91", source="police"))
    assert len(record(walk, saw("TF5.1", "P91"), *others)) == 4
    assert counted(walk) == 1


def test_the_same_of_a_merged_record_is_not_recorded_twice(walk: Walk) -> None:
    record(walk, saw("TF5.1", "P92"))
    walk.load({"people": [{"person_ref": "P93", "given_name": "Basil", "family_name": "Wren", "sex": "1"},
                          {"person_ref": "P92", "merged_into": "P93"}]})  # fmt: skip
    assert record(walk, saw("TF5.1", "P93")) == []


def test_all_that_is_wrong_is_told_and_nothing_is_kept(walk: Walk) -> None:
    wrong = (
        saw("TF5.1", on=TODAY + DAY),
        saw("TF2.1", "P1"),
        saw("TF9.9"),
        saw("TF6.1", source="a friend"),
        saw("TF1.1"),
    )
    codes = refused(
        evidence.record_evidence, family=family_of("F9"), observed=wrong, by=walk.who("worker"), at=walk.now()
    )
    assert codes == ["OBSERVED_LATER", "NOT_OF_THE_FAMILY", "UNKNOWN_INDICATOR", "UNKNOWN_SOURCE"]
    nothing: dict[str, Any] = {"observed": (), "by": walk.who("worker"), "at": walk.now()}
    assert refused(evidence.record_evidence, family=family_of("F9"), **nothing) == ["NOTHING_OBSERVED"]


def test_evidence_recorded_in_error_stays_and_counts_no_more(walk: Walk) -> None:
    made, _ = record(walk, saw("TF5.1"), saw("TF2.1"))
    assert counted(walk) == 2
    asked: dict[str, Any] = {"evidence": made, "by": walk.who("worker")}
    assert refused(evidence.mark_in_error, **asked, reason=" ", at=walk.now()) == ["NO_REASON"]
    marked = evidence.mark_in_error(**asked, reason=" It was next door. ", at=walk.now())
    assert counted(walk) == 1
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference, entry.reason) == ("EVIDENCE_IN_ERROR", "F9", "It was next door.")
    assert entry.additional_data["evidence"] == marked.reference
    assert refused(evidence.mark_in_error, **asked, reason="Again.", at=walk.now()) == ["MARKED_ALREADY"]
    # What was right after all is recorded again.
    assert len(record(walk, saw("TF5.1"))) == 1
    assert counted(walk) == 2


def test_evidence_of_who_objects_to_everything_does_not_count(walk: Walk) -> None:
    record(walk, saw("TF5.1", "P91"), saw("TF2.1", "P92"))
    people.protect(person=person_of("P91"), kind="refuge", from_on=TODAY, by=walk.who("worker"), at=walk.now())
    assert counted(walk) == 1


# Work -----------------------------------------------------------------------------------------------------------


def begin(walk: Walk, on: date = TODAY, intervention: str = "parenting", family: str = "F9") -> Engagement:
    asked = {"started_on": on, "intervention": intervention}
    return engagements.begin(family=family_of(family), **asked, by=walk.who("worker"), at=walk.now())  # type: ignore[arg-type]


def test_work_that_begins_makes_a_family_one_of_the_programme(walk: Walk) -> None:
    day = date(2026, 9, 1)
    assert decisions("F2", walk.now())["P4"].group == "COMPARISON"
    begun = begin(walk, day, family="F2")
    assert decisions("F2", walk.now())["P4"][3:6] == ("PROGRAMME", day, None)
    engagements.end(engagement=begun, last_day=day + 9 * DAY, by=walk.who("worker"), at=walk.now())
    assert Engagement.objects.get(pk=begun.pk).ended_on == day + 10 * DAY
    assert decisions("F2", walk.now())["P4"][3:6] == ("PROGRAMME", day, day + 10 * DAY)


def test_the_same_work_is_one_and_two_kinds_on_a_day_are_two(walk: Walk) -> None:
    first = begin(walk)
    assert begin(walk) == first
    assert begin(walk, intervention="housing").ordinal == 2
    assert begin(walk, TODAY - DAY) != first
    assert Entry.objects.filter(event="WORK_BEGUN", reference="F9").count() == 3


def test_work_that_cannot_be_so_is_refused(walk: Walk) -> None:
    by: dict[str, Any] = {"by": walk.who("worker"), "at": walk.now()}
    asked: dict[str, Any] = {"started_on": TODAY + DAY, "intervention": "magic"}
    assert refused(engagements.begin, family=family_of("F9"), **asked, **by) == ["BEGUN_LATER", "UNKNOWN_WORK"]
    row = begin(walk)
    for last_day, code in ((TODAY - DAY, "ENDED_BEFORE_IT_BEGAN"), (TODAY + DAY, "ENDED_LATER")):
        assert refused(engagements.end, engagement=row, last_day=last_day, **by) == [code]
    earlier = begin(walk, TODAY - 9 * DAY)
    for _ in range(2):
        engagements.end(engagement=earlier, last_day=TODAY - DAY, **by)
    assert Entry.objects.filter(event="WORK_ENDED").count() == 1
    assert refused(engagements.end, engagement=earlier, last_day=TODAY, **by) == ["ENDED_ALREADY"]


# Flags ----------------------------------------------------------------------------------------------------------


def set_flag(walk: Walk, on: date = TODAY, who: str = "worker", seen: dict[str, str] | None = None) -> Family:
    row = family_of("F9")
    seen = values(row, ["flagged_on", "lifted_on"]) if seen is None else seen
    return flags.flag(family=row, on=on, seen=seen, by=walk.who(who), at=walk.now())


def lift(walk: Walk, on: date = TODAY, who: str = "worker", reason: str = "They moved away.", **asked: Any) -> Family:
    row = family_of("F9")
    asked = {"seen": values(row, ["flagged_on", "lifted_on"])} | asked
    return flags.lift(family=row, on=on, reason=reason, **asked, by=walk.who(who), at=walk.now())


def review(walk: Walk, outcome: str, who: str = "manage", reason: str = "Ask the school again.") -> FlagReview:
    row = FlagReview.objects.latest("pk")
    return flags.review(waiting=row, outcome=outcome, reason=reason, by=walk.who(who), at=walk.now())


def test_a_family_is_flagged_once_the_rules_find_nothing_missing(walk: Walk) -> None:
    asked: dict[str, Any] = {"seen": {"flagged_on": "", "lifted_on": ""}, "by": walk.who("worker")}
    assert refused(flags.flag, family=family_of("F9"), on=TODAY, **asked, at=walk.now()) == ["MISSING"]
    record(walk, saw("TF5.1"), saw("TF2.1", on=TODAY - DAY))
    # The day before yesterday one was not observed yet.
    with pytest.raises(Refused, match="On 31 October 2026: 2 more headline problems need to be evidenced"):
        set_flag(walk, TODAY - 2 * DAY)
    with pytest.raises(Refused, match="On 1 November 2026: 1 more headline problem needs to be evidenced"):
        set_flag(walk, TODAY - DAY)
    assert refused(flags.flag, family=family_of("F9"), on=TODAY + DAY, **asked, at=walk.now()) == ["FLAGGED_LATER"]
    row = set_flag(walk)
    assert (row.flagged_on, row.lifted_on, row.flagged_by) == (TODAY, None, "worker")
    waiting = FlagReview.objects.get()
    assert (waiting.flagged_on, waiting.flagged_by, waiting.outcome) == (TODAY, "worker", "")
    entries = Entry.objects.count()
    set_flag(walk)
    assert Entry.objects.count() == entries
    with pytest.raises(Refused, match="flagged already, from 2 November 2026, by worker"):
        set_flag(walk, who="manage")


def flagged(walk: Walk, who: str = "worker") -> None:
    record(walk, saw("TF5.1", on=date(2026, 1, 5)), saw("TF2.4", on=date(2026, 1, 5)))
    set_flag(walk, who=who)


def test_a_flag_is_reviewed_by_a_manager_who_did_not_set_it(walk: Walk) -> None:
    flagged(walk, who="manage")
    waiting = FlagReview.objects.get()
    asked: dict[str, Any] = {"waiting": waiting, "outcome": "confirmed", "at": walk.now()}
    assert refused(flags.review, **asked, by=walk.who("manage")) == ["FOUR_EYES"]
    assert refused(flags.review, **asked, by=walk.who("worker")) == ["NOT_FOR_THIS_ROLE"]
    assert refused(flags.review, **asked | {"outcome": "sent_back"}, by=walk.who("other")) == ["NO_REASON"]
    assert refused(flags.review, **asked | {"outcome": "lifted"}, by=walk.who("other")) == ["UNKNOWN_OUTCOME"]
    done = review(walk, "confirmed", "other")
    assert (done.outcome, done.reviewed_by, family_of("F9").lifted_on) == ("confirmed", "other", None)
    entries = Entry.objects.count()
    review(walk, "confirmed", "other")
    assert Entry.objects.count() == entries
    accounts.add(username="third", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    with pytest.raises(Refused, match="waits no more: confirmed by other"):
        review(walk, "sent_back", "third")


def test_the_database_too_lets_nobody_review_their_own_flag(walk: Walk) -> None:
    from django.db import IntegrityError

    from connecting_families.audit import trail
    from connecting_families.audit.events import Event

    flagged(walk)
    row, by = FlagReview.objects.get(), walk.who("worker")
    row.outcome, row.reviewed_by, row.reviewed_at = "confirmed", "worker", walk.now()

    def around() -> None:
        with trail.act():
            trail.record(Event.FLAG_CONFIRMED, who=by, at=RUN)
            row.save()

    with pytest.raises(IntegrityError, match="flag_reviewed_by_another"):
        around()


def test_a_flag_that_is_sent_back_is_lifted_and_set_again_the_same_day(walk: Walk) -> None:
    flagged(walk)
    review(walk, "sent_back")
    row = family_of("F9")
    assert (row.flagged_on, row.lifted_on) == (TODAY, TODAY)
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.who, entry.reason) == ("FLAG_SENT_BACK", "manage", "Ask the school again.")
    assert not unfinished.flags_to_review(walk.now()).exists()
    set_flag(walk)
    row = family_of("F9")
    assert (row.flagged_on, row.lifted_on) == (TODAY, None)
    assert [each.outcome for each in FlagReview.objects.order_by("pk")] == ["sent_back", ""]
    (waits,) = unfinished.flags_to_review(walk.now())
    assert waits == FlagReview.objects.latest("pk")


def test_a_flag_counts_from_its_first_day_whatever_a_review_finds(walk: Walk) -> None:
    record(walk, saw("TF5.1", on=date(2026, 1, 5)), saw("TF2.4", on=date(2026, 1, 5)))
    set_flag(walk, date(2026, 9, 1))
    for act in (lambda: None, lambda: review(walk, "sent_back")):
        act()
        assert set(decisions("F9", walk.now())) == {"P91", "P92"}


def test_a_flag_is_lifted_for_a_reason_and_another_begins_after_it(walk: Walk) -> None:
    record(walk, saw("TF5.1", on=date(2026, 1, 5)), saw("TF2.4", on=date(2026, 1, 5)))
    set_flag(walk, TODAY - 9 * DAY)
    asked: dict[str, Any] = {"family": family_of("F9"), "seen": values(family_of("F9"), ["flagged_on", "lifted_on"]),
                             "by": walk.who("worker"), "at": walk.now()}  # fmt: skip
    assert refused(flags.lift, **asked, on=TODAY, reason=" ") == ["NO_REASON"]
    assert refused(flags.lift, **asked, on=TODAY + DAY, reason="So.") == ["LIFTED_LATER"]
    assert refused(flags.lift, **asked, on=TODAY - 10 * DAY, reason="So.") == ["LIFTED_BEFORE"]
    lift(walk, TODAY - DAY)
    assert FlagReview.objects.get().outcome == "lifted"
    entries = Entry.objects.count()
    lift(walk, TODAY - DAY)
    assert Entry.objects.count() == entries
    with pytest.raises(Refused, match="lifted already, from 1 November 2026"):
        lift(walk, TODAY)
    with pytest.raises(Refused, match="stood until 1 November 2026: enter that day, or a later one"):
        set_flag(walk, TODAY - 2 * DAY)
    set_flag(walk, TODAY - DAY)
    assert [each.outcome for each in FlagReview.objects.order_by("pk")] == ["lifted", ""]
    # What was before is in the trail.
    change = Entry.objects.filter(event="FAMILY_FLAGGED").latest("pk").changes
    assert ["2026-10-24", "2026-11-01"] in [each["fields"].get("flagged_on") for each in change]


def test_whoever_lifts_what_a_colleague_changed_meanwhile_is_told(walk: Walk) -> None:
    flagged(walk)
    seen = values(family_of("F9"), ["flagged_on", "lifted_on"])
    lift(walk, who="manage")
    set_flag(walk, who="manage")
    walk.minutes += 24 * 60
    with pytest.raises(Refused, match="changed this while you had it open"):
        flags.flag(family=family_of("F9"), on=TODAY + DAY, seen={"flagged_on": "", "lifted_on": ""},
                   by=walk.who("worker"), at=walk.now())  # fmt: skip
    lift(walk, TODAY + DAY, who="manage")
    with pytest.raises(Refused, match="changed this while you had it open"):
        lift(walk, TODAY, seen=seen)


def test_a_flag_of_the_case_system_is_not_lifted_where_there_is_none(walk: Walk) -> None:
    assert refused(
        flags.lift, family=family_of("F9"), on=TODAY, reason="So.", seen={"flagged_on": "", "lifted_on": ""},
        by=walk.who("worker"), at=walk.now(),
    ) == ["NOT_FLAGGED"]  # fmt: skip


def test_a_flag_that_a_file_took_away_is_not_reviewed(walk: Walk) -> None:
    flagged(walk)
    walk.load({"families": [{"family_ref": "F9", "team": "North", "flagged_on": "2026-01-05"}]})
    assert not unfinished.flags_to_review(walk.now()).exists()
    with pytest.raises(Refused, match="the case system's files changed it meanwhile"):
        review(walk, "confirmed")


def test_families_to_finish_are_those_that_lack_the_flag_alone_or_have_it_and_lack_something(walk: Walk) -> None:
    def left(team: str | None = "North") -> dict[str, tuple[str, ...]]:
        return {each.family_ref: each.missing for each in unfinished.families(team, walk.now())}

    record(walk, saw("TF5.1", on=date(2026, 1, 5)))
    assert left() == {}
    record(walk, saw("TF2.4", on=date(2026, 1, 5)))
    assert left() == {"F9": ()}
    assert left(None) == {"F9": ()}
    assert left("South") == {}
    set_flag(walk)
    assert left() == {}
    row = Evidence.objects.filter(family__reference="F9").latest("pk")
    evidence.mark_in_error(evidence=row, reason="Wrong.", by=walk.who("worker"), at=walk.now())
    assert left() == {"F9": ("1 more headline problem needs to be evidenced.",)}


def test_who_is_only_a_machine_flags_nothing_else(walk: Walk) -> None:
    """A duty is no manager: its flag is reviewed like any other."""
    record(walk, saw("TF5.1"), saw("TF2.4"))
    flags.flag(family=family_of("F9"), on=TODAY, seen={"flagged_on": "", "lifted_on": ""}, by=Who("system:test"),
               at=walk.now())  # fmt: skip
    assert review(walk, "confirmed").reviewed_by == "manage"
