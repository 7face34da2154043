"""Explained: which open queries of a submission somebody explained, and in which words they travel."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from cohorts import queries
from transfers.models import Submission


class Covered(NamedTuple):
    """So many open queries of one code, and the words that explain them; empty where nobody did."""

    code: str
    open: int
    explanation: str


def covered(row: Submission) -> list[Covered]:
    """Every open query of a submission, once: by code, what one explanation covers together.

    What was written for one person or family goes before what was written for the whole code. It says of nobody for
    whom it was written.
    """
    of_codes: dict[str, str] = {}
    of_one: dict[str, dict[tuple[str, str], str]] = {}
    for code, family, person, text in row.explanations.values_list("code", "family_ref", "person_ref", "text"):
        if family:
            of_one.setdefault(code, {})[family, person] = text
        else:
            of_codes[code] = text
    found = []
    for code, count in queries.open_queries(row.cohort).items():
        found += list(_of_code(row, code, count, of_codes.get(code, ""), of_one.get(code, {})))
    return found


def _of_code(
    row: Submission, code: str, count: int, whole: str, of_one: dict[tuple[str, str], str]
) -> Iterator[Covered]:
    told: Counter[str] = Counter()
    for about, number in (queries.findings_about(row.cohort, code, of_one) if of_one else {}).items():
        told[of_one[about]] += number
    if rest := count - told.total():
        yield Covered(code, rest, whole)
    yield from (Covered(code, number, text) for text, number in sorted(told.items()))


def not_explained(row: Submission) -> dict[str, int]:
    """The open queries of which nobody said yet why they are right: how many of each code."""
    return {it.code: it.open for it in covered(row) if not it.explanation}
