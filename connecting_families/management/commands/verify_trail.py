"""Verify the trail, against its own checkpoints and those that are held outside."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from connecting_families.audit import signing, trail
from connecting_families.audit.events import Event
from connecting_families.audit.verify import held_in, verify
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission


class Command(Act):
    """verify_trail [--checkpoint FILE …] [--by USER]."""

    help = "Verifies every sealed entry of the trail. Exits 1 and names the first that is not as it was sealed."
    permissions = {"": Permission.SEE_TRAIL}
    duty = "verify"

    def add_arguments(self, parser: CommandParser) -> None:
        """Which checkpoints are held outside, beside those in CF_CHECKPOINTS."""
        parser.add_argument(
            "--checkpoint", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
            help="a checkpoint that somebody held: a signed note, several of them, or the manifest of a submission",
        )  # fmt: skip
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, record that it was done and what came of it, and say so."""
        by = self.given_by(options)
        files = [*options["checkpoint"], *sorted(settings.CF_CHECKPOINTS.glob("checkpoint-*.txt"))]
        with trail.act(by, self.now()):
            held, keys = [one for file in files for one in held_in(file)], signing.verifier_keys()
        report = verify(held=held, keys=keys, at=self.now())
        with trail.act():
            trail.record(
                Event.TRAIL_BROKEN if report.faults else Event.TRAIL_VERIFIED, who=by, at=self.now(), record="trail",
                details={"sealed": report.sealed, "held": report.held, "faults": [each.code for each in report.faults]},
            )  # fmt: skip
        for sentence in report.restores:
            self.stderr.write(f"RESTORED: {sentence}")
        for fault in report.faults:
            self.stderr.write(f"{fault.code}: {fault.sentence}")
        self.result(
            {"whole": not report.faults} | report._asdict() | {"faults": [fault._asdict() for fault in report.faults]}
        )
        if report.faults:
            raise SystemExit(1)
