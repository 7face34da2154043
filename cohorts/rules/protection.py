"""Protection: must nobody learn who or where this person is?"""

from datetime import date
from typing import Final

from cohorts.rules.clocks import stands
from cohorts.rules.facts import Moment, PersonFacts, Protection

OF_IDENTITY: Final = frozenset({"adoption", "witness_protection", "other_court_order"})
OF_ADDRESS: Final = frozenset({"refuge", "sensitive_address"})


def identity_is_protected(person: PersonFacts, at: Moment) -> bool:
    """PROTECTED_IDENTITY: a mark that protects who the person is stands at the run, by its date in London."""
    return bool(person.protections) and _marked(person, OF_IDENTITY, at)


def address_is_protected(person: PersonFacts, at: Moment) -> bool:
    """PROTECTED_ADDRESS: a mark that protects where the person lives stands at the run, by its date in London."""
    return bool(person.protections) and _marked(person, OF_ADDRESS, at)


def is_or_will_be_protected(person: PersonFacts, day: date) -> bool:
    """Whether a mark of any kind stands on a day, or begins after it: for pages, which say less of such a person."""
    return any(mark.to_on is None or mark.to_on > day for mark in person.protections)


def mark_stands(mark: Protection, at: Moment) -> bool:
    """Whether a mark stands at the run, by its date in London."""
    return stands(mark.from_on, mark.to_on, at.today)


def _marked(person: PersonFacts, kinds: frozenset[str], at: Moment) -> bool:
    return any(mark.kind in kinds and mark_stands(mark, at) for mark in person.protections)
