"""Objection: does this person object, or somebody for them or for a whole family of theirs?"""

from collections.abc import Sequence
from datetime import datetime

from cohorts.rules.facts import FamilyFacts, Membership, Moment, Objection, PersonFacts
from cohorts.rules.membership import standing


def stands_at(objection: Objection, run: datetime) -> bool:
    """Whether an objection stands at an instant: received by then, neither lifted nor refused. Undecided stands."""
    return (
        objection.received_at <= run
        and not (objection.lifted_at is not None and objection.lifted_at <= run)
        and not (objection.refused_at is not None and objection.refused_at <= run)
    )


def objects_in_person(person: PersonFacts, at: Moment) -> bool:
    """OBJECTION_PERSON: an objection about the person stands, and names no dataset."""
    return bool(person.objections) and any(
        not objection.datasets and stands_at(objection, at.run) for objection in person.objections
    )


def objects_as_family(person: PersonFacts, family: FamilyFacts, at: Moment) -> bool:
    """OBJECTION_FAMILY: an objection for a family of theirs stands, reaches them, and names no dataset."""
    objections = family_objections(person, family, at)
    return bool(objections) and any(not objection.datasets for objection in objections)


def datasets_objected(person: PersonFacts, family: FamilyFacts, at: Moment) -> set[str]:
    """The datasets that standing objections name, about the person or for a family of theirs."""
    objections = family_objections(person, family, at)
    if person.objections:
        objections += [objection for objection in person.objections if stands_at(objection, at.run)]
    return {dataset for objection in objections for dataset in objection.datasets} if objections else set()


def family_objections(person: PersonFacts, family: FamilyFacts, at: Moment) -> list[Objection]:
    """The standing objections for a whole family that reach the person, for this family or for another of theirs.

    They cover everyone who is a member of the family objected for on the cut-off, whether it is flagged or not, until
    they are narrowed to named persons: then those.
    """
    objections = _reaching(person, family.objections, person.memberships, at)
    for other in person.elsewhere:
        objections += _reaching(person, other.objections, other.memberships, at)
    return objections


def _reaching(
    person: PersonFacts, objections: Sequence[Objection], memberships: Sequence[Membership], at: Moment
) -> list[Objection]:
    if not objections:
        return []
    member = bool(standing(memberships, at.cut_off))
    return [
        objection
        for objection in objections
        if stands_at(objection, at.run)
        and (member if objection.narrowed_to is None else person.person_ref in objection.narrowed_to)
    ]
