"""Migrate under the role that owns the tables; see to it that every change is recorded, and to the site's rights."""

from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState

from connecting_families.alone import Work
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


class WholeOrNot(MigrationExecutor):
    """Records a migration in the transaction that makes it.

    Django records it in one of its own where some of it is made last, as indexes are: killed in between, it would be
    made once more, and fail for ever.
    """

    def apply_migration(self, state: ProjectState, migration: Migration, *args: Any, **options: Any) -> ProjectState:
        """Make and record a migration, or neither; one that asks for no transaction has none."""
        with transaction.atomic() if migration.atomic else nullcontext():
            return super().apply_migration(state, migration, *args, **options)


# Django has no other place to name it.
migrate.MigrationExecutor = WholeOrNot  # type: ignore[attr-defined]


class Command(migrate.Command):
    """Django's own migrate, as DATABASE_OWNER_URL, with grants to the role of DATABASE_URL afterwards.

    One at a time: of one that was killed PostgreSQL may still be at the last word, and the next waits for that.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and grant."""
        owner = settings.DATABASE_OWNER
        site = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict.update({name: owner[name] for name in ("USER", "PASSWORD", "HOST", "PORT")})
        try:
            self._alone()
            super().handle(*args, **options)
            owed.put_in_place()
            if site["USER"] != owner["USER"]:
                _grant(site["USER"])
        finally:
            connection.close()
            connection.settings_dict.update(site)

    def _alone(self) -> None:
        """Wait until nobody else migrates; nobody does before the connection is closed."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [Work.MIGRATING])
            if not cursor.fetchone()[0]:
                self.stdout.write("Somebody else is at a migrate of this database. This one waits for the end of it.")
                self.stdout.flush()
                cursor.execute("SELECT pg_advisory_lock(%s, 0)", [Work.MIGRATING])


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
