"""Birth, death and the address of the cut-off; what makes an identity incomplete is with the findings."""

from datetime import date
from typing import Any

import pytest

from cohorts.rules.facts import Address
from cohorts.rules.identity import address_on
from tests.rules.invented import CUT_OFF, DAY, LONG_AGO, address, adult, child, family, reasons, reasons_of


@pytest.mark.parametrize(
    ("date_of_death", "found"),
    [(CUT_OFF - DAY, ("DECEASED",)), (CUT_OFF, ("DECEASED",)), (CUT_OFF + DAY, ()), (None, ())],
)
def test_who_died_by_the_cut_off_stays_out(date_of_death: date | None, found: tuple[str, ...]) -> None:
    assert reasons_of(adult(date_of_death=date_of_death)) == found


@pytest.mark.parametrize(
    ("date_of_birth", "found"),
    [(CUT_OFF - DAY, ()), (CUT_OFF, ()), (CUT_OFF + DAY, ("NOT_YET_BORN",))],
)
def test_who_was_not_born_by_the_cut_off_stays_out(date_of_birth: date, found: tuple[str, ...]) -> None:
    everyone = reasons(family(adult(), child(), child("P3", date_of_birth=date_of_birth)))
    assert everyone == {"P1": (), "P2": (), "P3": found}


FIRST = address(line_1="First")
SECOND = address(line_1="Second", number=2)


@pytest.mark.parametrize(
    ("addresses", "chosen"),
    [
        ((), None),
        ((FIRST,), FIRST),
        ((FIRST, SECOND), SECOND),
        ((SECOND, FIRST), SECOND),
        ((SECOND, FIRST._replace(from_on=LONG_AGO + DAY)), FIRST._replace(from_on=LONG_AGO + DAY)),
        ((FIRST._replace(from_on=CUT_OFF),), FIRST._replace(from_on=CUT_OFF)),
        ((FIRST, SECOND._replace(from_on=CUT_OFF + DAY)), FIRST),
        ((FIRST, SECOND._replace(to_on=CUT_OFF)), FIRST),
        ((FIRST, SECOND._replace(to_on=CUT_OFF + DAY)), SECOND._replace(to_on=CUT_OFF + DAY)),
        ((FIRST._replace(to_on=CUT_OFF),), None),
    ],
    ids=[
        "none",
        "one",
        "the last loaded of one day",
        "in any order",
        "the one that began latest",
        "from the cut-off",
        "not one that begins later",
        "not one that ended",
        "ends later",
        "the only one ended",
    ],
)
def test_the_address_of_a_day(addresses: tuple[Address, ...], chosen: Address | None) -> None:
    assert address_on(adult(addresses=addresses), CUT_OFF) == chosen


@pytest.mark.parametrize(
    "changes",
    [
        {"given_name": ""},
        {"family_name": "-"},
        {"date_of_birth": None},
        {"date_of_birth": date(1894, 12, 31)},
        {"sex": ""},
        {"addresses": ()},
        {"given_name": "Baby"},
    ],
)
def test_every_critical_finding_keeps_the_person_out(changes: dict[str, Any]) -> None:
    assert reasons_of(adult(**changes)) == ("IDENTITY_INCOMPLETE",)


@pytest.mark.parametrize("changes", [{"sex": "0"}, {"nhs_number": "1111111111"}, {"given_name": "Ada2"}])
def test_a_query_keeps_nobody_out(changes: dict[str, Any]) -> None:
    assert reasons_of(adult(**changes)) == ()
