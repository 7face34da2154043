"""Checks: what a data-quality check is, and what it looks at."""

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from cohorts.rules.facts import Address, PersonFacts

CRITICAL: Final = "critical"
QUERY: Final = "query"

Found = tuple[tuple[str, str], ...]
"""The fields at fault with the value found in each; empty where nothing is wrong."""

NOTHING: Final[Found] = ()


class Subject(NamedTuple):
    """A person as a check sees them: their record, their address on the cut-off, and the family's youngest lead."""

    person: PersonFacts
    address: Address | None
    cut_off: date
    lead_born: date | None = None


class Kind(NamedTuple):
    """A kind of finding: its code, how grave it is, and a sentence that says what is wrong and what would be right."""

    code: str
    severity: str
    sentence: str


class Check(NamedTuple):
    """A kind of finding, with the function that finds it in one person's record."""

    kind: Kind
    find: Callable[[Subject], Found]


def critical(code: str, sentence: str) -> Callable[[Callable[[Subject], Found]], Check]:
    """Makes a function the check of a critical kind: what it finds keeps the person out."""
    return _check(Kind(code, CRITICAL, sentence))


def query(code: str, sentence: str) -> Callable[[Callable[[Subject], Found]], Check]:
    """Makes a function the check of a query: what it finds is to be mended or explained."""
    return _check(Kind(code, QUERY, sentence))


def _check(kind: Kind) -> Callable[[Callable[[Subject], Found]], Check]:
    def of(find: Callable[[Subject], Found]) -> Check:
        return Check(kind, find)

    return of
