"""Shared numbers: who of some families has a number that stands on another person, for pages that ask all the rules.

A run looks at everybody once (`facts.look_up`); a page asks of the families at hand alone, and must come to the same.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection

from cohorts import facts

MEMBERS = "SELECT DISTINCT m.person_id FROM cohorts_membership m JOIN cohorts_family f ON f.id = m.family_id {only}"
SHARED = " UNION ALL ".join(
    f"""
    SELECT own.id, '{field}' AS field FROM cohorts_person own
    WHERE own.id = ANY (%(people)s) AND own.{field} <> '' AND own.merged_into_id IS NULL AND EXISTS (
        SELECT FROM cohorts_person other
        WHERE upper(replace(other.{field}, ' ', '')) = upper(replace(own.{field}, ' ', ''))
        AND other.{field} <> '' AND other.merged_into_id IS NULL AND other.id <> own.id
    )
    """
    for field in ("nhs_number", "nino", "upn")
)


def look_up(only: str, parameters: Sequence[Any]) -> facts.Known:
    """What `facts.stream` needs of these families, narrowed as there, with the numbers that their people share."""
    known = facts.look_up(shared=False)
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS.format(only=only), parameters)
        people = {known.survivors.get(record, record) for (record,) in cursor}
    return known._replace(shared=_among(people))


def _among(people: Collection[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"{SHARED} ORDER BY 1, 2", {"people": list(people)})
        for person, field in cursor:
            found.setdefault(person, []).append(field)
    return {person: tuple(fields) for person, fields in found.items()}
