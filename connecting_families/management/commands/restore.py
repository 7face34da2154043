"""Restore a backup into an empty database; or say that the database was restored by other means."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connecting_families.audit import restored
from connecting_families.audit.models import Restore
from connecting_families.commands import Act, instant
from connecting_families.governance import backups, restoring
from connecting_families.staff.roles import Permission


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ArgumentTypeError(f"There is no folder {text}.")
    return path


class Command(Act):
    """restore BACKUP --by USER --reason TEXT, or restore --other-means --made-at INSTANT --by USER --reason TEXT."""

    help = "Restores a backup into an empty database. Then nobody signs in until after_restore has ended it."
    permissions = {"": Permission.RESTORE}

    def add_arguments(self, parser: CommandParser) -> None:
        """Which backup, who, and why."""
        parser.add_argument("backup", type=_folder, nargs="?", help="the folder of one backup")
        self.ask_for_a_name(parser)
        parser.add_argument("--reason", required=True, help="why, without names")
        parser.add_argument("--other-means", action="store_true", help="the database was put back already, otherwise")
        parser.add_argument("--made-at", type=instant, help="with --other-means: of which moment it is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, or say that it was; and what waits to be done again."""
        at = self.now()
        asked = {"reason": options["reason"], "at": at}

        def who() -> Any:
            return self.given_by(options)

        if options["other_means"]:
            if options["backup"] or not options["made_at"]:
                raise CommandError("With --other-means give --made-at, and no backup.", returncode=2)
            row = restoring.say(origin=restored.Origin("", "", options["made_at"]), by=who(), **asked)
        else:
            if not options["backup"]:
                raise CommandError("Name the folder of one backup.", returncode=2)
            row = restoring.restore(backup=backups.read(options["backup"]), who=who, **asked)
        self.result(told(row))


def told(row: Restore) -> dict[str, Any]:
    """A restore, as a command says it."""
    return {
        "restore": row.pk, "backup": row.backup, "made_at": row.made_at.isoformat(), "restored_by": row.restored_by,
        "lost_entries": restored.lost_entries(row), "lost_acts": row.acts.count(),
        "waiting": row.acts.filter(state="WAITING").count(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }  # fmt: skip
