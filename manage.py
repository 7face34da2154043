"""Every command of the program; on a machine without a database and a broker, with the embedded ones."""

import os
import sys
from pathlib import Path

from connecting_families import embedded

# These do not look into the database, or are what would bring its tables.
WITHOUT_TABLES = {"help", "version", "--help", "--version", "makemigrations", "migrate", "check", "collectstatic"}


def main() -> None:
    """Run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    embedded.ensure(os.environ)
    if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_TABLES:
        bring_tables()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def bring_tables() -> None:
    """Migrate the embedded database where there is a migration that it has not seen."""
    cluster = os.environ.get("CF_EMBEDDED_CLUSTER")
    if not cluster:
        return
    known, there = Path(cluster, "connecting_families.migrated"), migrations()
    if known.exists() and known.read_text() == there:
        return
    import django
    from django.core.management import call_command

    django.setup()
    with embedded.held(Path(cluster, "connecting_families.migrating")):
        call_command("migrate", verbosity=0)
        known.write_text(there)


def migrations() -> str:
    """The migrations of this checkout, by name."""
    here = Path(__file__).parent
    return "\n".join(sorted(str(path.relative_to(here)) for path in here.glob("[ct]*/**/migrations/0*.py")))


if __name__ == "__main__":
    main()
