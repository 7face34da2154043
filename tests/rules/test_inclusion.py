"""The questions together: every reason alone, all of them at once, and what a decision carries."""

from datetime import date
from typing import Any

import pytest

from cohorts.rules.facts import OtherFamily, PersonFacts, Protection
from cohorts.rules.inclusion import Decision, decide, examine, permission_reasons
from cohorts.rules.reasons import PERMISSION, SILENCING, Reason
from tests.rules.invented import (
    CUT_OFF,
    DATASETS,
    DAY,
    LONG_AGO,
    address,
    adult,
    child,
    engagement,
    evidence,
    family,
    membership,
    notice,
    objection,
    question,
    reasons,
    reasons_of,
)

ASKED_LATE = notice("PN2", date(2026, 9, 20), 2)
ALONE: dict[str, dict[str, Any]] = {
    "PROTECTED_IDENTITY": {"protections": (Protection("adoption", LONG_AGO, None),)},
    "PROTECTED_ADDRESS": {"protections": (Protection("refuge", LONG_AGO, None),)},
    "OBJECTION_PERSON": {"objections": (objection(),)},
    "OBJECTION_FAMILY": {"elsewhere": (OtherFamily((membership(),), (), (objection(),)),)},
    "OBJECTION_SCOPE": {"objections": (objection(*DATASETS),)},
    "CONSENT_MISSING": {"notices": (ASKED_LATE,)},
    "NOTICE_MISSING": {"memberships": (membership(joined_on=CUT_OFF),)},
    "DECEASED": {"date_of_death": CUT_OFF},
    "NOT_YET_BORN": {"date_of_birth": CUT_OFF + DAY},
    "IDENTITY_INCOMPLETE": {"sex": ""},
}


@pytest.mark.parametrize(("code", "changes"), ALONE.items(), ids=ALONE)
def test_each_reason_about_a_person_alone(code: str, changes: dict[str, Any]) -> None:
    assert reasons_of(adult(**changes)) == (code,)


def test_each_reason_about_a_family_alone() -> None:
    assert set(reasons(family(adult())).values()) == {("NO_DEPENDENT_CHILD",)}
    assert set(reasons(family(evidence=())).values()) == {("TOO_FEW_PROBLEMS",)}


def test_every_reason_has_been_tried_alone() -> None:
    assert {*ALONE, "NO_DEPENDENT_CHILD", "TOO_FEW_PROBLEMS"} == {reason.code for reason in Reason}


def everything_at_once() -> PersonFacts:
    """A person against whom every reason holds."""
    return adult(
        sex="",
        date_of_birth=CUT_OFF + DAY,
        date_of_death=CUT_OFF,
        memberships=(membership(joined_on=CUT_OFF, lives_in_household=False),),
        protections=(Protection("refuge", LONG_AGO, None), Protection("adoption", LONG_AGO, None)),
        objections=(objection(*DATASETS), objection()),
        notices=(ASKED_LATE,),
    )


def test_all_reasons_that_hold_are_given_in_order_of_precedence() -> None:
    facts = family(everything_at_once(), evidence=(), objections=(objection(),))
    [decision] = decide(facts, question())
    assert decision.reasons == tuple(reason.code for reason in Reason)
    assert not decision.included


def test_the_order_holds_for_a_few_of_them() -> None:
    person = adult(sex="", objections=(objection(),), date_of_death=CUT_OFF)
    assert reasons_of(person, evidence=()) == (
        "OBJECTION_PERSON",
        "DECEASED",
        "IDENTITY_INCOMPLETE",
        "TOO_FEW_PROBLEMS",
    )


def test_an_included_person_carries_group_days_and_scope() -> None:
    facts = family(
        adult(objections=(objection("NPD"),)),
        child(addresses=(address(), address(number=7))),
        engagements=(engagement(date(2026, 1, 1), date(2026, 6, 1)),),
    )
    dates = ("PROGRAMME", date(2026, 1, 1), date(2026, 6, 1))
    assert decide(facts, question()) == [
        Decision("F1", "P1", (), *dates, ("PNC", "HES"), address=1, relationship="lead", problems=("A", "B")),
        Decision("F1", "P2", (), *dates, DATASETS, address=7, relationship="child", problems=("A", "B")),
    ]


def test_an_excluded_person_carries_nothing() -> None:
    facts = family(adult(sex=""), child(), engagements=(engagement(date(2026, 1, 1)),))
    assert decide(facts, question())[0] == Decision("F1", "P1", ("IDENTITY_INCOMPLETE",))
    assert Decision("F1", "P1", ())[3:] == ("", None, None, (), None, "", ())


def test_nobody_is_considered_without_a_standing_flag() -> None:
    unflagged = family(flagged_on=None, engagements=(engagement(LONG_AGO - DAY),))
    assert decide(unflagged, question()) == []
    assert examine(unflagged, question()) == ([], [])


def test_a_run_gives_the_same_decisions_with_the_findings_beside() -> None:
    facts = family(adult(sex="0", nhs_number="1"), child(sex=""), child("P3", given_name="Baby"))
    decisions, findings = examine(facts, question())
    assert decisions == decide(facts, question())
    assert [(finding.code, finding.person_ref) for finding in findings] == [
        ("DQ203", "P1"),
        ("DQ212", "P1"),
        ("DQ105", "P2"),
        ("DQ107", "P3"),
    ]
    assert [decision.included for decision in decisions] == [True, False, False]


def test_the_reasons_about_a_person_are_the_same_in_both_of_their_families() -> None:
    here, there = membership(), membership(lives_in_household=False)
    objects, told = (objection(),), (notice("PN2", date(2026, 3, 1), 5),)
    in_first = adult(memberships=(here,), elsewhere=(OtherFamily((there,), told, objects),))
    in_second = adult(memberships=(there,), elsewhere=(OtherFamily((here,), (notice(),), ()),))
    first = reasons(family(in_first, child()))["P1"]
    second = reasons(family(in_second, child(), family_ref="F2", notices=told, objections=objects))["P1"]
    assert first == second == ("OBJECTION_FAMILY", "CONSENT_MISSING")


def test_the_door_asks_for_protection_objection_and_consent_alone() -> None:
    person = everything_at_once()
    facts = family(person, evidence=(), objections=(objection(),))
    assert permission_reasons(person, facts, question()) == (
        "PROTECTED_IDENTITY",
        "PROTECTED_ADDRESS",
        "OBJECTION_PERSON",
        "OBJECTION_FAMILY",
        "OBJECTION_SCOPE",
        "CONSENT_MISSING",
    )
    assert set(permission_reasons(person, facts, question())) == PERMISSION
    assert permission_reasons(adult(notices=()), family(notices=()), question()) == ()


def test_silencing_codes_are_those_of_permission_and_the_missing_notice() -> None:
    assert {code for code in SILENCING if code not in PERMISSION} == {"NOTICE_MISSING"}


def test_evidence_of_another_framework_makes_nobody_eligible() -> None:
    facts = family(evidence=(evidence("TF1.1"), evidence("TF2.1")))
    assert set(reasons(facts).values()) == {("TOO_FEW_PROBLEMS",)}
