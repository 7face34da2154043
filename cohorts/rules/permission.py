"""Permission: what speaks against sending this person's details at the run, and which datasets are left to link to."""

from typing import NamedTuple

from cohorts.rules.consent import consent_missing
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.notice import issued_to, latest_version, notice_missing
from cohorts.rules.objection import objects_as_family, objects_in_person
from cohorts.rules.protection import address_is_protected, identity_is_protected
from cohorts.rules.reasons import Reason
from cohorts.rules.scope import datasets_left, scope_is_refused


class Permission(NamedTuple):
    """The codes that hold, in order of precedence, and the datasets of the round that nobody took away."""

    reasons: tuple[str, ...]
    scope: tuple[str, ...]


def permission_of(person: PersonFacts, family: FamilyFacts, question: Question) -> Permission:
    """The permission of a person at the run; the same in every family's row where they are a candidate.

    Raises KeyError for a notice version of which the question does not know.
    """
    at = question.moment
    issued = issued_to(person, family, at)
    latest = latest_version(issued, question)
    scope = datasets_left(person, family, latest, question)
    reasons = []
    if identity_is_protected(person, at):
        reasons.append(Reason.PROTECTED_IDENTITY.code)
    if address_is_protected(person, at):
        reasons.append(Reason.PROTECTED_ADDRESS.code)
    if objects_in_person(person, at):
        reasons.append(Reason.OBJECTION_PERSON.code)
    if objects_as_family(person, family, at):
        reasons.append(Reason.OBJECTION_FAMILY.code)
    if scope_is_refused(scope, question):
        reasons.append(Reason.OBJECTION_SCOPE.code)
    if consent_missing(person, latest, question):
        reasons.append(Reason.CONSENT_MISSING.code)
    if notice_missing(issued, question):
        reasons.append(Reason.NOTICE_MISSING.code)
    return Permission(tuple(reasons), scope)
