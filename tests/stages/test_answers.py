"""What information governance decides about an objection; until it does, the objection stands."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cohorts import answers, objections, queries
from cohorts.models import Objection, Person, Recheck
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.stages.asked import family_of, objection_of, out, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN, Walk

TODAY = RUN.date()
DAY = timedelta(days=1)
REFUSAL: dict[str, Any] = {
    "reason": "Quillfeather asked us to send it.", "legal_reference": "Article 21(1) UK GDPR", "told_on": TODAY,
}  # fmt: skip
WHY = "The others want to be part of it."


def as_governance(walk: Walk) -> dict[str, Any]:
    return {"by": walk.who("govern"), "at": walk.now()}


def receive(walk: Walk, reference: str = "NEW", **asked: Any) -> Objection:
    at = walk.now()
    asked = {"received_at": at} | asked
    return objections.receive(reference=reference, **asked, by=walk.who("worker"), at=at)


def codes(act: Any, **asked: Any) -> list[str]:
    """Why this is refused; and that nothing but the refusal is kept."""
    before = list(Objection.objects.order_by("pk").values()), Recheck.objects.count()
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert (list(Objection.objects.order_by("pk").values()), Recheck.objects.count()) == before
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.additional_data) == ("OBJECTION_DECISION_REFUSED", {"reasons": refusal.value.codes})
    return refusal.value.codes


def undecided(walk: Walk) -> list[str]:
    return [row.reference for row in queries.undecided_objections(walk.now())]


def test_an_objection_that_is_upheld_goes_on_standing_and_leaves_the_list(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert undecided(walk) == ["OP6"]
    row = answers.uphold(objection=objection_of("OP6"), **as_governance(walk))
    assert (row.decided_by, row.refused_at) == ("govern", None)
    assert out(walk, "F4") == {"P6": "OBJECTION_PERSON"}
    assert undecided(walk) == []
    assert codes(answers.uphold, objection=row, **as_governance(walk)) == ["DECIDED_ALREADY"]
    assert codes(answers.refuse, objection=row, **REFUSAL, **as_governance(walk)) == ["DECIDED_ALREADY"]


def test_an_objection_that_is_refused_stands_no_more_and_its_reason_is_not_in_the_trail(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = answers.refuse(objection=objection_of("OP6"), **REFUSAL, **as_governance(walk))
    assert out(walk, "F4") == {}
    assert undecided(walk) == []
    assert (row.refusal_reason, row.told_on) == (REFUSAL["reason"], TODAY)
    entry = Entry.objects.get(event="OBJECTION_TURNED_DOWN")
    (change,) = entry.changes
    assert change["fields"]["refusal_reason"] == ["changed", "changed"]
    assert "Quillfeather" not in str(Entry.objects.filter(pk=entry.pk).values())


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"reason": "  "}, "NO_REASON"),
        ({"legal_reference": ""}, "NO_LEGAL_REFERENCE"),
        ({"told_on": None}, "NOT_TOLD"),
        ({"told_on": TODAY + DAY}, "TOLD_LATER"),
        ({"told_on": date(2026, 9, 30)}, "TOLD_BEFORE"),
        ({"reason": "r" * 501}, "TOO_LONG"),
    ],
)
def test_nobody_is_refused_without_a_reason_a_law_and_word_of_it(
    walk_to: WalkTo, asked: dict[str, Any], code: str
) -> None:
    walk = walk_to("assemble")
    given = {"objection": objection_of("OP6")} | REFUSAL | asked
    assert codes(answers.refuse, **given, **as_governance(walk)) == [code]
    assert out(walk, "F4") == {"P6": "OBJECTION_PERSON"}


def test_a_family_objection_covers_the_named_alone_once_it_is_narrowed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = receive(walk, family=family_of("F1"))
    assert out(walk, "F1") == {"P1": "OBJECTION_FAMILY", "P2": "OBJECTION_FAMILY"}
    # P2 is in F3 too: the objection of one family reaches into the other.
    assert out(walk, "F3") == {"P2": "OBJECTION_FAMILY"}
    narrow: dict[str, Any] = {"objection": row, "reason": WHY}
    answers.narrow(**narrow, persons=[person_of("P2")], **as_governance(walk))
    assert out(walk, "F1") == {"P2": "OBJECTION_FAMILY"}
    assert out(walk, "F3") == {"P2": "OBJECTION_FAMILY"}
    assert "NEW" not in undecided(walk)
    entry = Entry.objects.get(event="OBJECTION_NARROWED")
    assert (entry.reason, entry.additional_data) == (WHY, {"persons": ["P2"]})
    answers.narrow(**narrow, persons=[person_of("P1")], **as_governance(walk))
    assert out(walk, "F1") == {"P1": "OBJECTION_FAMILY"}
    assert out(walk, "F3") == {}


@pytest.mark.parametrize(
    ("persons", "reason", "code"),
    [([], WHY, "NOBODY_NAMED"), (["P3"], WHY, "NOT_A_MEMBER"), (["P1"], " ", "NO_REASON")],
)
def test_an_objection_is_not_narrowed_to_nobody_to_strangers_or_without_a_reason(
    walk_to: WalkTo, persons: list[str], reason: str, code: str
) -> None:
    walk = walk_to("assemble")
    row = receive(walk, family=family_of("F1"))
    named = [person_of(reference) for reference in persons]
    asked: dict[str, Any] = {"objection": row, "persons": named, "reason": reason}
    assert codes(answers.narrow, **asked, **as_governance(walk)) == [code]
    assert out(walk, "F1") == {"P1": "OBJECTION_FAMILY", "P2": "OBJECTION_FAMILY"}


def test_an_objection_of_one_person_is_not_narrowed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    asked: dict[str, Any] = {"objection": objection_of("OP6"), "persons": [person_of("P6")], "reason": WHY}
    assert codes(answers.narrow, **asked, **as_governance(walk)) == ["NOT_FOR_A_FAMILY"]


def test_an_unmatched_objection_protects_whom_it_is_matched_to_and_waits_for_a_decision(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = receive(walk, about="The grandmother of the twins")
    assert queries.standing_unmatched_objections(walk.now()) == 1
    assert codes(answers.uphold, objection=row, **as_governance(walk)) == ["UNMATCHED"]
    assert codes(answers.match, objection=row, **as_governance(walk)) == ["PERSON_OR_FAMILY"]
    both: dict[str, Any] = {"person": person_of("P1"), "family": family_of("F1")}
    assert codes(answers.match, objection=row, **both, **as_governance(walk)) == ["PERSON_OR_FAMILY"]
    assert out(walk, "F1") == {}
    answers.match(objection=row, person=person_of("P1"), **as_governance(walk))
    assert out(walk, "F1") == {"P1": "OBJECTION_PERSON"}
    assert queries.standing_unmatched_objections(walk.now()) == 0
    assert "NEW" in undecided(walk)
    again: dict[str, Any] = {"objection": row, "person": person_of("P2")}
    assert codes(answers.match, **again, **as_governance(walk)) == ["MATCHED_ALREADY"]


def test_an_unmatched_objection_can_be_matched_to_a_family_or_refused(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    answers.match(objection=receive(walk, "ONE"), family=family_of("F1"), **as_governance(walk))
    assert set(out(walk, "F1")) == {"P1", "P2"}
    answers.refuse(objection=receive(walk, "TWO"), **REFUSAL, **as_governance(walk))
    assert queries.standing_unmatched_objections(walk.now()) == 0


@pytest.mark.parametrize("name", ["worker", "prepare", "approve"])
def test_nobody_but_information_governance_decides(walk_to: WalkTo, name: str) -> None:
    walk = walk_to("assemble")
    row = receive(walk, family=family_of("F1"))
    who: dict[str, Any] = {"by": walk.who(name), "at": walk.now()}
    assert codes(answers.uphold, objection=row, **who) == ["NOT_A_REVIEWER"]
    assert codes(answers.refuse, objection=row, **REFUSAL, **who) == ["NOT_A_REVIEWER"]
    assert codes(answers.narrow, objection=row, persons=[person_of("P1")], reason=WHY, **who) == ["NOT_A_REVIEWER"]
    unmatched = receive(walk, "LOST")
    assert codes(answers.match, objection=unmatched, person=person_of("P1"), **who) == ["NOT_A_REVIEWER"]


def test_nothing_is_decided_about_an_objection_that_was_lifted(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row, at = receive(walk, family=family_of("F1")), walk.now()
    objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)
    asked: dict[str, Any] = {"objection": row}
    assert codes(answers.uphold, **asked, **as_governance(walk)) == ["LIFTED_ALREADY"]
    assert codes(answers.refuse, **asked, **REFUSAL, **as_governance(walk)) == ["LIFTED_ALREADY"]
    asked |= {"persons": [person_of("P1")], "reason": WHY}
    assert codes(answers.narrow, **asked, **as_governance(walk)) == ["LIFTED_ALREADY"]


# Rechecks -------------------------------------------------------------------------------------------------------

LONG_AGO = datetime(2026, 6, 1, 9, tzinfo=UTC)


def due(walk: Walk) -> list[tuple[str, str, int]]:
    found = queries.rechecks_due(walk.now())
    return [(each.objection.reference, each.person.reference, each.age) for each in found]


def test_a_birthday_puts_what_a_parent_objected_to_on_the_list_and_it_stands(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P7", date_of_birth="2010-06-07")
    walk.change("people", "person_ref", "P2", date_of_birth="2008-06-07")
    row = receive(walk, "BY-PARENT", person=person_of("P7"), made_by="parent", received_at=LONG_AGO)
    receive(walk, "BY-SELF", person=person_of("P7"), made_by="self", received_at=LONG_AGO)
    receive(walk, "SINCE", person=person_of("P7"), made_by="parent")
    receive(walk, "FAMILY", family=family_of("F1"), made_by="self", received_at=LONG_AGO)
    assert due(walk) == [("BY-PARENT", "P7", 16), ("FAMILY", "P2", 18)]
    assert out(walk, "F4")["P7"] == "OBJECTION_PERSON"
    asked: dict[str, Any] = {"objection": row, "person": person_of("P7"), "age": 16}
    for more, code in (
        ({"outcome": "whatever"}, "NO_OUTCOME"),
        ({"outcome": "stands", "age": 18}, "NO_BIRTHDAY"),
        ({"outcome": "stands", "person": person_of("P2")}, "NOT_COVERED"),
    ):
        assert code in codes(answers.recheck, **asked | more, **as_governance(walk))
    answers.recheck(**asked, outcome="stands", **as_governance(walk))
    assert due(walk) == [("FAMILY", "P2", 18)]
    assert codes(answers.recheck, **asked, outcome="stands", **as_governance(walk)) == ["RECHECKED_ALREADY"]
    assert out(walk, "F4")["P7"] == "OBJECTION_PERSON"


def test_whoever_is_old_enough_lifts_what_was_objected_to_for_them(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P7", date_of_birth="2010-06-07")
    row = receive(walk, person=person_of("P7"), made_by="parent", received_at=LONG_AGO)
    asked: dict[str, Any] = {"objection": row, "person": person_of("P7"), "age": 16, "outcome": "lifted"}
    answers.recheck(**asked, **as_governance(walk))
    assert out(walk, "F4") == {"P6": "OBJECTION_PERSON"}
    assert objection_of("NEW").lift_asked_by == "self"


def test_one_of_a_family_does_not_lift_it_for_the_others(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P2", date_of_birth="2008-06-07")
    row = receive(walk, family=family_of("F1"), received_at=LONG_AGO)
    asked: dict[str, Any] = {"objection": row, "person": person_of("P2"), "age": 18, "outcome": "lifted"}
    assert codes(answers.recheck, **asked, **as_governance(walk)) == ["FOR_A_FAMILY"]


def test_the_dead_and_those_who_were_narrowed_away_are_not_asked(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P2", date_of_birth="2008-06-07")
    row = receive(walk, family=family_of("F1"), received_at=LONG_AGO)
    assert due(walk) == [("NEW", "P2", 18)]
    answers.narrow(objection=row, persons=[person_of("P1")], reason=WHY, **as_governance(walk))
    assert due(walk) == []
    answers.narrow(objection=row, persons=[person_of("P2")], reason=WHY, **as_governance(walk))
    assert due(walk) == [("NEW", "P2", 18)]
    walk.change("people", "person_ref", "P2", date_of_birth="2008-06-07", date_of_death="2026-07-01")
    assert due(walk) == []


def test_a_merged_record_is_asked_as_the_surviving_person(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    receive(walk, person=person_of("P7"), made_by="parent", received_at=LONG_AGO)
    walk.change("people", "person_ref", "P2", date_of_birth="2010-06-07")
    walk.change("people", "person_ref", "P7", merged_into="P2")
    assert due(walk) == [("NEW", "P2", 16)]
    row = objection_of("NEW")
    answers.recheck(objection=row, person=Person.objects.get(reference="P2"), age=16, outcome="not_asked",
                    **as_governance(walk))  # fmt: skip
    assert due(walk) == []
