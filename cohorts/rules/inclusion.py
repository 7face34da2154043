"""Inclusion: the questions together. Who of a family goes into the cohort, who stays out, and for which reasons?"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

from cohorts.rules.checks import CRITICAL
from cohorts.rules.eligibility import Problems, no_dependent_child, problems_evidenced
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.findings import Finding, check
from cohorts.rules.identity import address_on, died_by, identity_incomplete, not_yet_born
from cohorts.rules.membership import candidates, members, standing
from cohorts.rules.permission import permission_of
from cohorts.rules.programme import programme_of
from cohorts.rules.reasons import PERMISSION, SILENCING, Reason


class Decision(NamedTuple):
    """What was decided about one candidate, a person in one family.

    `reasons` are the codes in order of precedence, the first the primary one. The fields after them are those of
    an included person, and empty for an excluded one. `address` is the number of the address that stood on the
    cut-off; `problems` are those evidenced for the family.
    """

    family_ref: str
    person_ref: str
    reasons: tuple[str, ...]
    group: str = ""
    programme_start: date | None = None
    programme_end: date | None = None
    linkage_scope: tuple[str, ...] = ()
    address: int | None = None
    relationship: str = ""
    problems: tuple[str, ...] = ()

    @property
    def included(self) -> bool:
        """Whether the person is in the cohort: no reason speaks against it."""
        return not self.reasons


def decide(family: FamilyFacts, question: Question) -> list[Decision]:
    """One decision for each candidate of the family, by reference; none where no flag stands on the cut-off.

    Raises KeyError for a notice version of which the question does not know.
    """
    cut_off = question.moment.cut_off
    people = candidates(family, cut_off)
    incomplete = {person.person_ref for person in people if identity_incomplete(person, cut_off)}
    return _decisions(family, question, people, incomplete)


def examine(family: FamilyFacts, question: Question) -> tuple[list[Decision], list[Finding]]:
    """The decisions of `decide` with all the findings of their candidates, each record looked at once: for a run."""
    people = candidates(family, question.moment.cut_off)
    findings = check(family, question, people) if people else []
    incomplete = {finding.person_ref for finding in findings if finding.severity == CRITICAL}
    return _decisions(family, question, people, incomplete), findings


def permission_reasons(person: PersonFacts, family: FamilyFacts, question: Question) -> tuple[str, ...]:
    """The codes of protection, objection and consent that hold at the run: asked again at every door."""
    return tuple([code for code in permission_of(person, family, question).reasons if code in PERMISSION])


def problems_of(family: FamilyFacts, question: Question) -> Problems:
    """The problems evidenced for a family, flagged or not yet: for its page."""
    people = members(family, question.moment.cut_off)
    heard = [p for p in people if SILENCING.isdisjoint(permission_of(p, family, question).reasons)]
    return problems_evidenced(family, question, heard)


def _decisions(
    family: FamilyFacts, question: Question, people: Sequence[PersonFacts], incomplete: Collection[str]
) -> list[Decision]:
    cut_off = question.moment.cut_off
    asked = [(person, *permission_of(person, family, question)) for person in people]
    heard = [person for person, reasons, _ in asked if SILENCING.isdisjoint(reasons)]
    of_family = []
    if no_dependent_child(people, cut_off):
        of_family.append(Reason.NO_DEPENDENT_CHILD.code)
    problems = problems_evidenced(family, question, heard)
    if not problems.enough:
        of_family.append(Reason.TOO_FEW_PROBLEMS.code)
    programme = programme_of(family, cut_off)
    decisions = []
    for person, withheld, scope in asked:
        reasons = list(withheld)
        if died_by(person, cut_off):
            reasons.append(Reason.DECEASED.code)
        if not_yet_born(person, cut_off):
            reasons.append(Reason.NOT_YET_BORN.code)
        if person.person_ref in incomplete:
            reasons.append(Reason.IDENTITY_INCOMPLETE.code)
        reasons += of_family
        if reasons:
            decisions.append(Decision(family.family_ref, person.person_ref, tuple(reasons)))
        else:
            carried = _carried(person, cut_off)
            outcome = (family.family_ref, person.person_ref, (), *programme, scope, *carried, problems.evidenced)
            decisions.append(Decision(*outcome))
    return decisions


def _carried(person: PersonFacts, cut_off: date) -> tuple[int | None, str]:
    """The address that stood on the cut-off, by its number, and how the person belongs to the family."""
    address = address_on(person, cut_off)
    return address.number if address else None, standing(person.memberships, cut_off)[0].relationship
