"""What every command of ours shares: the clock is read here, a refusal says why, the last line is one JSON object."""

import json
from argparse import ArgumentTypeError
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who, duty
from connecting_families.staff.guards import person_at_the_prompt
from connecting_families.staff.roles import Permission


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


class Act(BaseCommand):
    """A command that does one act: exit 0 when it is done, 1 when it is refused (reasons printed), 2 for usage."""

    duty = ""
    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run with a correlation of its own; a refusal prints its reasons and exits with 1."""
        try:
            with trail.correlated():
                return super().execute(*args, **options)
        except Refused as refusal:
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

    def person_or_duty(self, username: str | None, permission: Permission) -> Who:
        """Who gave the command: the person named, if the role permits it, or this command's duty of the machine."""
        if username:
            return person_at_the_prompt(username, permission, self.now())
        return duty(self.duty)
