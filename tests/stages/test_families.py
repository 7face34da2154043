"""A family, its people and their details, as stages record them."""

from datetime import date, timedelta
from typing import Any

import pytest

from cohorts import details, families, households, people, search, seen
from cohorts.families import Belonging, FamilyNotAdded, PersonNotAdded, PersonNotChanged
from cohorts.models import Family, Membership, Person
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.stages.asked import family_of, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, RUN, Walk

TODAY = RUN.date()
GIVEN: dict[str, Any] = {
    "given_name": "Araminta", "family_name": "Plover", "date_of_birth": date(2011, 5, 6), "dob_missing_reason": "",
    "sex": "2", "nhs_number": "", "nino": "", "upn": "", "uln": "", "in_education": "", "middle_names": "",
    "previous_family_names": "",
}  # fmt: skip
CHILD = Belonging("child", lives_in_household=True, parental_responsibility=False, joined_on=date(2026, 1, 5))


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    return walk_to("assemble")


@pytest.fixture
def manager(walk: Walk) -> str:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    return "manage"


def add(walk: Walk, *, family: str = "F1", belonging: Belonging = CHILD, **given: Any) -> Person:
    by, at = walk.who("worker"), walk.now()
    return families.add_person(family=family_of(family), given=GIVEN | given, belonging=belonging, by=by, at=at)


def join(walk: Walk, person: str, family: str = "F5", *, by: str = "worker", **asked: Any) -> Membership:
    known: dict[str, Any] = {"family": family_of(family), "person": person_of(person), "belonging": CHILD} | asked
    return families.join_family(**known, by=walk.who(by), at=walk.now())


def change(walk: Walk, reference: str = "P1", was: dict[str, str] | None = None, **wanted: Any) -> Person:
    row = person_of(reference)
    carried = seen.values(row, wanted) if was is None else was
    return families.change_person(person=row, wanted=wanted, seen=carried, by=walk.who("worker"), at=walk.now())


def reasons(refused: pytest.ExceptionInfo[Any]) -> list[tuple[str, str]]:
    return [(reason.code, getattr(reason, "field", "")) for reason in refused.value.reasons]


def last() -> Entry:
    entry: Entry = Entry.objects.latest("pk")
    return entry


# A family --------------------------------------------------------------------------------------------------------


def test_a_family_is_of_the_workers_own_team(walk: Walk) -> None:
    row = families.add_family(team="North", by=walk.who("worker"), at=walk.now())
    assert (row.team, row.flagged_on, row.reference[:2]) == ("North", None, "CF")
    assert (last().event, last().reference) == ("FAMILY_ADDED", row.reference)
    with pytest.raises(FamilyNotAdded) as refused:
        families.add_family(team="South", by=walk.who("worker"), at=walk.now())
    assert reasons(refused) == [("OTHER_TEAM", "team")]
    assert last().event == "FAMILY_REFUSED"


def test_a_manager_chooses_the_team_and_there_must_be_one(walk: Walk, manager: str) -> None:
    assert families.add_family(team="South", by=walk.who(manager), at=walk.now()).team == "South"
    with pytest.raises(FamilyNotAdded) as refused:
        families.add_family(team=" ", by=walk.who(manager), at=walk.now())
    assert reasons(refused) == [("NO_TEAM", "team")]


def test_a_reference_is_used_once(walk: Walk) -> None:
    with pytest.raises(FamilyNotAdded) as refused:
        families.add_family(reference="F1", team="North", by=walk.who("worker"), at=walk.now())
    assert reasons(refused) == [("REFERENCE_IN_USE", "")]


# Somebody new ----------------------------------------------------------------------------------------------------


def test_a_person_and_their_membership_are_one_act(walk: Walk) -> None:
    row = add(walk)
    assert (row.reference[:2], row.family_name) == ("CP", "Plover")
    assert row in households.members(family_of("F1"), TODAY)
    entry = last()
    assert (entry.event, entry.additional_data) == ("PERSON_ADDED", {"family": "F1"})
    assert {change["record"] for change in entry.changes} == {"cohorts.person", "cohorts.membership"}
    assert "Plover" not in str(entry.changes)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"given_name": " ", "family_name": ""}, ("NAME_MISSING", "given_name")),
        ({"date_of_birth": TODAY + timedelta(days=1)}, ("BORN_LATER", "date_of_birth")),
        ({"date_of_birth": None}, ("BIRTH_UNEXPLAINED", "dob_missing_reason")),
        ({"date_of_death": TODAY + timedelta(days=1)}, ("DIED_LATER", "date_of_death")),
        ({"date_of_death": date(2011, 5, 5)}, ("DIED_BEFORE_BIRTH", "date_of_death")),
        ({"belonging": CHILD._replace(joined_on=TODAY + timedelta(days=1))}, ("JOINED_LATER", "joined_on")),
        ({"belonging": CHILD._replace(joined_on=date(2011, 5, 5))}, ("JOINED_BEFORE_BIRTH", "joined_on")),
        ({"belonging": CHILD._replace(relationship="king")}, ("UNKNOWN_RELATIONSHIP", "relationship")),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(
    walk: Walk, given: dict[str, Any], reason: tuple[str, str]
) -> None:
    before = Person.objects.count()
    with pytest.raises(PersonNotAdded) as refused:
        add(walk, **given)
    assert reason in reasons(refused)
    assert Person.objects.count() == before
    assert last().event == "PERSON_REFUSED"


def test_on_the_day_is_early_enough(walk: Walk) -> None:
    born_today: dict[str, Any] = {
        "date_of_birth": TODAY,
        "date_of_death": TODAY,
        "belonging": CHILD._replace(joined_on=TODAY),
    }
    assert add(walk, **born_today).date_of_death == TODAY


def test_one_name_and_a_reason_for_no_date_of_birth_are_enough(walk: Walk) -> None:
    row = add(walk, given_name="", date_of_birth=None, dob_missing_reason="not known")
    assert row.dob_missing_reason == "not known"


def test_a_number_that_looks_wrong_is_kept_and_doubted(walk: Walk) -> None:
    wrong: dict[str, Any] = {"nhs_number": "9434765918", "nino": "QQ123456A", "upn": "A801200005001"}
    assert add(walk, **wrong).nhs_number == "9434765918"
    doubts = [(doubt.code, doubt.field) for doubt in details.doubts(GIVEN | wrong, TODAY)]
    assert doubts == [("DQ203", "nhs_number"), ("DQ204", "nino"), ("DQ205", "upn"), ("DQ206", "nino")]
    assert details.doubts(GIVEN, TODAY) == []


# Somebody on file ------------------------------------------------------------------------------------------------


def test_somebody_on_file_joins_another_family_once(walk: Walk) -> None:
    first = join(walk, "P4")
    assert (last().event, last().reference) == ("PERSON_JOINED", "P4")
    assert last().additional_data == {"family": "F5", "other_families": ["F2"]}
    count = Entry.objects.count()
    assert join(walk, "P4") == first
    assert (Membership.objects.filter(family=first.family, person=first.person).count(), Entry.objects.count()) == (
        1,
        count,
    )


def test_who_was_merged_is_refused_with_the_name_of_the_survivor(walk: Walk) -> None:
    walk.change("people", "person_ref", "P4", merged_into="P3")
    with pytest.raises(PersonNotAdded, match="merged into P3") as refused:
        join(walk, "P4")
    assert reasons(refused) == [("MERGED", "")]


def test_of_another_teams_people_alone_a_reason_is_asked(walk: Walk) -> None:
    walk.change("families", "family_ref", "F2", team="South")
    with pytest.raises(PersonNotAdded) as refused:
        join(walk, "P4")
    assert reasons(refused) == [("NO_REASON", "reason")]
    join(walk, "P4", reason=" They moved. ")
    assert (last().event, last().reason) == ("PERSON_JOINED", "They moved.")
    # P2 is in families of both teams.
    walk.change("families", "family_ref", "F3", team="South")
    join(walk, "P2")


def test_protected_people_of_another_team_and_their_families_are_closed(walk: Walk, manager: str) -> None:
    walk.change("families", "family_ref", "F2", team="South")
    at = walk.now()
    people.protect(person=person_of("P3"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    for person in ("P3", "P4"):
        with pytest.raises(PersonNotAdded) as refused:
            join(walk, person, reason="They moved.")
        assert reasons(refused) == [("CLOSED", "")]
    join(walk, "P3", by=manager, reason="They moved.")


def test_who_left_comes_back_later_and_not_before(walk: Walk) -> None:
    walk.load({
        "memberships": [{"family_ref": "F2", "person_ref": "P4", "joined_on": "2025-01-01", "relationship": "child",
                         "lives_in_household": "true", "left_on": "2026-06-01"}]
    })  # fmt: skip
    with pytest.raises(PersonNotAdded) as refused:
        join(walk, "P4", "F2")
    assert reasons(refused) == [("IN_IT_THEN", "joined_on")]
    join(walk, "P4", "F2", belonging=CHILD._replace(joined_on=date(2026, 6, 1)))
    assert Membership.objects.filter(family__reference="F2", person__reference="P4").count() == 2


# Who may be the same ---------------------------------------------------------------------------------------------


def look(walk: Walk, **asked: Any) -> search.Duplicates:
    known: dict[str, Any] = {"given_name": "Clementyna", "family_name": "Marrowbone"}
    known |= {"date_of_birth": date(2020, 2, 29)} | asked
    return search.look_for_duplicates(family=family_of("F5"), **known, by=walk.who("worker"), at=walk.now())


def test_looking_for_who_may_be_the_same_is_recorded_as_a_search(walk: Walk) -> None:
    assert [row.person.reference for row in look(walk).found] == ["P4"]
    entry = last()
    assert entry.event == "FAMILIES_SEARCHED"
    assert entry.additional_data["people"] == ["P4"]
    assert entry.additional_data["to_add_to"] == "F5"
    assert search.searches_for("Marrowbone Clementyna").get() == entry


def test_who_is_protected_in_another_team_is_only_counted(walk: Walk) -> None:
    walk.change("families", "family_ref", "F2", team="South")
    assert look(walk).closed == 0
    at = walk.now()
    people.protect(person=person_of("P4"), kind="adoption", from_on=at.date(), by=walk.who("worker"), at=at)
    assert look(walk) == search.Duplicates([], 1)
    assert last().additional_data["people"] == last().additional_data["families"] == []
    walk.change("families", "family_ref", "F2", team="North")
    assert look(walk).closed == 0


# Changes ---------------------------------------------------------------------------------------------------------


def test_a_change_is_recorded_by_the_names_of_the_fields(walk: Walk) -> None:
    change(walk, family_name="Quill", date_of_death=date(2026, 10, 1))
    entry = last()
    assert (entry.event, entry.reference) == ("PERSON_CHANGED", "P1")
    assert entry.changes[0]["fields"].keys() == {"family_name", "date_of_death"}
    assert "Quill" not in str(entry.changes)


def test_what_a_colleague_changed_meanwhile_is_told_and_not_written_over(walk: Walk) -> None:
    was = seen.values(person_of("P1"), ["given_name", "family_name", "sex"])
    change(walk, family_name="Quill")
    with pytest.raises(PersonNotChanged) as refused:
        change(walk, was=was, given_name="Zeb", family_name="Feather", sex="2")
    assert reasons(refused) == [("CHANGED_MEANWHILE", "family_name")]
    (why,) = refused.value.reasons
    assert "worker (Early Help worker)" in why.sentence
    assert "now it says Quill" in why.sentence
    assert person_of("P1").given_name == "Zebulonia"


def test_the_same_change_pressed_twice_is_recorded_once(walk: Walk) -> None:
    was = seen.values(person_of("P1"), ["family_name"])
    change(walk, was=was, family_name="Quill")
    count = Entry.objects.count()
    change(walk, was=was, family_name="Quill")
    assert Entry.objects.count() == count


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"given_name": "", "family_name": ""}, ("NAME_MISSING", "given_name")),
        ({"date_of_birth": None}, ("BIRTH_UNEXPLAINED", "dob_missing_reason")),
        ({"date_of_birth": TODAY + timedelta(days=1)}, ("BORN_LATER", "date_of_birth")),
        ({"date_of_death": date(1980, 1, 1)}, ("DIED_BEFORE_BIRTH", "date_of_death")),
        ({"date_of_death": TODAY + timedelta(days=1)}, ("DIED_LATER", "date_of_death")),
    ],
)
def test_a_change_to_what_cannot_be_right_is_refused(
    walk: Walk, wanted: dict[str, Any], reason: tuple[str, str]
) -> None:
    with pytest.raises(PersonNotChanged) as refused:
        change(walk, **wanted)
    assert reasons(refused) == [reason]
    assert last().event == "PERSON_CHANGE_REFUSED"


def test_what_a_file_left_open_keeps_nobody_from_changing_something_else(walk: Walk) -> None:
    walk.change("people", "person_ref", "P1", date_of_birth="")
    assert change(walk, sex="9").sex == "9"


def test_a_merged_record_is_not_changed(walk: Walk) -> None:
    walk.change("people", "person_ref", "P4", merged_into="P3")
    with pytest.raises(Refused, match="merged into P3"):
        change(walk, "P4", sex="1")
    assert Family.objects.filter(reference="F2").exists()
