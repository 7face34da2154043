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
    """A submission's row, the files of both folders, and the last row of whatever may be added."""

    row: dict[str, Any]
    last: dict[str, int]
    files: Photograph


def photograph(name: str) -> Stood:
    """The submission of this name as it stands."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(s) FROM transfers_submission s WHERE name = %s", [name])
        row = json.loads(cursor.fetchone()[0])
        last = {}
        for table in SINCE:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            last[table] = cursor.fetchone()[0]
    return Stood(row, last, Photograph())


def bring_back(stood: Stood) -> None:
    """Everything as it was photographed."""
    columns = ", ".join(f'"{name}"' for name in stood.row if name != "id")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE transfers_submission SET ({columns}) = (SELECT {columns}"
            " FROM jsonb_populate_record(NULL::transfers_submission, %s)) WHERE id = %s",
            [json.dumps(stood.row), stood.row["id"]],
        )
        for table, last in stood.last.items():
            cursor.execute(f"DELETE FROM {table} WHERE id > %s", [last])
        cursor.execute(ENTRY)
    stood.files.restore()
