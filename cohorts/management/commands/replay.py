"""Run the rules again as at a cohort's moment, and compare."""

from typing import Any

from django.core.management.base import CommandParser

from cohorts.models import Cohort
from cohorts.replay import replay
from connecting_families.audit.refusals import Refused, Why
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission


class Command(Act):
    """replay COHORT."""

    help = "Runs the rules again as at the cohort's moment, compares digests, and lists who differs and why."
    permissions = {"": Permission.ASSEMBLE_COHORTS}
    duty = "replay"

    def add_arguments(self, parser: CommandParser) -> None:
        """Which cohort."""
        parser.add_argument("cohort", type=int)
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay it; differences are an answer, not an error."""
        by = self.given_by(options)
        cohort = Cohort.objects.filter(pk=options["cohort"], state=Cohort.FINISHED).first()
        if cohort is None:
            raise Refused([Why("UNKNOWN_COHORT", f"There is no finished cohort {options['cohort']}.")])
        outcome = replay(cohort, by=by, at=self.now())
        self.result(
            {
                "cohort": cohort.pk,
                "digest": outcome.digest,
                "was": cohort.digest,
                "same": outcome.same,
                "differences": outcome.number,
                "who": [difference._asdict() for difference in outcome.differences],
            }
        )
