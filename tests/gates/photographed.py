"""A submission as it stood, and everything back as it was: so that the same moment can be raced a thousand times.

The rows that come back are those which the real stages wrote; nothing is made up. The trail keeps what happened since.
"""

import json
from typing import Any, NamedTuple

from django.db import connection, transaction

from tests.beside import ENTRY
from tests.gates.interrupted import Photograph

SINCE = (
    "transfers_withdrawn", "transfers_withdrawalattempt", "transfers_withdrawal", "transfers_deliveryattempt",
    "cohorts_objection",
)  # fmt: skip


class Stood(NamedTuple):
    """The rows of a submission and of its withdrawals, the files that lie there, and the last row of what may come."""

    rows: list[tuple[str, dict[str, Any]]]
    last: dict[str, int]
    files: Photograph


def photograph(name: str) -> Stood:
    """The submission of this name as it stands."""
    with connection.cursor() as cursor:
        rows = []
        for table in ("transfers_submission", "transfers_withdrawal"):
            cursor.execute(f"SELECT to_jsonb(s) FROM {table} s WHERE starts_with(name, %s)", [name])
            rows += [(table, json.loads(row)) for (row,) in cursor.fetchall()]
        last = {}
        for table in SINCE:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            last[table] = cursor.fetchone()[0]
    return Stood(rows, last, Photograph())


def bring_back(stood: Stood) -> int:
    """Everything as it was photographed, by one question; the number of the entry that tells of it."""
    statements, values = [f"{ENTRY} RETURNING id"], list[Any]()
    for table, row in stood.rows:
        columns = ", ".join(f'"{name}"' for name in row if name != "id")
        statements.append(
            f"UPDATE {table} SET ({columns}) = (SELECT {columns}"
            f" FROM jsonb_populate_record(NULL::{table}, %s)) WHERE id = %s"
        )
        values += [json.dumps(row), row["id"]]
    for table, last in stood.last.items():
        statements.append(f"DELETE FROM {table} WHERE id > %s")
        values.append(last)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(statements), values)
        number: int = cursor.fetchone()[0]
    stood.files.restore()
    return number
