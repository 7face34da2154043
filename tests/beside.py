"""Writing beside the program, in tests of what the database itself holds: with an entry, which it asks for."""

NAMES = "event, action, who, role, reason, record, reference, object_pk, object_repr, changes_text, timestamp"
ENTRY = (
    f"INSERT INTO audit_entry ({NAMES}) VALUES ('TRAIL_VIEWED', 3, 'system:test', '', '', '', '', '', '', '', now())"
)
"""In the transaction of what is written."""
