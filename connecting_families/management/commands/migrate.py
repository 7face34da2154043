"""Migrate under the role that owns the tables; see to it that every change is recorded, and to the site's rights."""

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connection

from connecting_families.audit import owed

# Rows here are added and read: the site's role may not even try to change them (triggers refuse everybody).
ADDED_AND_READ = (
    "audit_entry",
    "audit_leaf",
    "audit_checkpoint",
    "audit_handover",
    "cohorts_decision",
    "cohorts_finding",
    "cohorts_forgotten",
    "cohorts_remembered",
    "cohorts_erasedidentity",
    "cohorts_frameworkinuse",
    "transfers_recipientdestruction",
    "transfers_studyend",
    "cohorts_review",
    "governance_promiseoutcome",
    "governance_signoff",
)


class Command(migrate.Command):
    """Django's own migrate, as DATABASE_OWNER_URL, with grants to the role of DATABASE_URL afterwards."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and grant."""
        owner = settings.DATABASE_OWNER
        site = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict.update({name: owner[name] for name in ("USER", "PASSWORD", "HOST", "PORT")})
        try:
            super().handle(*args, **options)
            owed.put_in_place()
            if site["USER"] != owner["USER"]:
                _grant(site["USER"])
        finally:
            connection.close()
            connection.settings_dict.update(site)


def _grant(role: str) -> None:
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        there = {row[0] for row in cursor.fetchall()}
        for table in ADDED_AND_READ:
            if table in there:
                cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}")
        if owed.NOTES in there:
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {owed.NOTES} FROM {name}")
