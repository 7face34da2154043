"""Scope: to which datasets of the round may this person be linked?"""

from cohorts.rules.consent import datasets_withheld
from cohorts.rules.facts import FamilyFacts, NoticeVersion, PersonFacts, Question
from cohorts.rules.notice import issued_to, latest_version
from cohorts.rules.objection import datasets_objected


def linkage_scope(person: PersonFacts, family: FamilyFacts, question: Question) -> tuple[str, ...]:
    """The datasets of the round that nobody took away, in the round's order."""
    latest = latest_version(issued_to(person, family, question.moment), question)
    return datasets_left(person, family, latest, question)


def datasets_left(
    person: PersonFacts, family: FamilyFacts, latest: NoticeVersion | None, question: Question
) -> tuple[str, ...]:
    """The datasets of the round less those objected to and those not consented to, in the round's order.

    `latest` is the notice version issued to the person last: it says whether consent is asked at all.
    """
    objected = datasets_objected(person, family, question.moment)
    withheld = datasets_withheld(person, latest, question)
    if not objected and not withheld:
        return question.datasets
    return tuple([dataset for dataset in question.datasets if dataset not in objected and dataset not in withheld])


def scope_is_refused(left: tuple[str, ...], question: Question) -> bool:
    """OBJECTION_SCOPE: every dataset of the round is taken away, or one is and the recipient cannot honour scope."""
    return left != question.datasets and not (left and question.honours_scope)
