"""Findings: what is wrong with the records of a family, each with its code, its weight and a sentence."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from cohorts.rules.checks import QUERY, Kind, Subject
from cohorts.rules.clocks import stands
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.identity import CRITICAL_CHECKS, address_on
from cohorts.rules.queries import QUERIES

ENGAGED_BEFORE_FLAG: Final = Kind(
    "DQ210", QUERY, "An engagement started before the family was flagged: correct one of the two days."
)

CHECKS: Final = tuple((check.kind, check.find) for check in (*CRITICAL_CHECKS, *QUERIES))

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.code: kind for kind in sorted([*(kind for kind, _ in CHECKS), ENGAGED_BEFORE_FLAG])}
)
"""Every kind of finding by its code (spec/data.md)."""


class Finding(NamedTuple):
    """One thing that is wrong: `field` of the person, or of the family where `person_ref` is empty, has `value`."""

    code: str
    severity: str
    person_ref: str
    field: str
    value: str

    @property
    def sentence(self) -> str:
        """What is wrong, and what would be right."""
        return KINDS[self.code].sentence


def check(family: FamilyFacts, question: Question, candidates: Collection[PersonFacts]) -> list[Finding]:
    """Everything wrong with the records of a family and its candidates, as at the cut-off.

    First the family's own findings, then each person's in the order of the candidates, critical ones first.
    """
    cut_off = question.moment.cut_off
    lead_born = _youngest_lead_born(candidates, cut_off)
    findings = _engaged_before_flag(family)
    for person in candidates:
        subject = Subject(person, address_on(person, cut_off), cut_off, lead_born)
        for kind, find in CHECKS:
            if found := find(subject):
                findings += [Finding(kind.code, kind.severity, person.person_ref, *each) for each in found]
    return findings


def _youngest_lead_born(candidates: Iterable[PersonFacts], cut_off: date) -> date | None:
    births = [
        person.date_of_birth
        for person in candidates
        for membership in person.memberships
        if membership.relationship == "lead"
        and person.date_of_birth is not None
        and stands(membership.joined_on, membership.left_on, cut_off)
    ]
    return max(births, default=None)


def _engaged_before_flag(family: FamilyFacts) -> list[Finding]:
    flagged_on = family.flagged_on
    return [
        Finding(*ENGAGED_BEFORE_FLAG[:2], "", "started_on", engagement.started_on.isoformat())
        for engagement in family.engagements
        if flagged_on is not None and engagement.started_on < flagged_on
    ]
