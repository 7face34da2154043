"""Protection: must nobody learn who or where this person is?"""

from typing import Final

from cohorts.rules.clocks import stands
from cohorts.rules.facts import Moment, PersonFacts

OF_IDENTITY: Final = frozenset({"adoption", "witness_protection", "other_court_order"})
OF_ADDRESS: Final = frozenset({"refuge", "sensitive_address"})


def identity_is_protected(person: PersonFacts, at: Moment) -> bool:
    """PROTECTED_IDENTITY: a mark that protects who the person is stands at the run, by its date in London."""
    return bool(person.protections) and _marked(person, OF_IDENTITY, at)


def address_is_protected(person: PersonFacts, at: Moment) -> bool:
    """PROTECTED_ADDRESS: a mark that protects where the person lives stands at the run, by its date in London."""
    return bool(person.protections) and _marked(person, OF_ADDRESS, at)


def _marked(person: PersonFacts, kinds: frozenset[str], at: Moment) -> bool:
    return any(mark.kind in kinds and stands(mark.from_on, mark.to_on, at.today) for mark in person.protections)
