"""The code that the phone of an invented member of staff would show now, to sign in to the demonstration."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from connecting_families.demonstration import SIGN_INS, app_of


class Command(BaseCommand):
    """demo_code USERNAME."""

    help = "Says the code that an invented member of staff of the demonstration signs in with now. Never in production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say it."""
        if settings.PRODUCTION:
            raise CommandError("The demonstration invents people: there are none in production.", returncode=1)
        if options["username"] not in {each.username for each in SIGN_INS}:
            raise CommandError(f"Only the demonstration's people: {', '.join(each.username for each in SIGN_INS)}.")
        try:
            self.stdout.write(app_of(options["username"])[1])
        except Authenticator.DoesNotExist:
            raise CommandError("This person has no second factor: give the command demo first.") from None
