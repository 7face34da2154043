"""How other eyes than the program's look at the trail and the tables, and what they say where something is wrong."""

from typing import Any, NamedTuple

from django.db import connection

from tests.stages.walk import PEOPLE as ON_FILE

WITHDRAWAL = "-withdrawal-"
PLANTED = tuple(value.encode() for each in ON_FILE for value in each[1:3])


class BrokenError(AssertionError):
    """Something got past a gate."""


class Entry(NamedTuple):
    """An entry of the trail."""

    id: int
    event: str
    who: str
    reference: str
    said: dict[str, Any]


def holds(condition: object, why: str) -> None:
    """Raise BrokenError with this sentence where it does not hold."""
    if not condition:
        raise BrokenError(why)


def rows(sql: str, *parameters: Any, **named: Any) -> list[tuple[Any, ...]]:
    """What the database says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, named or parameters)
        return list(cursor.fetchall())
