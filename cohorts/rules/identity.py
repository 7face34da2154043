"""Identity: was this person born and alive, and is what ONS needs to link them there and possible?"""

from datetime import date
from operator import attrgetter
from typing import Final

from cohorts.rules.checks import NOTHING, Check, Found, Subject, critical
from cohorts.rules.clocks import stands
from cohorts.rules.facts import Address, PersonFacts
from cohorts.rules.numbers import normal_form

EARLIEST_BIRTH: Final = date(1895, 1, 1)
PLACEHOLDERS: Final = frozenset({"unknown", "not known", "n/k", "baby", "unborn", "test", "tbc"})

_latest = attrgetter("from_on", "number")


def died_by(person: PersonFacts, cut_off: date) -> bool:
    """DECEASED: the person died on or before the cut-off."""
    return person.date_of_death is not None and person.date_of_death <= cut_off


def not_yet_born(person: PersonFacts, cut_off: date) -> bool:
    """NOT_YET_BORN: the person was born after the cut-off."""
    return person.date_of_birth is not None and person.date_of_birth > cut_off


def address_on(person: PersonFacts, day: date) -> Address | None:
    """The address that stood on a day; of several the one that began latest, and of those the one loaded last."""
    stood = [address for address in person.addresses if stands(address.from_on, address.to_on, day)]
    return stood[0] if len(stood) == 1 else max(stood, key=_latest, default=None)


def identity_incomplete(person: PersonFacts, cut_off: date) -> bool:
    """IDENTITY_INCOMPLETE: the person has at least one critical finding."""
    subject = Subject(person, address_on(person, cut_off), cut_off)
    return any(check.find(subject) for check in CRITICAL_CHECKS)


@critical("DQ101", "The given name is empty or has no letter in it: enter the name that the person uses.")
def given_name_missing(of: Subject) -> Found:
    """No given name by which to link."""
    return NOTHING if any(map(str.isalpha, of.person.given_name)) else (("given_name", of.person.given_name),)


@critical("DQ102", "The family name is empty or has no letter in it: enter the name that the person uses.")
def family_name_missing(of: Subject) -> Found:
    """No family name by which to link."""
    return NOTHING if any(map(str.isalpha, of.person.family_name)) else (("family_name", of.person.family_name),)


@critical("DQ103", "The date of birth is empty: enter it, from a document where there is one.")
def birth_missing(of: Subject) -> Found:
    """No date of birth by which to link."""
    return (("date_of_birth", ""),) if of.person.date_of_birth is None else NOTHING


@critical("DQ104", "The date of birth is impossible: it must be in 1895 or later, and not after the date of death.")
def birth_impossible(of: Subject) -> Found:
    """Nobody alive is as old, and nobody dies before birth."""
    born, died = of.person.date_of_birth, of.person.date_of_death
    if born is None or (born >= EARLIEST_BIRTH and (died is None or born <= died)):
        return NOTHING
    return (("date_of_birth", born.isoformat()),)


@critical("DQ105", "The sex is empty: enter 1 for male, 2 for female, 9 for not specified, or 0 for not known.")
def sex_missing(of: Subject) -> Found:
    """Sex was not asked; not known is an answer."""
    return NOTHING if of.person.sex else (("sex", ""),)


@critical("DQ106", "There is no address on the cut-off with at least two lines: enter where the person lived then.")
def address_missing(of: Subject) -> Found:
    """No address by which to link."""
    lines = list(filter(str.strip, of.address.lines)) if of.address else []
    return NOTHING if len(lines) >= 2 else (("address", ", ".join(lines)),)


@critical("DQ107", "A name is only a placeholder: enter the name that the person uses.")
def name_placeholder(of: Subject) -> Found:
    """Words that people write when they do not know a name; alone they are no name."""
    given, family = of.person.given_name, of.person.family_name
    found = (("given_name", given),) if is_placeholder(given) else NOTHING
    return (*found, ("family_name", family)) if is_placeholder(family) else found


CRITICAL_CHECKS: Final[tuple[Check, ...]] = (
    given_name_missing,
    family_name_missing,
    birth_missing,
    birth_impossible,
    sex_missing,
    address_missing,
    name_placeholder,
)


def is_placeholder(name: str) -> bool:
    """Whether a name only stands in for one, such as "not known"."""
    return normal_form(name) in PLACEHOLDERS
