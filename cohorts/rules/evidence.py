"""Evidence on the page of a family: what counts today, why the rest does not, and what a family lacks."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from cohorts.rules.clocks import months_before
from cohorts.rules.eligibility import no_dependent_child, problem_shown
from cohorts.rules.facts import Evidence, FamilyFacts, Indicator, Question
from cohorts.rules.inclusion import problems_of
from cohorts.rules.membership import members
from cohorts.rules.permission import permission_of
from cohorts.rules.reasons import SILENCING

TODAY: Final = "today"


class Sign(NamedTuple):
    """A piece of evidence of an indicator of the framework; `why_not` is empty where it counts."""

    indicator: Indicator
    evidence: Evidence
    why_not: str

    @property
    def counts(self) -> bool:
        """Whether it counts today."""
        return not self.why_not


def signs(family: FamilyFacts, question: Question, *, on: str = TODAY) -> Iterator[Sign]:
    """The evidence of a family that the framework knows, in the order of its indicators, the newest first of each.

    `on` is what the cut-off of the question is called in words.
    """
    people = members(family, question.moment.cut_off)
    heard = {p.person_ref for p in people if SILENCING.isdisjoint(permission_of(p, family, question).reasons)}
    there = {p.person_ref for p in people}
    order = list(question.framework.indicators)
    known = [it for it in family.evidence if it.indicator in question.framework.indicators]
    known.sort(key=lambda it: it.observed_on, reverse=True)
    for evidence in sorted(known, key=lambda it: order.index(it.indicator)):
        indicator = question.framework.indicators[evidence.indicator]
        yield Sign(indicator, evidence, _why_not(evidence, indicator, question, there, heard, on))


def _why_not(
    evidence: Evidence, indicator: Indicator, question: Question, there: set[str], heard: set[str], on: str
) -> str:
    """Why a piece of evidence does not count; empty where it does (rules/eligibility.py decides)."""
    if problem_shown(evidence, question) is None:
        months = indicator.look_back_months
        if evidence.in_error_at is not None and evidence.in_error_at <= question.moment.run:
            return "Recorded in error"
        if months is not None and evidence.observed_on <= months_before(question.moment.cut_off, months):
            return f"Longer ago than {months} months"
        return f"Observed later than {on}"
    if evidence.person_ref is not None and evidence.person_ref not in there:
        return f"Of somebody who is not in the family {on if on == TODAY else 'on ' + on}"
    if evidence.person_ref is not None and evidence.person_ref not in heard:
        return "Of somebody who objects, is protected, or was not told in time"
    return ""


def missing_to_flag(family: FamilyFacts, question: Question) -> list[str]:
    """What a family lacks to be eligible, in words; nothing where it lacks nothing (spec/rules.md)."""
    missing = []
    people = members(family, question.moment.cut_off)
    if not people:
        missing.append("Nobody is in the family today.")
    elif no_dependent_child(people, question.moment.cut_off):
        missing.append(
            "No dependent child lives in the household: a child under 16, or under 19 and in education or unemployed."
        )
    problems = problems_of(family, question)
    if not problems.enough:
        more = problems.minimum - problems.counted
        noun = "more headline problem needs" if more == 1 else "more headline problems need"
        missing.append(f"{more} {noun} to be evidenced.")
    return missing
