"""Some families: what the rules need beside their facts, for pages that ask all the rules of a few.

A run looks at everybody once (`facts.look_up`); a page asks of the families at hand alone, and must come to the same.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection

from cohorts import facts
from cohorts.shared_numbers import NUMBERS, SharedNumbers

MEMBERS = "SELECT DISTINCT m.person_id FROM cohorts_membership m JOIN cohorts_family f ON f.id = m.family_id {only}"
SHARED = " UNION ALL ".join(
    f"""
    SELECT own.id, {1 << place} AS mark FROM cohorts_person own
    WHERE own.id = ANY (%(people)s) AND own.{field} <> '' AND own.merged_into_id IS NULL AND EXISTS (
        SELECT FROM cohorts_person other
        WHERE upper(replace(other.{field}, ' ', '')) = upper(replace(own.{field}, ' ', ''))
        AND other.{field} <> '' AND other.merged_into_id IS NULL AND other.id <> own.id
    )
    """
    for place, field in enumerate(NUMBERS)
)


def look_up(only: str, parameters: Sequence[Any]) -> facts.Known:
    """What `facts.stream` needs of these families, narrowed as there: shared numbers, and who may be on file twice."""
    known = facts.at_hand()
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS.format(only=only), parameters)
        people = known.merges.reach(cursor, [record for (record,) in cursor.fetchall()])
        cursor.execute("SELECT person_id FROM cohorts_doubtful WHERE person_id = ANY (%s)", [list(people)])
        doubtful = {person for (person,) in cursor}
    return known._replace(shared=_among(people), doubtful=doubtful)


def _among(people: Collection[int]) -> SharedNumbers:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, sum(mark) FROM ({SHARED}) AS shared GROUP BY 1 ORDER BY 1", {"people": list(people)}
        )
        return SharedNumbers((person, int(marks)) for person, marks in cursor)
