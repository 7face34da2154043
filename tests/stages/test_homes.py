"""Where a person lives, and what they are in a family: each act, what is refused, and what the trail keeps."""

from datetime import date, timedelta
from typing import Any

import pytest

from cohorts import homes, households
from cohorts.models import Address, Membership
from cohorts.seen import values
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.stages.asked import out, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, RUN, Walk

TODAY = RUN.date()
DAY = timedelta(days=1)
NEW: dict[str, Any] = {"lines": ["3 Nettlefold Yard", "Withyham"], "postcode": "PE2 2BB", "from_on": TODAY}


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    return walk_to("assemble")


def move(walk: Walk, reference: str = "P1", **asked: Any) -> Address:
    given = NEW | asked
    return homes.move(person=person_of(reference), **given, by=walk.who("worker"), at=walk.now())


def mend(walk: Walk, row: Address, seen: dict[str, str] | None = None, **wanted: Any) -> Address:
    saw = values(row, wanted) if seen is None else seen
    options = {"postcode_is_right": wanted.pop("postcode_is_right", False)}
    return homes.change_address(
        address=row, wanted=wanted, seen=saw, **options, by=walk.who("worker"), at=walk.now()
    )  # fmt: skip


def change(walk: Walk, row: Membership, seen: dict[str, str] | None = None, **wanted: Any) -> Membership:
    saw = values(row, wanted) if seen is None else seen
    return homes.change_membership(membership=row, wanted=wanted, seen=saw, by=walk.who("worker"), at=walk.now())


def leave(walk: Walk, row: Membership, last_day: date) -> Membership:
    return homes.leave(membership=row, last_day=last_day, by=walk.who("worker"), at=walk.now())


def codes(act: Any, *given: Any, **asked: Any) -> list[tuple[str, str]]:
    """Why this is refused, and at which field; and that nothing but the refusal is kept."""
    before = [list(model.objects.order_by("pk").values()) for model in (Address, Membership)]
    with pytest.raises(Refused) as refusal:
        act(*given, **asked)
    assert [list(model.objects.order_by("pk").values()) for model in (Address, Membership)] == before
    assert Entry.objects.latest("pk").additional_data == {"reasons": refusal.value.codes}
    return [(reason.code, getattr(reason, "field", "")) for reason in refusal.value.reasons]


def home() -> Address:
    return person_of("P1").addresses.order_by("-from_on")[0]


def place(reference: str = "P1") -> Membership:
    return Membership.objects.get(person__reference=reference)


# A move ---------------------------------------------------------------------------------------------------------


def test_a_move_ends_the_address_that_stood_on_the_day(walk: Walk) -> None:
    old = home()
    new = move(walk, from_on=TODAY - 3 * DAY)
    old.refresh_from_db()
    assert (old.to_on, new.from_on, new.to_on) == (TODAY - 3 * DAY, TODAY - 3 * DAY, None)
    assert households.address_on(person_of("P1"), TODAY - 4 * DAY) == old
    assert households.address_on(person_of("P1"), TODAY - 3 * DAY) == new
    assert (new.line_1, new.line_2, new.line_3) == ("3 Nettlefold Yard", "Withyham", "")


def test_the_trail_tells_of_a_move_and_holds_no_address(walk: Walk) -> None:
    move(walk, uprn="100012345678")
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference, entry.who) == ("MOVE_RECORDED", "P1", "worker")
    mend(walk, home(), line_1="4 Nettlefold Yard")
    kept = str(list(Entry.objects.values()))
    assert "line_1" in kept
    for text in ("Nettlefold", "Withyham", "PE2", "100012345678", LINE):
        assert text not in kept


def test_the_same_move_again_is_there_already(walk: Walk) -> None:
    first, entries = move(walk), Entry.objects.count()
    assert move(walk) == first
    assert (person_of("P1").addresses.count(), Entry.objects.count()) == (2, entries)


def test_a_second_address_from_one_day_is_refused(walk: Walk) -> None:
    move(walk)
    assert codes(move, walk, postcode="PE2 2BD") == [("MOVED_THAT_DAY", "from_on")]


def test_a_move_that_came_before_another_ends_with_that_one(walk: Walk) -> None:
    move(walk)
    earlier = move(walk, from_on=TODAY - 9 * DAY, lines=["5 Row", "Town"])
    assert earlier.to_on == TODAY
    assert person_of("P1").addresses.get(line_1=LINE).to_on == TODAY - 9 * DAY


def test_a_move_is_known_up_to_a_year_ahead(walk: Walk) -> None:
    assert codes(move, walk, from_on=TODAY + 366 * DAY) == [("TOO_FAR_AHEAD", "from_on")]
    assert move(walk, from_on=TODAY + 365 * DAY).pk
    assert person_of("P1").addresses.get(line_1=LINE).to_on == TODAY + 365 * DAY


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"lines": ["", ""]}, [("TOO_FEW_LINES", "line_1")]),
        ({"lines": ["1 Row"]}, [("TOO_FEW_LINES", "line_2")]),
        ({"postcode": "NOWHERE"}, [("POSTCODE_FORM", "postcode")]),
        ({"postcode": ""}, [("POSTCODE_FORM", "postcode")]),
        ({"uprn": "12a"}, [("UPRN_FORM", "uprn")]),
        ({"uprn": "1" * 13}, [("UPRN_FORM", "uprn")]),
        ({"uprn": "\N{ARABIC-INDIC DIGIT ONE}"}, [("UPRN_FORM", "uprn")]),
        ({"lines": [], "postcode": "?"}, [("TOO_FEW_LINES", "line_1"), ("POSTCODE_FORM", "postcode")]),
    ],
)
def test_what_cannot_be_right_is_said_at_its_field(walk: Walk, asked: dict[str, Any], found: list[Any]) -> None:
    assert codes(move, walk, **asked) == found


@pytest.mark.parametrize("postcode", ["BT 12", ""])
def test_a_postcode_that_was_asked_about_is_kept(walk: Walk, postcode: str) -> None:
    assert move(walk, postcode=postcode, postcode_is_right=True).postcode == postcode


def test_a_merged_record_is_refused_with_the_one_it_counts_as(walk: Walk) -> None:
    walk.change("people", "person_ref", "P1", merged_into="P3")
    with pytest.raises(Refused, match="counts as P3"):
        move(walk)
    assert codes(mend, walk, home(), line_1="5 Row") == [("MERGED", "")]


# Mending an address ---------------------------------------------------------------------------------------------


def test_an_address_is_mended_and_pressing_twice_changes_nothing_twice(walk: Walk) -> None:
    row = home()
    seen = values(row, ["line_1", "postcode"])
    for _ in range(2):
        mend(walk, row, seen, line_1="8 Marlinspike Terrace", postcode="PE1 1AB")
    assert home().line_1 == "8 Marlinspike Terrace"
    assert Entry.objects.filter(event="ADDRESS_CHANGED").count() == 1


def test_an_address_ends_on_the_day_they_moved_out(walk: Walk) -> None:
    assert mend(walk, home(), to_on=TODAY).to_on == TODAY
    assert households.address_on(person_of("P1"), TODAY) is None
    assert households.address_on(person_of("P1"), TODAY - DAY) == home()
    assert codes(mend, walk, home(), to_on=home().from_on) == [("ENDS_BEFORE_IT_BEGINS", "to_on")]
    assert codes(mend, walk, home(), to_on=TODAY + 366 * DAY) == [("TOO_FAR_AHEAD", "to_on")]
    assert mend(walk, home(), to_on=None).to_on is None


def test_what_is_not_touched_is_not_examined(walk: Walk) -> None:
    row = person_of("P4").addresses.get()
    assert row.postcode == "NOWHERE"
    mended = mend(walk, row, postcode="NOWHERE", line_2="Withyham", to_on=TODAY)
    assert (mended.line_2, mended.postcode) == ("Withyham", "NOWHERE")
    assert codes(mend, walk, row, postcode="NOWHERE2") == [("POSTCODE_FORM", "postcode")]


def test_two_addresses_may_begin_on_one_day_after_mending(walk: Walk) -> None:
    first = home()
    second = move(walk)
    mend(walk, second, from_on=first.from_on)
    assert households.address_on(person_of("P1"), TODAY) == second


def test_who_mends_an_address_is_told_what_a_colleague_changed(walk: Walk) -> None:
    row = home()
    seen = values(row, ["line_1", "line_2"])
    mend(walk, row, line_2="Withyham")
    with pytest.raises(Refused, match=r"worker \(Early Help worker\), .*: now it says Withyham") as refusal:
        mend(walk, row, seen, line_1="9 Marlinspike Terrace", line_2="Osierham")
    assert refusal.value.codes == ["CHANGED_MEANWHILE"]
    assert home().line_1 == LINE


# Membership -----------------------------------------------------------------------------------------------------


def test_what_somebody_is_in_a_family_is_changed(walk: Walk) -> None:
    row = change(walk, place(), relationship="partner", lives_in_household=False, parental_responsibility=True)
    assert (row.relationship, row.lives_in_household, row.parental_responsibility) == ("partner", False, True)
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference) == ("MEMBERSHIP_CHANGED", "P1")
    assert codes(change, walk, place(), relationship="uncle") == [("UNKNOWN_RELATIONSHIP", "relationship")]
    assert codes(change, walk, place(), joined_on=TODAY + 366 * DAY) == [("TOO_FAR_AHEAD", "joined_on")]
    seen = {"relationship": "lead"}
    assert codes(change, walk, place(), seen, relationship="child") == [("CHANGED_MEANWHILE", "relationship")]


def test_who_leaves_is_no_candidate_from_the_next_day_on(walk: Walk) -> None:
    row = leave(walk, place(), TODAY)
    assert row.left_on == TODAY + DAY
    assert person_of("P1") in households.members(row.family, TODAY)
    assert person_of("P1") not in households.members(row.family, TODAY + DAY)


def test_nobody_need_be_left_and_leaving_again_changes_nothing(walk: Walk) -> None:
    for _ in range(2):
        leave(walk, place("P8"), TODAY)
    assert households.members(place("P8").family, TODAY + DAY) == []
    assert Entry.objects.filter(event="FAMILY_LEFT").count() == 1
    assert out(walk, "F5") == {}


def test_a_last_day_that_cannot_be_right_is_refused(walk: Walk) -> None:
    row = place()
    assert codes(leave, walk, row, row.joined_on - DAY) == [("ENDS_BEFORE_IT_BEGINS", "last_day")]
    assert codes(leave, walk, row, TODAY + 366 * DAY) == [("TOO_FAR_AHEAD", "last_day")]
    leave(walk, row, row.joined_on)
    assert codes(leave, walk, row, TODAY) == [("LEFT_ALREADY", "")]
    assert codes(change, walk, place(), left_on=row.joined_on) == [("ENDS_BEFORE_IT_BEGINS", "left_on")]
    assert change(walk, place(), left_on=None).left_on is None


def test_the_membership_of_a_merged_record_can_be_ended(walk: Walk) -> None:
    """It counts for the surviving record: who left must be able to be gone."""
    walk.change("people", "person_ref", "P1", merged_into="P3")
    row = leave(walk, place("P1"), TODAY)
    assert person_of("P3") not in households.members(row.family, TODAY + DAY)
    assert Entry.objects.latest("pk").reference == "P3"
