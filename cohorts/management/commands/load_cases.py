"""Load the bulk files of a directory."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.load_report import in_rows
from cohorts.loading import NothingToLoad, load_directory
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission


class Command(Act):
    """load_cases DIRECTORY [--dry-run]: exit 1 where a file was refused, 2 where there is none."""

    help = "Loads the bulk files of a directory: csv files, or workbooks with a sheet for each."
    permissions = {"": Permission.LOAD_FILES}
    duty = "load"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the files are."""
        parser.add_argument("directory", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="do all of it, report it, and keep nothing")
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load them, and print what became of each and everything that is wrong."""
        by = self.given_by(options)
        try:
            report = load_directory(options["directory"], by=by, at=self.now(), dry_run=options["dry_run"])
        except NothingToLoad as nothing:
            raise CommandError(str(nothing), returncode=2) from None
        for name, told in report.stand_again().items():
            self.stderr.write(
                f"{name}: objections stand again of {in_rows(told)}, who objected before and were erased."
            )
        self.result(report.as_json())
        if report.errors:
            raise SystemExit(1)
