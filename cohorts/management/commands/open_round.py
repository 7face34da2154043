"""Open a collection round."""

from typing import Any

from django.core.management.base import CommandParser

from cohorts.rounds import open_round
from connecting_families.commands import Act, day
from connecting_families.staff.roles import Permission


class Command(Act):
    """open_round CODE --cut-off DATE --framework TF --datasets PNC;NPD;… --agreement REF."""

    help = "Opens a collection round."
    permissions = {"": Permission.OPEN_ROUNDS}
    duty = "open-round"

    def add_arguments(self, parser: CommandParser) -> None:
        """The round's settings."""
        parser.add_argument("code")
        parser.add_argument("--cut-off", required=True, type=day, help="ISO date; the whole day is included")
        parser.add_argument("--framework", required=True, help="TF or SF")
        parser.add_argument("--datasets", required=True, help="codes separated by semicolons, in the round's order")
        parser.add_argument("--agreement", required=True, help="the reference of the agreement")
        parser.add_argument("--notice-days", type=int, default=28)
        parser.add_argument("--scope", choices=["honoured", "all-or-nothing"], default="honoured")
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Open it."""
        opened = open_round(
            code=options["code"],
            cut_off=options["cut_off"],
            framework=options["framework"],
            datasets=[code.strip() for code in options["datasets"].split(";") if code.strip()],
            agreement=options["agreement"],
            notice_days=options["notice_days"],
            scope=options["scope"],
            by=self.given_by(options),
            at=self.now(),
        )
        self.result(
            {
                "round": opened.code,
                "cut_off": opened.cut_off,
                "framework": opened.framework,
                "framework_version": opened.framework_version,
                "datasets": opened.datasets,
                "agreement": options["agreement"],
                "recipients": opened.recipients,
                "notice_days": opened.notice_days,
                "scope": opened.scope,
            }
        )
