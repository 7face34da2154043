"""Export the trail, to be verified on another machine."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connecting_families.audit import export, trail
from connecting_families.audit.events import Event
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission


class Command(Act):
    """export_trail DIRECTORY [--by USER]."""

    help = "Writes the sealed entries, the checkpoints and the verifier key, for verify_trail_offline.py."
    permissions = {"": Permission.SEE_TRAIL}
    duty = "export"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("directory", type=Path, help="a folder that is empty, or not there yet")
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Record that it is done, and export."""
        by = self.given_by(options)
        directory: Path = options["directory"]
        with trail.act(by, self.now()):
            exported = export.to_export()
            export.make_room(directory)
            trail.record(Event.TRAIL_EXPORTED, who=by, at=self.now(), record="trail", details=exported._asdict())
        try:
            export.write(directory, exported)
        except OSError as error:
            raise CommandError(f"The trail was not written to {directory}: {error.strerror}.", returncode=1) from None
        self.result({"directory": str(directory), **exported._asdict()})
