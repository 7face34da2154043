"""Membership: who belonged to a family on a day, and who of a family is considered."""

from collections.abc import Iterable
from datetime import date
from operator import attrgetter

from cohorts.rules.clocks import stands
from cohorts.rules.facts import FamilyFacts, Membership, PersonFacts

_by_reference = attrgetter("person_ref")


def standing(memberships: Iterable[Membership], day: date) -> list[Membership]:
    """The memberships that stood on a day; none means that the person was no member."""
    return [membership for membership in memberships if stands(membership.joined_on, membership.left_on, day)]


def members(family: FamilyFacts, day: date) -> list[PersonFacts]:
    """Everyone who was a member of the family on a day, in the order of their references."""
    return sorted([person for person in family.people if standing(person.memberships, day)], key=_by_reference)


def candidates(family: FamilyFacts, cut_off: date) -> list[PersonFacts]:
    """Who is considered: every member on the cut-off, where the family's flag stands on it."""
    if family.flagged_on is None or not stands(family.flagged_on, family.lifted_on, cut_off):
        return []
    return members(family, cut_off)


def lives_in_household(person: PersonFacts, day: date) -> bool:
    """Whether the person lived in the family's household on a day; of two memberships, one that says so is enough."""
    return any(membership.lives_in_household for membership in standing(person.memberships, day))
