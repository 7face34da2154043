"""An entry as the bytes that are sealed: JSON that depends on nothing but the columns as they are stored.

Keys sorted, no space between, UTF-8; instants in UTC to the microsecond, as stored; whole numbers as numbers, and a
broken one, which an entry should not hold, as the text that the database has of it. What Python makes of a model is
left out: it may change with a version.
"""

import json
from typing import Any


def _instant(column: str) -> str:
    """In UTC to the microsecond; to_char leaves out that a year is before Christ."""
    text = f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    return f"CASE WHEN isfinite({column}) AND {column} >= '0001-01-02Z' THEN {text} ELSE {column}::text END"


#: column of an entry -> what is read of it. A column that is added later is sealed from then on (see differences).
COLUMNS = {
    "action": "e.action",
    "actor_email": "e.actor_email",
    "actor_id": "e.actor_id",
    "additional_data": "e.additional_data::text",
    "changes": "e.changes::text",
    "changes_text": "e.changes_text",
    "cid": "e.cid",
    "content_type_id": "e.content_type_id",
    "event": "e.event",
    "id": "e.id",
    "object_id": "e.object_id",
    "object_pk": "e.object_pk",
    "object_repr": "e.object_repr",
    "reason": "e.reason",
    "record": "e.record",
    "recorded_at": _instant("e.recorded_at"),
    "reference": "e.reference",
    "remote_addr": "to_jsonb(e.remote_addr) #>> '{}'",
    "remote_port": "e.remote_port",
    "role": "e.role",
    "serialized_data": "e.serialized_data::text",
    "timestamp": _instant("e.timestamp"),
    "tx": "e.tx::text::bigint",
    "who": "e.who",
}
JSON_COLUMNS = ("additional_data", "changes", "serialized_data")
SELECTED = ", ".join(COLUMNS.values())
"""The columns for a SELECT FROM audit_entry e, in the order of COLUMNS."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def canonical(row: tuple[Any, ...]) -> bytes:
    """The bytes of the entry of which these columns were read (SELECTED)."""
    entry = dict(zip(COLUMNS, row, strict=True))
    for name in JSON_COLUMNS:
        if entry[name] is not None:
            entry[name] = json.loads(entry[name], parse_float=str)
    return _encode(entry).encode()


def differences(sealed: bytes, now: bytes) -> list[str]:
    """The columns in which an entry is not as it was sealed; none where only columns were added since.

    Where what was sealed is no canonical JSON itself, all of it differs.
    """
    if sealed == now:
        return []
    try:
        then = json.loads(sealed)
        if _encode(then).encode() != sealed or not isinstance(then, dict):
            return ["everything"]
    except ValueError:
        return ["everything"]
    is_now = json.loads(now)
    return [name for name in then if name not in is_now or _encode(then[name]) != _encode(is_now[name])]
