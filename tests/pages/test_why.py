"""The page of one person in a cohort: why in or out, with the facts that were read."""

from typing import Any

from cohorts import people, rereading
from cohorts.models import Cohort, Decision
from connecting_families.audit.models import Entry
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PEOPLE, Walk

CHANGED = "The records of this family have changed since the run."
SAME = "The records are the same as in the run"


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def again(cohort: Cohort) -> dict[tuple[str, str], bool]:
    """Of each decision, whether the facts are still what the run read; what the rules say again is compared, too."""
    found = {}
    for row in Decision.objects.filter(cohort=cohort):
        reread = rereading.reread(cohort, row)
        assert reread.decision is not None
        assert ";".join(reread.decision.reasons) == row.reasons
        found[row.family_ref, row.person_ref] = reread.same_facts
    return found


def test_the_facts_read_again_are_those_of_the_run_until_a_record_changes(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    # A number on two people, and a merged record: the run looks both up for everybody at once.
    walk.change("people", "person_ref", "P3", nino="ab 12 34 56c")
    walk.load({"people": [{"person_ref": "P1-OLD", "given_name": "Zeb", "sex": "2", "merged_into": "P1"}]})
    cohort = walk.assemble(walk.cohort.round)
    assert set(again(cohort).values()) == {True}
    walk.change("people", "person_ref", "P3", nino="")
    # F1 and F3 hold P1 and P2: the number of P1 is on nobody else any more.
    assert {family for (family, _), same in again(cohort).items() if not same} == {"F1", "F2"}


def test_the_page_says_what_was_read_and_who_read_it_is_recorded(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/decision/"
    page = text(client.get(where, {"family": "F4", "person": "P6"}))
    assert SAME in page
    assert "Received on 1 October 2026 at 10:00, about everything: stands" in page
    assert "PN1 on 1 July 2026: counts" in page
    assert "TF1.1" in page
    assert "/families/F4/#person-P6" in page
    assert [value for _, given, family, born, *_ in PEOPLE for value in (given, family, born) if value in page] == []
    entry = Entry.objects.filter(event="DECISION_VIEWED").latest("pk")
    assert (entry.who, entry.record, entry.reference) == ("prepare", "cohorts.person", "P6")
    assert "/families/F4/" not in text(signed_in("govern").get(where, {"family": "F4", "person": "P6"}))
    assert signed_in("worker").get(where, {"family": "F4", "person": "P6"}).status_code == 403
    # Rubbish in the address is no page.
    for family, person in (("F4", "P1"), ("", ""), ("F4'--", "P6")):
        assert client.get(where, {"family": family, "person": person}).status_code == 404


def test_the_page_warns_where_the_records_say_something_else_today(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/decision/"
    walk.change("people", "person_ref", "P1", given_name="unknown")
    page = text(client.get(where, {"family": "F1", "person": "P1"}))
    assert CHANGED in page
    assert "No reason speaks against sending this person" in page
    assert "Asked again, the rules say: What ONS needs to link this person is missing or impossible." in page
    walk.change("engagements", "family_ref", "F1", ended_on="2026-03-01")
    assert "another group, date or dataset would be sent" in text(client.get(where, {"family": "F1", "person": "P2"}))
    walk.change("families", "family_ref", "F5", lifted_on="2026-06-01")
    gone = text(client.get(where, {"family": "F5", "person": "P8"}))
    assert "is no longer considered" in gone
    assert "What ONS needs" not in gone
    protect(walk)
    page = text(client.get(where, {"family": "F2", "person": "P4"}))
    assert CHANGED in page
    assert "/families/F2/" not in page
    assert "refuge" not in page


def protect(walk: Walk) -> None:
    at = walk.now()
    people.protect(person=person_of("P3"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
