"""What every command of ours shares: who gives it, the clock, refusals that say why, and one JSON object at the end."""

import json
import os
import pwd
from argparse import ArgumentTypeError
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who, duty
from connecting_families.staff.guards import person_at_the_prompt
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission

NOBODY = 2**32 - 1
"""What the kernel says of a process that belongs to nobody's sign-in."""
NAMELESS = "Say who gives this command: --by USERNAME. Without a name may be given, here: {}."


def day(text: str) -> date:
    """A date of the command line, in ISO 8601."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date. Write it as 2026-09-30.") from None


def instant(text: str) -> datetime:
    """An instant of the command line, in ISO 8601 with an offset."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} is not an instant with an offset. Write it as 2026-11-01T12:00:00+00:00.")
    return parsed


def accounts() -> dict[str, str]:
    """The account of this machine under which a command runs, and that of who signed in to it, where the kernel knows.

    That is what the machine itself can say of whoever types a user name behind --by.
    """
    try:
        signed_in = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        signed_in = NOBODY
    found = {"account": _account(os.geteuid())}
    return found if signed_in == NOBODY else found | {"signed_in": _account(signed_in)}


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


class Act(BaseCommand):
    """A command that does one act: exit 0 when it is done, 1 when it is refused (reasons printed), 2 for usage.

    `permissions` are what its acts need, by their names ("" for a command that is one act); docs/access.md and the test
    that gives every command as every role read them. `duty` is as what the machine does it where nobody is named, which
    CF_COMMANDS_WITHOUT_A_NAME allows or not.
    """

    permissions: ClassVar[dict[str, Permission]] = {}
    duty = ""
    who: Who | None = None
    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run with a correlation of its own; a refusal prints its reasons and exits with 1.

        Raises CommandError (2) where nobody is named and somebody must be.
        """
        if self.permissions and not options["by"] and not self.may_be_nameless():
            allowed = ", ".join(settings.CF_COMMANDS_WITHOUT_A_NAME) or "none"
            raise CommandError(NAMELESS.format(allowed), returncode=2)
        try:
            with trail.correlated():
                return super().execute(*args, **options)
        except Refused as refusal:
            self._note(refusal)
            for reason in refusal.reasons:
                self.stderr.write(f"{reason.code}: {reason.sentence}")
            self.result({"refused": [{"code": r.code, "reason": r.sentence} for r in refusal.reasons]})
            raise SystemExit(1) from None

    def result(self, value: dict[str, Any]) -> None:
        """Print the outcome as one JSON object: the last line of standard output."""
        self.stdout.write(json.dumps(value, ensure_ascii=False, default=str))

    def now(self) -> datetime:
        """The clock."""
        return timezone.now()

    def ask_for_a_name(self, parser: CommandParser) -> None:
        """The argument that says who gives the command."""
        parser.add_argument("--by", metavar="USERNAME", help="who gives this command: their role must permit it")

    def may_be_nameless(self) -> bool:
        """Whether the machine may do this as its duty, where nobody is named."""
        return bool(self.duty) and self.name in settings.CF_COMMANDS_WITHOUT_A_NAME

    @property
    def name(self) -> str:
        """What the command is called."""
        return type(self).__module__.rpartition(".")[2]

    def given_by(self, options: dict[str, Any], act: str = "", permission: Permission | None = None) -> Who:
        """Who gives the command: the person named, if the role permits the act, or the machine at its duty.

        First it is recorded that it was given, in whose name, and under which account of this machine.
        Raises NotPermitted, recorded.
        """
        username, at = options["by"], self.now()
        # What is no user name may be anything: it is not written down.
        known = username if username and User.objects.filter(username=username).exists() else ""
        details = {"act": act, "as": known, **accounts()} if act else {"as": known, **accounts()}
        with trail.act():
            trail.record(
                Event.COMMAND_GIVEN, who=duty("prompt"), at=at, record="command", reference=self.name, details=details
            )
        self.who = (
            person_at_the_prompt(username, permission or self.permissions[act], at) if username else duty(self.duty)
        )
        return self.who

    def _note(self, refusal: Refused) -> None:
        """Record what was refused before any stage was asked, which would have recorded it."""
        if self.who and not refusal.recorded:
            with trail.act():
                trail.record(
                    refusal.event, who=self.who, at=self.now(), record=refusal.record or "command",
                    reference=refusal.reference or self.name,
                    details={"reasons": refusal.codes},
                )  # fmt: skip
