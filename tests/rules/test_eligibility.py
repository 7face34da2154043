"""Dependent children, and the count of problems."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cohorts.rules.eligibility import is_dependent_child, problem_shown, problems_evidenced
from cohorts.rules.facts import Evidence, Protection
from cohorts.rules.inclusion import problems_of
from tests.rules.invented import (
    CUT_OFF,
    DAY,
    LONG_AGO,
    RUN,
    SECOND,
    adult,
    child,
    consent,
    evidence,
    family,
    framework,
    membership,
    notice,
    objection,
    question,
    reasons,
)

AT_HOME = membership(relationship="child")


@pytest.mark.parametrize(
    ("born", "in_education", "dependent"),
    [
        (CUT_OFF, "", True),
        (CUT_OFF + DAY, "", False),
        (date(2010, 10, 1), "", True),
        (date(2010, 9, 30), "", False),
        (date(2010, 9, 30), "neither", False),
        (date(2010, 9, 30), "education", True),
        (date(2010, 9, 30), "unemployed", True),
        (date(2007, 10, 1), "education", True),
        (date(2007, 9, 30), "education", False),
        (date(2007, 9, 30), "unemployed", False),
        (None, "education", False),
    ],
    ids=[
        "born on the cut-off",
        "born the day after",
        "the day before 16",
        "on the 16th birthday",
        "16, neither",
        "16, in education",
        "16, unemployed",
        "the day before 19",
        "on the 19th birthday",
        "19, unemployed",
        "date of birth not known",
    ],
)
def test_a_dependent_child_by_age(born: date | None, in_education: str, *, dependent: bool) -> None:
    person = child(date_of_birth=born, in_education=in_education)
    assert is_dependent_child(person, CUT_OFF) is dependent


@pytest.mark.parametrize(("day", "dependent"), [(date(2027, 2, 28), True), (date(2027, 3, 1), False)])
def test_born_on_29_february_turns_nineteen_on_1_march_of_a_common_year(day: date, *, dependent: bool) -> None:
    person = child(date_of_birth=date(2008, 2, 29), in_education="education")
    assert is_dependent_child(person, day) is dependent


@pytest.mark.parametrize(
    ("changes", "dependent"),
    [
        ({"date_of_death": CUT_OFF}, False),
        ({"date_of_death": CUT_OFF + DAY}, True),
        ({"memberships": (AT_HOME._replace(lives_in_household=False),)}, False),
        ({"memberships": (AT_HOME._replace(lives_in_household=False), AT_HOME)}, True),
        ({"memberships": (AT_HOME._replace(relationship="sibling"),)}, True),
    ],
    ids=["died on the cut-off", "died later", "elsewhere", "either membership says at home", "not by relationship"],
)
def test_a_dependent_child_is_alive_and_in_the_household(changes: dict[str, Any], *, dependent: bool) -> None:
    assert is_dependent_child(child(**changes), CUT_OFF) is dependent
    found = reasons(family(adult(), child(**changes)))["P1"]
    assert found == (() if dependent else ("NO_DEPENDENT_CHILD",))


def test_a_child_who_is_kept_out_still_makes_a_family_with_a_child() -> None:
    assert reasons(family(adult(), child(objections=(objection(),))))["P1"] == ()


def test_a_child_who_left_by_the_cut_off_does_not() -> None:
    left = child(memberships=(membership(left_on=CUT_OFF),))
    assert reasons(family(adult(), left)) == {"P1": ("NO_DEPENDENT_CHILD",)}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"indicator": "A.1"}, "A"),
        ({"indicator": "TF9.9"}, None),
        ({"indicator": "B.1", "observed_on": CUT_OFF}, "B"),
        ({"indicator": "B.1", "observed_on": CUT_OFF + DAY}, None),
        ({"indicator": "B.1", "observed_on": LONG_AGO}, "B"),
        ({"indicator": "A.1", "observed_on": date(2025, 10, 1)}, "A"),
        ({"indicator": "A.1", "observed_on": date(2025, 9, 30)}, None),
        ({"indicator": "A.1", "observed_on": date(2025, 9, 29)}, None),
        ({"indicator": "B.1", "in_error_at": RUN + SECOND}, "B"),
        ({"indicator": "B.1", "in_error_at": RUN}, None),
    ],
    ids=[
        "recent",
        "of another framework",
        "on the cut-off",
        "after the cut-off",
        "no look-back",
        "a day within the look-back",
        "on its edge",
        "beyond it",
        "marked in error later",
        "marked in error at the run",
    ],
)
def test_what_a_piece_of_evidence_shows(changes: dict[str, Any], shown: str | None) -> None:
    assert problem_shown(evidence(**changes), question()) == shown


@pytest.mark.parametrize(
    ("cut_off", "observed_on", "shown"),
    [
        (date(2026, 8, 31), date(2026, 3, 1), "C"),
        (date(2026, 8, 31), date(2026, 2, 28), None),
        (date(2024, 8, 31), date(2024, 2, 29), None),
        (date(2024, 8, 31), date(2024, 3, 1), "C"),
        (date(2026, 8, 30), date(2026, 2, 28), None),
    ],
)
def test_a_look_back_is_clipped_to_the_end_of_the_month(cut_off: date, observed_on: date, shown: str | None) -> None:
    asked = question(cut_off, datetime(2026, 12, 1, tzinfo=UTC))
    assert problem_shown(evidence("C.1", observed_on=observed_on), asked) == shown


PARENT_AWAY = adult("P3", memberships=(membership(lives_in_household=False),))
COUNTS: list[tuple[str, tuple[Evidence, ...], int]] = [
    ("nothing", (), 0),
    ("the same problem twice", (evidence("A.1"), evidence("A.2", "P1")), 1),
    ("two problems in the household", (evidence("A.2", "P1"), evidence("B.1", "P2")), 2),
    ("one at home, one away", (evidence("A.2", "P1"), evidence("B.1", "P3")), 2),
    ("one at home, two away", (evidence("A.2"), evidence("B.1", "P3"), evidence("D.1", "P3")), 2),
    ("the same at home and away", (evidence("A.2"), evidence("A.2", "P3")), 1),
    ("two away alone", (evidence("A.2", "P3"), evidence("B.1", "P3")), 1),
    ("about someone who is no candidate", (evidence("A.2"), evidence("B.1", "P8")), 1),
]


@pytest.mark.parametrize(("told", "count"), [case[1:] for case in COUNTS], ids=[case[0] for case in COUNTS])
def test_parents_who_live_elsewhere_add_one_problem_at_most(told: tuple[Evidence, ...], count: int) -> None:
    facts = family(adult(), child(), PARENT_AWAY, evidence=told)
    problems = problems_of(facts, question())
    assert (problems.counted, problems.minimum, problems.enough) == (count, 2, count >= 2)
    assert ("TOO_FEW_PROBLEMS" in reasons(facts)["P2"]) is (count < 2)


def test_a_person_who_lives_in_by_either_membership_counts_with_the_household() -> None:
    both = adult("P3", memberships=(membership(lives_in_household=False), membership()))
    told = (evidence("A.2", "P3"), evidence("B.1", "P3"))
    assert problems_of(family(child(), both, evidence=told), question()).counted == 2


def test_indicators_are_counted_where_the_framework_counts_needs() -> None:
    asked = question(framework=framework(counting_unit="indicator", minimum=3))
    told = (evidence("A.1"), evidence("A.2"), evidence("A.2", "P1"))
    facts = family(adult(), child(), PARENT_AWAY, evidence=told)
    assert problems_of(facts, asked).evidenced == ("A.1", "A.2")
    assert problems_of(facts, asked).counted == 2
    away = (*told, evidence("B.1", "P3"), evidence("D.1", "P3"))
    assert problems_of(facts._replace(evidence=away), asked).counted == 3


@pytest.mark.parametrize(
    ("changes", "heard"),
    [
        ({}, True),
        ({"protections": (Protection("adoption", LONG_AGO, None),)}, False),
        ({"protections": (Protection("refuge", LONG_AGO, None),)}, False),
        ({"objections": (objection(),)}, False),
        ({"objections": (objection("PNC", "NPD", "HES"),)}, False),
        ({"objections": (objection("PNC"),)}, True),
        ({"notices": (notice("PN2", date(2026, 3, 1), 2),)}, False),
        ({"notices": (notice("PN2", date(2026, 3, 1), 2),), "consents": (consent(),)}, True),
        ({"memberships": (membership(joined_on=CUT_OFF),)}, False),
        ({"date_of_death": CUT_OFF}, True),
        ({"date_of_birth": None}, True),
    ],
    ids=[
        "nothing withheld",
        "identity protected",
        "address protected",
        "objects",
        "objects to every dataset",
        "objects to one dataset",
        "no consent",
        "with consent",
        "not told in time",
        "died",
        "identity incomplete",
    ],
)
def test_evidence_about_a_person_counts_while_nothing_is_withheld(changes: dict[str, Any], *, heard: bool) -> None:
    facts = family(adult("P3", **changes), child(), evidence=(evidence("A.2"), evidence("B.1", "P3")))
    assert problems_of(facts, question()).counted == (2 if heard else 1)
    assert ("TOO_FEW_PROBLEMS" in reasons(facts)["P2"]) is not heard


def test_a_family_objection_silences_those_it_covers() -> None:
    told = (evidence("A.2"), evidence("B.1", "P1"))
    narrowed = objection(narrowed_to=frozenset({"P1"}))
    assert problems_of(family(evidence=told, objections=(narrowed,)), question()).counted == 1


def test_evidence_about_someone_who_left_does_not_count() -> None:
    left = adult("P3", memberships=(membership(left_on=CUT_OFF),))
    facts = family(adult(), child(), left, evidence=(evidence("A.2"), evidence("B.1", "P3")))
    assert problems_of(facts, question()).counted == 1


def test_the_page_counts_before_the_flag() -> None:
    facts = family(flagged_on=None)
    assert reasons(facts) == {}
    assert problems_of(facts, question()) == problems_evidenced(facts, question(), facts.people)
    assert problems_of(facts, question()).evidenced == ("A", "B")
