"""Invented facts to change one at a time: a family of an adult and a child that goes into the cohort as it stands."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cohorts.rules.clocks import moment
from cohorts.rules.facts import (
    Address,
    Consent,
    Engagement,
    Evidence,
    FamilyFacts,
    Framework,
    Indicator,
    Membership,
    Notice,
    NoticeVersion,
    Objection,
    PersonFacts,
    Question,
)
from cohorts.rules.inclusion import decide

CUT_OFF = date(2026, 9, 30)
RUN = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LONG_AGO = date(2020, 1, 1)
DATASETS = ("PNC", "NPD", "HES")

PUBLIC_TASK = NoticeVersion("PN1", date(2024, 1, 1), "PUBLIC_TASK", frozenset(), frozenset({"ONS"}))
CONSENT = NoticeVersion("PN2", date(2025, 1, 1), "CONSENT", frozenset(), frozenset({"ONS"}))
LATER = NoticeVersion("PN3", date(2026, 1, 1), "PUBLIC_TASK", frozenset(), frozenset({"ONS"}))
NARROW = NoticeVersion("PN4", date(2026, 1, 2), "PUBLIC_TASK", frozenset({"PNC", "NPD"}), frozenset({"ONS"}))
EXACT = NoticeVersion("PN5", date(2026, 1, 3), "PUBLIC_TASK", frozenset(DATASETS), frozenset({"ONS", "NIESR"}))
VERSIONS = {version.version: version for version in (PUBLIC_TASK, CONSENT, LATER, NARROW, EXACT)}

INDICATORS = (
    Indicator("A.1", "A", "seen within a year", 12, "1"),
    Indicator("A.2", "A", "seen ever", None, "2"),
    Indicator("B.1", "B", "seen ever", None, "3"),
    Indicator("C.1", "C", "seen within half a year", 6, "4"),
    Indicator("D.1", "D", "seen ever", None, "5"),
)


def framework(**changes: Any) -> Framework:
    """Four headline problems, of which two make a family eligible."""
    plain = Framework(
        code="X",
        version="2026-01",
        name="Invented",
        minimum=2,
        counting_unit="headline",
        headlines={"A": "First", "B": "Second", "C": "Third", "D": "Fourth"},
        indicators={indicator.code: indicator for indicator in INDICATORS},
    )
    return plain._replace(**changes)


def question(cut_off: date = CUT_OFF, run: datetime = RUN, **changes: Any) -> Question:
    """A round that links three datasets, asks for a notice four weeks before, and honours scope."""
    plain = Question(
        moment=moment(cut_off, run),
        framework=framework(),
        datasets=DATASETS,
        recipients=frozenset({"ONS"}),
        notice_days=28,
        honours_scope=True,
        notice_versions=VERSIONS,
    )
    return plain._replace(**changes)


def membership(**changes: Any) -> Membership:
    """A member in the household since long ago, an adult and the lead."""
    return Membership(LONG_AGO, None, "lead", lives_in_household=True, parental_responsibility=True)._replace(**changes)


def address(**changes: Any) -> Address:
    """A whole address since long ago."""
    return Address("1 Acacia Road", "Peterborough", "", "", "", "PE1 1HG", LONG_AGO, None, 1)._replace(**changes)


def adult(person_ref: str = "P1", **changes: Any) -> PersonFacts:
    """A lead with nothing wrong in the record."""
    plain = PersonFacts(
        person_ref=person_ref,
        given_name="Ada",
        middle_names="",
        family_name="Baker",
        previous_family_names="",
        date_of_birth=date(1990, 5, 17),
        sex="2",
        date_of_death=None,
        nino="",
        nhs_number="",
        upn="",
        uln="",
        in_education="",
        memberships=(membership(),),
        addresses=(address(),),
    )
    return plain._replace(**changes)


def child(person_ref: str = "P2", **changes: Any) -> PersonFacts:
    """A child of ten with nothing wrong in the record."""
    plain = adult(
        person_ref,
        given_name="Ben",
        sex="1",
        date_of_birth=date(2016, 5, 17),
        memberships=(membership(relationship="child", parental_responsibility=False),),
    )
    return plain._replace(**changes)


def evidence(indicator: str = "A.2", person_ref: str | None = None, **changes: Any) -> Evidence:
    """An indicator observed ten days before the cut-off."""
    return Evidence(person_ref, indicator, CUT_OFF - 10 * DAY, None)._replace(**changes)


def notice(version: str = "PN1", issued_on: date = date(2026, 1, 5), number: int = 1) -> Notice:
    """A notice issued in time."""
    return Notice(version, issued_on, number)


def consent(**changes: Any) -> Consent:
    """Consent to research on the version that asks for it, given before the cut-off."""
    return Consent("PN2", "research", date(2026, 2, 1), None, ())._replace(**changes)


def objection(*datasets: str, **changes: Any) -> Objection:
    """An objection received before the cut-off, undecided; to all datasets where none is named."""
    return Objection(datetime(2026, 9, 1, 12, 0, tzinfo=UTC), None, None, datasets)._replace(**changes)


def engagement(started_on: date, ended_on: date | None = None) -> Engagement:
    """The programme worked with the family."""
    return Engagement(started_on, ended_on)


def family(*people: PersonFacts, **changes: Any) -> FamilyFacts:
    """A flagged family with two problems evidenced and a notice in time; without people: an adult and a child."""
    plain = FamilyFacts(
        family_ref="F1",
        flagged_on=LONG_AGO,
        lifted_on=None,
        people=people or (adult(), child()),
        evidence=(evidence("A.2"), evidence("B.1")),
        notices=(notice(),),
    )
    return plain._replace(**changes)


def reasons(facts: FamilyFacts, asked: Question | None = None) -> dict[str, tuple[str, ...]]:
    """The reasons of every candidate, by reference."""
    return {decision.person_ref: decision.reasons for decision in decide(facts, asked or question())}


def reasons_of(person: PersonFacts, asked: Question | None = None, **changes: Any) -> tuple[str, ...]:
    """The reasons of one person who lives with a child in an otherwise sound family."""
    return reasons(family(person, child("P9"), **changes), asked)[person.person_ref]
