#!/usr/bin/env python
"""Every command of the program; on a machine without a database and a broker, with the embedded ones."""

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connecting_families import embedded

if TYPE_CHECKING:
    from django.core.management import ManagementUtility
    from django.core.management.base import BaseCommand

# These do not look into the database, or are what would bring its tables.
WITHOUT_TABLES = {"help", "version", "makemigrations", "migrate", "showmigrations", "check", "collectstatic",
                  "restore"}  # fmt: skip
ASKS_FOR_HELP = {"-h", "--help", "--version"}
OURS = ("connecting_families", "cohorts", "transfers")
# Of the commands that are not ours, those which show nothing of anybody and change no record.
OTHERS_IN_PRODUCTION = {"check", "clearsessions", "collectstatic", "showmigrations"}


def main() -> None:
    """Run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    own_database = embedded.ensure(os.environ)
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import ManagementUtility
    except ImportError:
        sys.exit("Django is not installed for this Python. Run make demo or make test, or use .venv/bin/python.")
    try:
        if own_database and sys.argv[1:2] and not {sys.argv[1], *sys.argv} & (WITHOUT_TABLES | ASKS_FOR_HELP):
            bring_tables()
        closed(ManagementUtility)(sys.argv).execute()
    except ImproperlyConfigured as mistake:
        sys.exit(str(mistake))


def closed(utility: "type[ManagementUtility]") -> "type[ManagementUtility]":
    """The commands that there are: in production none that shows or changes records without asking who gives it."""
    from django.conf import settings
    from django.core.management import get_commands

    class Closed(utility):  # type: ignore[misc, valid-type]
        def fetch_command(self, subcommand: str) -> "BaseCommand":
            app = str(get_commands().get(subcommand, ""))
            if app and settings.PRODUCTION and not app.startswith(OURS) and subcommand not in OTHERS_IN_PRODUCTION:
                sys.stderr.write(
                    f"In production there is no command {subcommand}: it asks nobody for a name and leaves no entry.\n"
                )
                sys.exit(2)
            return super().fetch_command(subcommand)  # type: ignore[no-any-return]

    return Closed


def bring_tables() -> None:
    """Migrate the embedded database where this checkout has migrations that it has not seen.

    What it has seen is in the comment on the database, and goes with it.
    """
    import django
    import psycopg
    from django.core.management import call_command
    from psycopg import sql

    there = migrations()
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as database:
        # Of two first commands one brings the tables, and the other waits.
        database.execute("SELECT pg_advisory_lock(hashtext('migrations'))")
        seen = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        if database.execute(seen).fetchone() != (there,):
            django.setup()
            call_command("migrate", verbosity=0)
            comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
            database.execute(comment.format(sql.Identifier(database.info.dbname), sql.Literal(there)))


def migrations() -> str:
    """The migrations of this checkout and of the packages it names, in short."""
    here = Path(__file__).resolve().parent
    names = sorted(
        str(path.relative_to(here)) for where in ("*", "*/*") for path in here.glob(f"{where}/migrations/*.py")
    )
    return hashlib.sha256("\n".join(names).encode() + (here / "requirements.txt").read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
