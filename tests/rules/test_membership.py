"""Who is considered: members on the cut-off of a family whose flag stands on it."""

from datetime import date
from typing import Any

import pytest

from cohorts.rules.membership import candidates, lives_in_household, members
from tests.rules.invented import CUT_OFF, DAY, LONG_AGO, adult, child, family, membership, question, reasons


@pytest.mark.parametrize(
    ("flagged_on", "lifted_on", "considered"),
    [
        (None, None, False),
        (CUT_OFF, None, True),
        (CUT_OFF + DAY, None, False),
        (LONG_AGO, CUT_OFF + DAY, True),
        (LONG_AGO, CUT_OFF, False),
        (LONG_AGO, CUT_OFF - DAY, False),
    ],
    ids=["never", "on the cut-off", "a day late", "lifted a day later", "lifted on the cut-off", "lifted before"],
)
def test_a_family_is_considered_while_its_flag_stands(
    flagged_on: date | None, lifted_on: date | None, *, considered: bool
) -> None:
    facts = family(flagged_on=flagged_on, lifted_on=lifted_on)
    assert bool(candidates(facts, CUT_OFF)) is considered
    assert bool(reasons(facts)) is considered
    assert len(members(facts, CUT_OFF)) == 2


@pytest.mark.parametrize(
    ("stays", "considered"),
    [
        ({"joined_on": CUT_OFF}, True),
        ({"joined_on": CUT_OFF + DAY}, False),
        ({"left_on": CUT_OFF + DAY}, True),
        ({"left_on": CUT_OFF}, False),
    ],
)
def test_a_person_is_considered_while_a_member(stays: dict[str, Any], *, considered: bool) -> None:
    facts = family(adult(memberships=(membership(**stays),)), child())
    assert ("P1" in reasons(facts)) is considered


def test_a_person_who_came_back_is_considered_once() -> None:
    twice = (membership(left_on=date(2021, 1, 1)), membership(joined_on=date(2022, 1, 1)))
    assert list(reasons(family(adult(memberships=twice), child()))) == ["P1", "P2"]


def test_decisions_are_in_the_order_of_references() -> None:
    facts = family(adult("P30"), adult("P4"), child("P2"))
    assert list(reasons(facts, question())) == ["P2", "P30", "P4"]


@pytest.mark.parametrize(
    ("memberships", "at_home"),
    [
        ((membership(lives_in_household=False),), False),
        ((membership(lives_in_household=False), membership(lives_in_household=True)), True),
        ((membership(lives_in_household=False), membership(lives_in_household=True, left_on=CUT_OFF)), False),
    ],
    ids=["neither", "either says so", "the one that says so has ended"],
)
def test_of_two_memberships_one_in_the_household_is_enough(memberships: tuple[Any, ...], *, at_home: bool) -> None:
    assert lives_in_household(adult(memberships=memberships), CUT_OFF) is at_home
