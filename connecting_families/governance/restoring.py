"""Restoring a backup into an empty database, from the first table until somebody has said so on the trail.

The program is closed before there is anything in it (the schema of audit/restored.py), and stays so when this is killed
at any moment: given again, the same command goes on. Who restores must be permitted to by the records themselves.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from connecting_families.audit import restored
from connecting_families.audit.models import Restore
from connecting_families.audit.refusals import Why
from connecting_families.audit.restored import NotRestored, Origin
from connecting_families.audit.trail import Who
from connecting_families.governance import backups
from connecting_families.governance.backups import Backup
from transfers import strongbox

STATE = """
    SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'),
        (SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = 'restoring')
"""
PIECE = 1 << 20
GIVEN_SINCE = 10_000
"""References that are passed over: more than are given in a month between two backups."""


def restore(*, backup: Backup, reason: str, who: Callable[[], Who], at: datetime) -> Restore:
    """Restore a backup, bring its tables up to this version, and say so; then the program waits for what came after.

    `who` finds who asks, once there are records to ask. Raises NotRestored: the database is not empty, the backup is
    newer than this version, is not whole, or lies under another key. What was begun goes on where it was.
    """
    with as_the_owner():
        _put_back(backup)
    call_command("migrate", verbosity=0)
    by = who()
    origin = Origin(backup.name, backup.sha256, backup.made_at, backup.journal, backup.never_committed)
    row = restored.open_one() or say(origin=origin, reason=reason, by=by, at=at)
    with as_the_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {restored.SCHEMA}")
    return row


def say(*, origin: Origin, reason: str, by: Who, at: datetime) -> Restore:
    """Say what was restored, by whatever means. References that may have been given since are given to nobody else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(nextval('cohorts_own_reference')) FROM generate_series(1, %s)", [GIVEN_SINCE])
    return restored.note(origin=origin, reason=reason, by=by, at=at)


@contextmanager
def as_the_owner() -> Iterator[None]:
    """Inside, the database is asked as the role that owns its tables (DATABASE_OWNER_URL)."""
    site, owner = dict(connection.settings_dict), settings.DATABASE_OWNER
    connection.close()
    connection.settings_dict.update({name: owner[name] for name in ("USER", "PASSWORD", "HOST", "PORT")})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(site)


def _put_back(backup: Backup) -> None:
    """The tables of a backup into an empty database, all or none; nothing where that was done already."""
    unknown = set(backup.migrations) - set(MigrationLoader(None).disk_migrations or {})
    if unknown:
        raise NotRestored([Why("NEWER", "This backup was made by a newer version of the program. Use that version.")])
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        full, begun = cursor.fetchone()
        if full and begun != backup.name and not _is_under_way(backup):
            sentence = "The database is not empty. A backup is restored into a new one: make it first."
            raise NotRestored([Why("NOT_EMPTY", sentence)])
        if full:
            return
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {restored.SCHEMA}")
        cursor.execute(f"COMMENT ON SCHEMA {restored.SCHEMA} IS '{backup.name}'")
    _pour(backup)


def _is_under_way(backup: Backup) -> bool:
    """Whether this backup was restored here, and what came after it waits still."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.audit_restore') IS NOT NULL")
        (known,) = cursor.fetchone()
    return bool(known) and Restore.objects.filter(backup=backup.name, ended_at=None).exists()


def _pour(backup: Backup) -> None:
    words: list[Any] = [
        backups.program("pg_restore"), "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
        "--no-password", f"--dbname={connection.settings_dict['NAME']}",
    ]  # fmt: skip
    told = backups.environment(connection.settings_dict)
    with (
        (backup.folder / backups.DUMP).open("rb") as file,
        subprocess.Popen(
            words, env=told, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as pouring,
    ):
        if pouring.stdin is None or pouring.stderr is None:
            raise AssertionError("What pg_restore reads is written here.")
        try:
            reader = strongbox.Reader(file, backups.key(), backup.name)
            while piece := reader.read(PIECE):
                pouring.stdin.write(piece)
            pouring.stdin.close()
        except strongbox.NotOpened:
            # Before its end is read nothing is committed.
            pouring.kill()
            sentence = "The backup is not whole, or lies under another CF_BACKUP_KEY. Nothing was restored."
            raise NotRestored([Why("NOT_OPENED", sentence)]) from None
        except BrokenPipeError:
            pass
        pouring.stderr.read()
    if pouring.returncode:
        raise NotRestored([Why("NOT_POURED", "PostgreSQL did not take the backup. Nothing was restored.")])
