"""Beside the facts: what the page of a family tells of it and no rule asks about, in one question."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from cohorts.models import Family

BESIDE = """
    SELECT 'work', id, started_on, ended_on, intervention FROM cohorts_engagement WHERE family_id = %(family)s
    UNION ALL
    SELECT 'notice', id, issued_on, NULL, issued_by FROM cohorts_notice WHERE id = ANY (%(notices)s::bigint[])
    UNION ALL
    SELECT 'flag', id, flagged_on, NULL, flagged_by FROM cohorts_flagreview
    WHERE family_id = %(family)s AND outcome = '' AND flagged_on = %(flagged_on)s
    ORDER BY 1, 2
"""


class Work(NamedTuple):
    """Work with a family, from a day until the day before another, and what it is."""

    started_on: date
    ended_on: date | None
    intervention: str


class Beside(NamedTuple):
    """The work with a family, who gave each notice (by its number), and whether its flag waits for a manager."""

    work: list[Work]
    given_by: dict[int, str]
    flag_waits: bool


def of(family: Family, notices: Collection[int]) -> Beside:
    """What stands beside the facts of a family, of which these notices tell (their numbers)."""
    found = Beside([], {}, flag_waits=False)
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"family": family.pk, "notices": list(notices), "flagged_on": family.flagged_on}
        cursor.execute(BESIDE, asked)
        for kind, number, first, last, said in cursor.fetchall():
            if kind == "work":
                found.work.append(Work(first, last, said))
            elif kind == "notice":
                found.given_by[number] = said
            else:
                found = found._replace(flag_waits=True)
    return found
