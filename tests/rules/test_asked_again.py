"""Of whom the guard asks again, as a rule of facts: whoever it passes over has no reason, and no narrower scope.

`speaks` says of facts what the question in cohorts/asked_again.py says of tables. That the question asks of everybody
of whom `speaks` is true, a council of edges tries (tests/oracle/test_asked_again.py); here it is tried that the rules
can say nothing of the others, and that they read nothing that neither of them knows of.
"""

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings

from cohorts.rules.facts import (
    Consent,
    FamilyFacts,
    Membership,
    Moment,
    Notice,
    NoticeVersion,
    Objection,
    OtherFamily,
    PersonFacts,
    Protection,
    Question,
)
from cohorts.rules.inclusion import permission_reasons
from cohorts.rules.scope import linkage_scope
from tests.rules.test_properties import at_any_edge, families, questions

#: What the rules of permission read. Whatever else they should come to read, asked_again must know of it first.
READ: dict[type, tuple[str, ...]] = {
    FamilyFacts: ("notices", "objections"),
    PersonFacts: ("person_ref", "memberships", "notices", "consents", "objections", "protections", "elsewhere"),
    OtherFamily: ("memberships", "notices", "objections"),
    Membership: ("joined_on", "left_on"),
    Notice: ("version", "issued_on", "number"),
    Consent: ("version", "purpose", "given_on", "withdrawn_at", "datasets"),
    Objection: ("received_at", "lifted_at", "refused_at", "datasets", "narrowed_to"),
    Protection: ("kind", "from_on", "to_on"),
    NoticeVersion: ("version", "published_on", "basis", "datasets", "recipients"),
    Question: ("moment", "datasets", "recipients", "notice_days", "honours_scope", "notice_versions"),
    Moment: ("cut_off", "run", "today"),
}


def speaks(person: PersonFacts, family: FamilyFacts, asked: Question) -> bool:
    """Whether anything on file could be a reason, or take a dataset away, on whatever day."""
    notices = [*person.notices, *family.notices, *(it for other in person.elsewhere for it in other.notices)]
    asking = [it for it in asked.notice_versions.values() if it.basis == "CONSENT"]
    told = any(notice.version in {version.version for version in asking} for notice in notices)
    agreed = any(
        it.purpose == "research" and it.given_on <= asked.moment.today and not it.withdrawn_at and not it.datasets
        and all(
            version.version == it.version
            or version.published_on < asked.notice_versions[it.version].published_on
            for version in asking
        )
        for it in person.consents
    )  # fmt: skip
    objected = person.objections or family.objections or any(other.objections for other in person.elsewhere)
    return bool(person.protections or objected or (told and not agreed))


def only_what_is_read(fact: Any) -> Any:
    """The same fact, of which nothing can be read but what stands above."""
    if type(fact) in READ:
        return SimpleNamespace(**{name: only_what_is_read(getattr(fact, name)) for name in READ[type(fact)]})
    if isinstance(fact, tuple):
        return tuple(only_what_is_read(each) for each in fact)
    if isinstance(fact, dict):
        return {key: only_what_is_read(value) for key, value in fact.items()}
    return fact


def test_of_whom_nothing_speaks_the_rules_say_nothing() -> None:
    passed_over: list[bool] = []

    @settings(at_any_edge, max_examples=250)
    @given(families, questions)
    def holds(family: FamilyFacts, asked: Question) -> None:
        for person in family.people:
            if not speaks(person, family, asked):
                passed_over.append(bool(person.consents))
                assert permission_reasons(person, family, asked) == ()
                assert linkage_scope(person, family, asked) == asked.datasets

    holds()
    # Many are passed over, some of them because of a consent that is enough.
    assert len(passed_over) > 20
    assert True in passed_over


@at_any_edge
@given(families, questions)
def test_the_rules_read_nothing_that_the_question_does_not_know_of(family: FamilyFacts, asked: Question) -> None:
    here, wants = only_what_is_read(family), only_what_is_read(asked)
    for person in family.people:
        less = only_what_is_read(person)
        assert permission_reasons(less, here, wants) == permission_reasons(person, family, asked)
        assert linkage_scope(less, here, wants) == linkage_scope(person, family, asked)
