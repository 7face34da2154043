"""Objections about a person, and for a whole family."""

from datetime import datetime
from typing import Any

import pytest

from cohorts.rules.facts import OtherFamily
from cohorts.rules.inclusion import permission_reasons
from cohorts.rules.objection import stands_at
from tests.rules.invented import (
    CUT_OFF,
    DAY,
    LONG_AGO,
    RUN,
    SECOND,
    adult,
    child,
    family,
    membership,
    objection,
    question,
    reasons,
    reasons_of,
)


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({"received_at": RUN}, True),
        ({"received_at": RUN + SECOND}, False),
        ({"lifted_at": RUN + SECOND}, True),
        ({"lifted_at": RUN}, False),
        ({"lifted_at": RUN - SECOND}, False),
        ({"refused_at": RUN + SECOND}, True),
        ({"refused_at": RUN}, False),
        ({"refused_at": RUN - SECOND}, False),
        ({}, True),
    ],
    ids=[
        "received at the run",
        "received later",
        "lifted later",
        "lifted at the run",
        "lifted before",
        "refused later",
        "refused at the run",
        "refused before",
        "undecided",
    ],
)
def test_an_objection_stands_until_lifted_or_refused(changes: dict[str, datetime], *, stands: bool) -> None:
    facts = objection(**changes)
    assert stands_at(facts, RUN) is stands
    assert reasons_of(adult(objections=(facts,))) == (("OBJECTION_PERSON",) if stands else ())
    assert reasons_of(adult(), objections=(facts,)) == (("OBJECTION_FAMILY",) if stands else ())


def test_an_objection_received_after_the_cut_off_counts() -> None:
    assert reasons_of(adult(objections=(objection(received_at=RUN - SECOND),))) == ("OBJECTION_PERSON",)


def test_an_objection_about_one_person_leaves_the_others_in() -> None:
    assert reasons(family(adult(objections=(objection(),)), child())) == {"P1": ("OBJECTION_PERSON",), "P2": ()}


def test_one_that_stands_is_enough_among_others_that_do_not() -> None:
    several = (objection(lifted_at=RUN), objection(), objection("PNC"))
    assert reasons_of(adult(objections=several)) == ("OBJECTION_PERSON",)


def test_a_family_objection_covers_everyone_adults_included() -> None:
    everyone = reasons(family(adult(), child(), objections=(objection(),)))
    assert all("OBJECTION_FAMILY" in found for found in everyone.values())


def test_a_narrowed_family_objection_covers_the_named_alone() -> None:
    narrowed = objection(narrowed_to=frozenset({"P2"}))
    assert reasons(family(objections=(narrowed,))) == {"P1": (), "P2": ("OBJECTION_FAMILY",)}


def test_a_family_objection_narrowed_to_nobody_covers_nobody() -> None:
    assert reasons(family(objections=(objection(narrowed_to=frozenset()),))) == {"P1": (), "P2": ()}


@pytest.mark.parametrize(
    ("stays", "covered"),
    [
        ({}, True),
        ({"joined_on": CUT_OFF}, True),
        ({"joined_on": CUT_OFF + DAY}, False),
        ({"left_on": CUT_OFF + DAY}, True),
        ({"left_on": CUT_OFF}, False),
    ],
)
def test_an_objection_for_another_family_reaches_who_was_a_member_there_on_the_cut_off(
    stays: dict[str, Any], *, covered: bool
) -> None:
    other = OtherFamily((membership(**stays),), (), (objection(),))
    assert reasons_of(adult(elsewhere=(other,))) == (("OBJECTION_FAMILY",) if covered else ())


def test_an_objection_narrowed_to_a_person_reaches_them_after_they_left_that_family() -> None:
    left = (membership(left_on=CUT_OFF),)
    named = OtherFamily(left, (), (objection(narrowed_to=frozenset({"P1"})),))
    assert reasons_of(adult(elsewhere=(named,))) == ("OBJECTION_FAMILY",)


def test_an_objection_for_another_family_narrowed_to_others_does_not_reach_the_person() -> None:
    other = OtherFamily((membership(),), (), (objection(narrowed_to=frozenset({"P7"})),))
    assert reasons_of(adult(elsewhere=(other,))) == ()


def test_an_objection_for_this_family_does_not_reach_who_is_no_longer_a_member() -> None:
    left = adult(memberships=(membership(left_on=CUT_OFF),))
    facts = family(left, child(), objections=(objection(),))
    assert permission_reasons(left, facts, question()) == ()
    assert permission_reasons(facts.people[1], facts, question()) == ("OBJECTION_FAMILY",)


def test_both_objections_give_both_reasons() -> None:
    found = reasons_of(adult(objections=(objection(),)), objections=(objection(narrowed_to=frozenset({"P1"})),))
    assert found == ("OBJECTION_PERSON", "OBJECTION_FAMILY")


def test_an_objection_stands_after_the_birthdays_of_a_child() -> None:
    grown = child("P1", date_of_birth=LONG_AGO.replace(year=2007), objections=(objection(),))
    assert "OBJECTION_PERSON" in reasons_of(grown, question())
