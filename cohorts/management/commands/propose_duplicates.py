"""Look for records that may be of one person."""

from typing import Any

from django.core.management.base import CommandParser

from cohorts import proposing
from connecting_families.audit.refusals import Refused, Why
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission


class Command(Act):
    """propose_duplicates [--by USERNAME]."""

    help = "Looks for records that may be of one person, and puts them on the list for somebody to compare."
    permissions = {"": Permission.DECIDE_DUPLICATES}
    duty = "propose"

    def add_arguments(self, parser: CommandParser) -> None:
        """Who asks."""
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Search now."""
        by = self.given_by(options)
        proposed = proposing.propose(by=by, at=self.now())
        if proposed is None:
            raise Refused([Why("SOMEBODY_IS_AT_IT", "A search goes on just now. Wait, and look at the list.")])
        self.result(proposed._asdict())
