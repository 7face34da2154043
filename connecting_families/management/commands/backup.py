"""Back the database up, encrypted, beside the backups before."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from connecting_families.commands import Act
from connecting_families.governance import backups
from connecting_families.staff.roles import Permission


class Command(Act):
    """backup DIRECTORY [--by USER]."""

    help = "Backs the database up into a folder of its own, and removes backups that are older than CF_BACKUP_DAYS."
    permissions = {"": Permission.MAKE_BACKUPS}
    duty = "backup"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and who asks."""
        parser.add_argument("directory", type=Path, help="the folder in which backups lie")
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up, and say what."""
        by = self.given_by(options)
        made = backups.make(directory=options["directory"], by=by, at=self.now())
        self.result({
            "backup": str(made.folder), "sha256": made.sha256, "bytes": made.size, "sealed": made.sealed,
            "journal": made.journal.number,
        })  # fmt: skip
