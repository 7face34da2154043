"""Assemble a cohort for a round, here or through the workers."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts import assembly, tasks
from cohorts.models import Cohort, Round
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import duty
from connecting_families.commands import Act, instant
from connecting_families.staff.roles import Permission
from connecting_families.workers import worker_for_a_while


class Command(Act):
    """assemble ROUND [--at INSTANT] [--decisions FILE] [--queue]."""

    help = "Runs the rules over everyone on file and freezes the outcome as a cohort."
    permissions = {"": Permission.ASSEMBLE_COHORTS}
    duty = "assemble"

    def add_arguments(self, parser: CommandParser) -> None:
        """Which round, as at when, where to."""
        parser.add_argument("round")
        parser.add_argument("--at", type=instant, help="the moment of the run; the present unless given")
        parser.add_argument("--decisions", type=Path, help="write the decisions to this file")
        parser.add_argument("--queue", action="store_true", help="through the workers, and wait")
        self.ask_for_a_name(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, run, wait, and say what came of it."""
        file: Path | None = options["decisions"]
        if file is not None and not file.absolute().parent.is_dir():
            raise CommandError(f"There is no folder {file.absolute().parent} to write the decisions in.", returncode=2)
        by, at = self.given_by(options), self.now()
        round_ = Round.objects.filter(code=options["round"]).first()
        if round_ is None:
            raise Refused([Why("UNKNOWN_ROUND", f"There is no round {options['round']}. Open it with open_round.")])
        cohort = assembly.request(round_=round_, run_at=options["at"] or at, by=by, at=at)
        if options["queue"]:
            tasks.assemble.delay(cohort.pk)
            with worker_for_a_while():
                self._wait(cohort)
        else:
            assembly.assemble(cohort.pk, by=duty("assemble"), at=self.now())
        cohort.refresh_from_db()
        if cohort.state != Cohort.FINISHED:
            raise Refused([Why("RUN_FAILED", f"The run failed ({cohort.failure}). The workers' log says more.")])
        if file is not None:
            with file.open("wb") as out:
                assembly.write_decisions(cohort, out)
        self.result(
            {
                "cohort": cohort.pk,
                "digest": cohort.digest,
                "candidates": cohort.candidates,
                "included": cohort.included,
                "families": cohort.families,
                "primary_reasons": cohort.primary_reasons,
                "seconds": cohort.seconds,
            }
        )

    def _wait(self, cohort: Cohort) -> None:
        until = self.now() + timedelta(hours=6)
        while cohort.state == Cohort.REQUESTED:
            if self.now() > until:
                raise CommandError("No worker finished the run in six hours. Is one running?", returncode=1)
            time.sleep(0.2)
            cohort.refresh_from_db()
