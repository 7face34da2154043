"""Compared: two records that may be of one person, as they count today, and what they were compared by."""

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from cohorts import details, households
from cohorts.models import Pair, Person, Protection
from cohorts.rules.protection import OF_IDENTITY
from cohorts.seen import values


class Two(NamedTuple):
    """The surviving records of a pair, in the order of entry of its own; the same one twice where they count as one."""

    one: Person
    other: Person

    @property
    def are_one(self) -> bool:
        """Whether both count as one person already."""
        return self.one == self.other


def two_of(pair: Pair) -> Two:
    """The records that the two of a pair count as today."""
    return Two(households.survivor(pair.first), households.survivor(pair.second))


def fingerprint(pair: Pair, two: Two) -> str:
    """A digest of what somebody saw who compared the two: their details, and what was decided of them."""
    said = [values(person, ("id", *details.FIELDS)) for person in two]
    decided = [pair.state, str(pair.decided_at), pair.decided_by]
    return hashlib.sha256(json.dumps([said, decided]).encode()).hexdigest()


def closed(people: Iterable[Person], today: date) -> set[int]:
    """The keys of those of whom a mark protects who they are, or will: that two records are theirs is what it hides."""
    marks = Protection.objects.filter(person__in=households.records_of(people), kind__in=OF_IDENTITY)
    standing = marks.exclude(to_on__lte=today).values_list("person_id", flat=True)
    return set(households.survivors(standing).values())


def address_is_withheld(two: Two, today: date) -> bool:
    """Whether the address of either may be shown nowhere: then neither is, since they may be the same."""
    return any(households.address_withheld(person, today, ever=True) for person in two)
