"""Check the promises of the privacy notice, as it is done every night."""

from typing import Any

from django.core.management.base import CommandParser

from connecting_families.commands import Act
from connecting_families.governance import checking
from connecting_families.governance.promises.table import BY_NUMBER
from connecting_families.staff.roles import Permission


class Command(Act):
    """check_promises [--by USER]."""

    help = "Checks every promise of the privacy notice against the records. Exits 1 where one is broken."
    permissions = {"": Permission.ANSWER_FOR_PROMISES}
    duty = "promises"

    def add_arguments(self, parser: CommandParser) -> None:
        """Who asks."""
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, keep what was found, and say it."""
        by = self.given_by(options)
        rows = checking.check(by=by, at=self.now())
        for row in rows:
            for fault in row.faults:
                self.stderr.write(
                    f"{row.promise}. {BY_NUMBER[row.promise].title}: {fault['code']}: {fault['sentence']}"
                )
        broken = [row.promise for row in rows if not row.kept]
        self.result({
            "kept": not broken, "broken": broken, "checked_at": rows[0].checked_at.isoformat(),
            "promises": [{"promise": row.promise, "kept": row.kept, "faults": row.faults} for row in rows],
        })  # fmt: skip
        if broken:
            raise SystemExit(1)
