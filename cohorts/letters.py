"""Letters: what somebody is told in writing, in plain words, from what a version of the notice names."""

from datetime import date
from typing import NamedTuple

from cohorts.households import address_on, address_withheld
from cohorts.models import Dataset, NoticeVersion, Person
from cohorts.rules.clocks import age_on
from cohorts.rules.consent import BASIS
from cohorts.rules.numbers import postcode_form

CHILD = 16
"""Below this age the letter is for whoever cares for the child."""

RECIPIENTS = {"ONS": "the Office for National Statistics (ONS)"}
DEPARTMENTS = {
    "MoJ": "Ministry of Justice",
    "DfE": "Department for Education",
    "DWP": "Department for Work and Pensions",
    "OHID": "Office for Health Improvement and Disparities",
    "NCA": "National Crime Agency",
}


class Addressed(NamedTuple):
    """Whom a letter is to: the lines of its address, the name alone where the address is protected or not known."""

    to: tuple[str, ...]
    by_hand: bool
    for_carer: bool


class Letter(NamedTuple):
    """A letter to one person: `to` are the lines of its address, the name alone where the address is protected."""

    to: tuple[str, ...]
    by_hand: bool
    for_carer: bool
    recipients: tuple[str, ...]
    departments: tuple[tuple[str, tuple[str, ...]], ...]
    asks_consent: bool


def to(person: Person, version: NoticeVersion, today: date) -> Letter:
    """The letter that tells a person what this version of the notice says, with their address of today.

    A protected address is not in it: the letter is handed over. So is one to somebody whose address is not known.
    """
    addressed_to = addressed(person, today)
    return Letter(
        *addressed_to,
        recipients=tuple([RECIPIENTS.get(code, code) for code in version.recipients]),
        departments=_departments(version, today),
        asks_consent=version.basis == BASIS,
    )


def addressed(person: Person, today: date) -> Addressed:
    """To whom a letter about a person is today: for a child, to whoever cares for it."""
    name = " ".join(part for part in (person.given_name, person.family_name) if part) or person.reference
    for_carer = person.date_of_birth is not None and age_on(today, person.date_of_birth) < CHILD
    address = None if address_withheld(person, today) else address_on(person, today)
    lines: tuple[str, ...] = ()
    if address is not None:
        postcode = postcode_form(address.postcode) or address.postcode
        written = (address.line_1, address.line_2, address.line_3, address.line_4, address.line_5, postcode)
        lines = tuple([line for line in written if line])
    return Addressed((f"To the parent or carer of {name}" if for_carer else name, *lines), not lines, for_carer)


def _departments(version: NoticeVersion, today: date) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The departments with their datasets that the version names, by their names in the register."""
    named = Dataset.objects.filter(in_register_from__lte=today).exclude(in_register_to__lte=today)
    if version.datasets:
        named = Dataset.objects.filter(code__in=version.datasets)
    found: dict[str, list[str]] = {}
    for dataset in named.order_by("id"):
        # What a department was called before, in brackets, tells a family nothing.
        owner = dataset.owner.partition(" (was ")[0]
        found.setdefault(DEPARTMENTS.get(owner, owner), []).append(dataset.name.partition(" (was ")[0])
    return tuple([(department, tuple(names)) for department, names in found.items()])
