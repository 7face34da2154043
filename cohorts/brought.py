"""What a bulk file brought that no backup may bring back: who objected, withdrew a consent, or is protected.

It goes into the journal outside the database (audit/journal.py) in the act that loads the file, a line for each record
that is new or was changed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from psycopg import sql

from cohorts import remembered
from cohorts.bulk_files import BulkFile
from cohorts.models import Consent, Objection, Person, Protection
from connecting_families.audit.events import Event

AT_ONCE = 5_000
ROWS = sql.SQL("""
    SELECT {columns} FROM file_records LEFT JOIN {table} held ON held.id = held_id
    WHERE (held_id IS NULL OR {differs}) {only} ORDER BY line
""")

Row = tuple[Any, ...]
Kept = tuple[Event, dict[str, Any]]


class _Brought(NamedTuple):
    """Of one kind of file: the columns that are read, which rows, and what is kept of one; its first is the person."""

    columns: tuple[str, ...]
    only: str
    kept: Callable[[dict[str, Any], Row], list[Kept]]


def _objection(person: dict[str, Any], row: Row) -> list[Kept]:
    reference, family, made_by, channel, received_at, datasets, lifted_at = row
    received = {
        "objection": reference, **person, "family": family or None, "made_by": made_by, "channel": channel,
        "received_at": received_at.isoformat(), "datasets": datasets,
    }  # fmt: skip
    found = [(Event.OBJECTION_RECEIVED, received)]
    if lifted_at is not None:
        lifted = {"objection": reference, "lifted_at": lifted_at.isoformat(), "asked_by": "", "channel": ""}
        found.append((Event.OBJECTION_LIFTED, lifted))
    return found


def _consent(person: dict[str, Any], row: Row) -> list[Kept]:
    reference, withdrawn_at = row
    return [
        (Event.CONSENT_WITHDRAWN, {"consent": reference, **person, "withdrawn_at": withdrawn_at.isoformat()}),
    ]


def _protection(person: dict[str, Any], row: Row) -> list[Kept]:
    kind, from_on, to_on = row
    days = {"from_on": from_on.isoformat(), "to_on": to_on.isoformat() if to_on else None}
    return [(Event.PROTECTION_MARKED, {**person, "kind": kind, **days})]


OF_FILE: dict[Any, _Brought] = {
    Objection: _Brought(
        ("objection_ref", "family_ref", "made_by", "channel", "received_at_value", "datasets_value", "lifted_at_value"),
        "",
        _objection,
    ),
    Consent: _Brought(("consent_ref", "withdrawn_at_value"), "AND withdrawn_at_value IS NOT NULL", _consent),
    Protection: _Brought(("kind", "from_on_value", "to_on_value"), "", _protection),
}


def by_file(cursor: Any, file: BulkFile, differs: sql.Composable) -> list[Kept]:
    """What is to be kept outside of the rows of a file that are new or are to change records (where `differs` holds).

    Before anything of it is changed; in the order of the lines.
    """
    brought = OF_FILE.get(file.model)
    if brought is None:
        return []
    cursor.execute(
        ROWS.format(
            columns=sql.SQL(", ").join(
                sql.Identifier("file_records", name) for name in ("person_ref", *brought.columns)
            ),
            table=sql.Identifier(file.model._meta.db_table),
            differs=differs,
            only=sql.SQL(brought.only),
        )
    )
    rows: list[Row] = cursor.fetchall()
    kept: list[Kept] = []
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        people = Person.objects.in_bulk({row[0] for row in some if row[0]}, field_name="reference")
        for reference, *values in some:
            kept += brought.kept(remembered.outside(people.get(reference)), tuple(values))
    return kept
