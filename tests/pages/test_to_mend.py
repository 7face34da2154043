"""The work lists of Early Help: from today's records, each with the form that mends it, and never of a cohort."""

from typing import Any

from cohorts import families, homes, households, mending, people
from cohorts.models import Cohort, Decision, Family, Person
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, PEOPLE, Walk


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def listed(walk: Walk, team: str = "North") -> set[tuple[str, str, str]]:
    return {(it.code, it.person_ref, it.field) for it in mending.to_mend(team, walk.now())}


def test_the_list_is_of_the_flagged_families_of_one_team_as_they_are_today(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    wrong = {("DQ201", "P4", "postcode"), ("DQ212", "P4", "sex"), ("DQ204", "P5", "nino")}
    assert listed(walk) == wrong
    assert listed(walk, "South") == set()
    # A number on two people is found here as a run finds it.
    walk.change("people", "person_ref", "P8", nhs_number="943 476 5919")
    shared = {("DQ208", ref, "nhs_number") for ref in ("P1", "P8")}
    assert listed(walk) == wrong | shared
    walk.change("families", "family_ref", "F5", lifted_on="2026-06-01")
    assert listed(walk) == wrong | {("DQ208", "P1", "nhs_number")}
    walk.change("families", "family_ref", "F2", team="South")
    assert listed(walk, "South") == {("DQ201", "P4", "postcode"), ("DQ212", "P4", "sex")}
    person, at = person_of("P4"), walk.now()
    families.change_person(
        person=person, wanted={"sex": "2"}, seen={"sex": "0"}, by=walk.who("worker"), at=at
    )  # fmt: skip
    homes.move(
        person=person, lines=["1 Row", "Town"], postcode="PE1 1HG", from_on=at.date(), by=walk.who("worker"), at=at
    )  # fmt: skip
    assert listed(walk, "South") == set()


def test_the_list_is_the_same_whether_a_family_was_in_a_cohort_or_not(walk_to: WalkTo) -> None:
    """Two families alike in all but that one was assembled: nothing tells them apart."""
    walk = walk_to("assemble")
    walk.load({
        "families": [{"family_ref": "F2-B", "team": "North", "flagged_on": "2026-01-05"}],
        "people": [{"person_ref": "P4-B", "given_name": "Clementina", "family_name": "Marrowbone", "sex": "0",
                    "date_of_birth": "2020-02-29"}],
        "memberships": [{"family_ref": "F2-B", "person_ref": "P4-B", "joined_on": "2025-01-01",
                         "relationship": "child", "lives_in_household": "true"}],
        "addresses": [{"person_ref": "P4-B", "line_1": "2 Row", "line_2": "Osierham", "from_on": "2025-01-01",
                       "postcode": "NOWHERE"}],
    })  # fmt: skip
    assert not Decision.objects.filter(family_ref="F2-B").exists()
    found = listed(walk)
    of = {ref: {(code, field) for code, whose, field in found if whose == ref} for ref in ("P4", "P4-B")}
    assert of["P4"] == of["P4-B"] != set()
    walk.assemble(walk.cohort.round)
    assert Cohort.objects.count() == 2
    assert listed(walk) == found


def test_of_a_protected_address_nothing_is_said(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("addresses", "person_ref", "P8", line_1="Refuge House", postcode="NOWHERE")
    walk.change("addresses", "person_ref", "P7", line_1="refuge house", postcode="no where")
    at = walk.now()
    for ref in ("P3", "P8"):
        people.protect(person=person_of(ref), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    # P4 lives with P3, P7 at the place of P8; of the others nothing is to be mended in their address.
    assert listed(walk) == {("DQ212", "P4", "sex"), ("DQ204", "P5", "nino")}
    everybody = {row.pk: row for row in Person.objects.all()}
    withheld = {key for key, row in everybody.items() if households.address_withheld(row, at.date(), ever=True)}
    assert households.addresses_withheld(everybody, at.date()) == withheld
    assert {everybody[key].reference for key in withheld} == {"P3", "P4", "P5", "P6", "P7", "P8"}


def test_a_worker_goes_from_the_count_to_the_field_and_a_manager_chooses_a_team(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    accounts.add(username="south", role="early_help_worker", password=PASSWORD, team="South", by=duty("test"),
                 at=walk.now())  # fmt: skip
    accounts.add(username="none", role="early_help_worker", password=PASSWORD, by=duty("test"), at=walk.now())
    at_the_walks_time(walk)
    worker, manager = signed_in("worker"), signed_in("manage")
    assert "/records-to-mend/" in text(worker.get("/"))
    page = text(worker.get("/records-to-mend/"))
    assert page.count("Fewer than 10 people") == 3
    assert "/records-to-mend/DQ201/" in page
    home = person_of("P4").addresses.get()
    kinds = {code: text(worker.get(f"/records-to-mend/{code}/")) for code in ("DQ201", "DQ212", "DQ204")}
    for code, form in (
        ("DQ201", f"/families/F2/people/P4/addresses/{home.pk}/change/#id_postcode"),
        ("DQ212", "/families/F2/people/P4/change/#id_sex_0"),
        ("DQ204", "/families/F3/people/P5/change/#id_nino"),
    ):
        assert form in kinds[code]
        place, _, field = form.partition("#")
        assert f'id="{field}"' in text(worker.get(place))
    assert [given for _, given, *_ in PEOPLE for page in kinds.values() if given in page] == []
    # Another team's worker sees another list, whatever the address asks for; without a team there is none.
    for name in ("south", "none"):
        assert "/DQ201/" not in text(signed_in(name).get("/records-to-mend/?team=North"))
    asked = text(manager.get("/records-to-mend/"))
    assert "Choose a team" in asked
    assert "/DQ201/" not in asked
    assert "/records-to-mend/DQ201/?team=North" in text(manager.get("/records-to-mend/?team=North"))
    assert "P4" in text(manager.get("/records-to-mend/DQ201/?team=North"))
    assert worker.get("/records-to-mend/DQ999/").status_code == 404
    assert signed_in("prepare").get("/records-to-mend/").status_code == 403
    entry = Entry.objects.filter(event="RECORDS_TO_MEND_VIEWED").latest("pk")
    assert (entry.who, entry.additional_data) == ("manage", {"team": "North", "code": "DQ201"})
    assert Family.objects.filter(team="North").exists()
