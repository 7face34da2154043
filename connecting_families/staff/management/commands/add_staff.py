"""Add a member of staff at the prompt."""

import getpass
import sys
from typing import Any

from django.core.management.base import CommandParser

from connecting_families.commands import Act
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission


class Command(Act):
    """add_staff USERNAME --role ROLE: the password is asked for, or read from standard input."""

    help = "Adds a member of staff. The password is typed, or read from standard input; never an argument."
    permissions = {"": Permission.MANAGE_STAFF}
    duty = "add-staff"

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, and as what."""
        parser.add_argument("username")
        parser.add_argument("--role", required=True, choices=list(ROLES))
        parser.add_argument("--team", default="", help="the Early Help team")
        self.ask_for_a_name(parser)

    def may_be_nameless(self) -> bool:
        """The first administrator of all is added by whoever sets the program up."""
        return not User.objects.filter(role="administrator", is_active=True).exists()

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the account."""
        by = self.given_by(options)
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        user = accounts.add(
            username=options["username"],
            role=options["role"],
            team=options["team"],
            password=password,
            by=by,
            at=self.now(),
        )
        self.result({"username": user.username, "role": user.role})
