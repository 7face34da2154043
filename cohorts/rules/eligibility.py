"""Eligibility: does a dependent child live in the family, and are problems enough evidenced?"""

from collections.abc import Iterable
from datetime import date
from typing import Final, NamedTuple

from cohorts.rules.clocks import age_on, months_before
from cohorts.rules.facts import Evidence, FamilyFacts, PersonFacts, Question
from cohorts.rules.identity import died_by
from cohorts.rules.membership import lives_in_household

DEPENDENT_AT_16_TO_18: Final = frozenset({"education", "unemployed"})


class Problems(NamedTuple):
    """The problems which a family's evidence shows: headline problems, or needs where the framework counts needs.

    Of those in `evidenced`, `counted` count: parents who do not live with the children add one at most.
    """

    evidenced: tuple[str, ...]
    counted: int
    minimum: int

    @property
    def enough(self) -> bool:
        """Whether the family shows as many problems as the framework asks for."""
        return self.counted >= self.minimum


def is_dependent_child(person: PersonFacts, cut_off: date) -> bool:
    """Whether the person is alive, a child by age (at 16 to 18: by what they do, too), and lives in the household."""
    if person.date_of_birth is None:
        return False
    age = age_on(cut_off, person.date_of_birth)
    young = 0 <= age <= 15 or (16 <= age <= 18 and person.in_education in DEPENDENT_AT_16_TO_18)
    return young and not died_by(person, cut_off) and lives_in_household(person, cut_off)


def no_dependent_child(people: Iterable[PersonFacts], cut_off: date) -> bool:
    """NO_DEPENDENT_CHILD: none of the candidates of a family, included or not, is a dependent child."""
    return not any(is_dependent_child(person, cut_off) for person in people)


def problems_evidenced(family: FamilyFacts, question: Question, heard: Iterable[PersonFacts]) -> Problems:
    """The problems that count for a family, where evidence about `heard` members, and about nobody, may tell.

    TOO_FEW_PROBLEMS holds where they are not enough.
    """
    people = {person.person_ref: person for person in heard}
    household: set[str] = set()
    others: set[str] = set()
    for evidence in family.evidence:
        about = people.get(evidence.person_ref) if evidence.person_ref is not None else None
        if evidence.person_ref is not None and about is None:
            continue
        problem = problem_shown(evidence, question)
        if problem is None:
            continue
        at_home = about is None or lives_in_household(about, question.moment.cut_off)
        (household if at_home else others).add(problem)
    return Problems(
        evidenced=tuple(sorted(household | others)),
        counted=len(household) + (not others <= household),
        minimum=question.framework.minimum,
    )


def problem_shown(evidence: Evidence, question: Question) -> str | None:
    """The problem that a piece of evidence shows on the cut-off; None where it is foreign, old, late or in error."""
    indicator = question.framework.indicators.get(evidence.indicator)
    if indicator is None or evidence.observed_on > question.moment.cut_off:
        return None
    months = indicator.look_back_months
    if months is not None and evidence.observed_on <= months_before(question.moment.cut_off, months):
        return None
    if evidence.in_error_at is not None and evidence.in_error_at <= question.moment.run:
        return None
    return indicator.code if question.framework.counting_unit == "indicator" else indicator.headline
