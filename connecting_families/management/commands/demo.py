"""The whole journey on invented families, each step said aloud; then the site, to walk it by hand."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from connecting_families.audit import trail
from connecting_families.demonstration import PASSWORD, SIGN_INS, Journey, app_of
from connecting_families.workers import BEAT, WORKER, answering, child

ADDRESS = "127.0.0.1:8000"


class Command(BaseCommand):
    """demo [--no-serve]."""

    help = "Walks the whole journey on invented families, then serves the site until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to serve."""
        parser.add_argument("--no-serve", action="store_true", help="end after the journey")
        parser.add_argument("--families", type=int, default=120, help="how many to invent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk, and serve."""
        if settings.PRODUCTION:
            raise CommandError("The demonstration invents people: it does not run in production.", returncode=1)
        with child(WORKER), child(BEAT), trail.correlated():
            until = time.monotonic() + 20
            while not answering() and time.monotonic() < until:
                pass
            Journey(self.stdout.write, families=options["families"]).walk()
            if not options["no_serve"]:
                self._serve()

    def _serve(self) -> None:
        gunicorn = [sys.executable, "-m", "gunicorn", "--bind", ADDRESS, "--workers", "2", "connecting_families.wsgi"]
        with child(gunicorn) as server:
            self.stdout.write(
                f"\nThe site is at http://{ADDRESS}/ until Ctrl-C. Sign in with the password {PASSWORD} as"
            )
            for sign_in in SIGN_INS:
                self.stdout.write(f"  {sign_in.username:<12} {sign_in.what}")
            self.stdout.write(
                "Then a code is asked for, good for one use. In another terminal, .venv/bin/python manage.py demo_code"
                " NAME says the one of now; or give the secret to an app on a phone:"
            )
            for sign_in in SIGN_INS:
                self.stdout.write(f"  {sign_in.username:<12} {app_of(sign_in.username)[0]}")
            try:
                server.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nStopped.")
