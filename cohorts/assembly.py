"""Assembly: run the rules over everyone on file as at a cut-off, and freeze the outcome.

One run is many shards on one snapshot, and one transaction that finishes the cohort: before it nobody sees a decision.
The digest is taken over the decisions as they stand on file, in canonical order (spec/submission.md).
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import IO, Any

from django.db import DatabaseError, InterfaceError, connection, transaction

from cohorts import forgetting, forked, shards
from cohorts.deciding import HEADER, Counted
from cohorts.models import Cohort, Dataset, Round
from cohorts.rules.matchability import matched, read_keys
from cohorts.rules.reasons import RULE_SET
from cohorts.shards import Joined
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

CANONICAL = """
    COPY (
        SELECT family_ref, person_ref, CASE WHEN included THEN 'included' ELSE 'excluded' END,
               nullif(reasons, ''), nullif("group", ''), programme_start, programme_end, nullif(linkage_scope, '')
        FROM cohorts_decision WHERE cohort_id = %s ORDER BY family_ref, person_ref
    ) TO STDOUT (FORMAT csv)
"""

Helpers = Callable[[Joined], AbstractContextManager[None]]
ON_THIS_MACHINE: Helpers = forked.helpers()


class NotAssembled(Refused):
    """A run of the rules was refused."""

    event = Event.ASSEMBLY_REFUSED


@trail.stage
def request(*, round_: Round, run_at: datetime, by: Who, at: datetime) -> Cohort:
    """Ask for a cohort of this round, as at the instant `run_at` for the dates of permission.

    Raises NotAssembled where `run_at` lies after `at`: nobody knows what will have been objected to by then;
    and where what was sent of the round was destroyed.
    """
    if run_at > at:
        reason = Why("RUN_IN_THE_FUTURE", "The moment of a run cannot lie in the future. Give the present or the past.")
        raise NotAssembled([reason], record="cohorts.round", reference=round_.code)
    # Locked against a change of its rules: a cohort is judged by what its round asks at this moment.
    asks = Round.objects.select_for_update(no_key=True).get(pk=round_.pk).settings
    if over := forgetting.round_is_over(round_):
        raise NotAssembled(over, record="cohorts.round", reference=round_.code)
    cohort = Cohort.objects.create(
        round=round_, run_at=run_at, requested_at=at, requested_by=by.reference, correlation=trail.correlation(),
        framework_version=asks.framework_version, datasets=list(asks.datasets), notice_days=asks.notice_days,
        scope=asks.scope,
    )  # fmt: skip
    trail.record(Event.ASSEMBLY_REQUESTED, who=by, at=at, about=cohort, details={"round": round_.code})
    return cohort


def assemble(cohort_id: int, *, by: Who, at: datetime, helpers: Helpers = ON_THIS_MACHINE) -> Cohort | None:
    """Run the rules for a cohort that was asked for, and freeze it; None where it is finished or another is at it.

    `at` is when the run starts. `helpers` brings others to the run for as long as it takes its shards; it gets by
    without any. Whatever fails here leaves nothing; what a killed process leaves, the next run clears away first.
    """
    with alone(Work.ASSEMBLING, cohort_id) as nobody_else:
        if not nobody_else or not shards.plan(cohort_id, at):
            return None
        started = time.perf_counter()
        try:
            with shards.one_snapshot(cohort_id) as joined:
                with helpers(joined):
                    shards.take_all(joined)
                return _freeze(joined, by, at, started)
        except Exception:
            with contextlib.suppress(DatabaseError, InterfaceError), transaction.atomic():
                shards.discard(cohort_id)
            raise


def lend_a_hand(cohort_id: int) -> None:
    """Take shards of a run that another coordinates, as long as any is free. Raises DatabaseError where it ended."""
    joined = shards.join(cohort_id)
    if joined is not None:
        shards.take_free(joined)


def _freeze(joined: Joined, by: Who, at: datetime, started: float) -> Cohort:
    """Put together what the shards counted, and finish the cohort."""
    with trail.act(by, at):
        cohort = Cohort.objects.select_for_update(of=("self",)).select_related("round").get(pk=joined.cohort_id)
        sums = shards.counted(cohort.pk)
        cohort.state = Cohort.FINISHED
        cohort.digest = _digest_of_what_is_written(cohort.pk, sums)
        cohort.seconds = round(time.perf_counter() - started, 3)
        cohort.started_at, cohort.finished_at = at, at + timedelta(seconds=cohort.seconds)
        cohort.rule_set = RULE_SET
        cohort.candidates, cohort.included, cohort.families = sums.candidates, sums.included, sums.families
        cohort.primary_reasons = dict(sums.primary_reasons.most_common())
        cohort.groups, cohort.findings = dict(sums.groups), dict(sorted(sums.findings.items()))
        cohort.matchability = _matchability(cohort, sums)
        cohort.save()
        shards.forget(cohort.pk)
        trail.record(
            Event.COHORT_ASSEMBLED,
            who=by,
            at=at,
            about=cohort,
            details={
                "digest": cohort.digest,
                "candidates": cohort.candidates,
                "included": cohort.included,
                "primary_reasons": cohort.primary_reasons,
            },
        )
    return cohort


@trail.stage
def give_up(*, cohort: Cohort, why: str, by: Who, at: datetime) -> None:
    """Note that a run failed in a way that trying again would not mend. `why` names the kind of error alone."""
    shards.discard(cohort.pk)
    cohort.state, cohort.failure = Cohort.FAILED, why
    cohort.save()
    trail.record(Event.ASSEMBLY_REFUSED, who=by, at=at, about=cohort, details={"failure": why})


def _matchability(cohort: Cohort, sums: Counted) -> list[dict[str, Any]]:
    """How many people each dataset of the cohort can be matched with, by the keys that the register has now."""
    registered = Dataset.objects.filter(code__in=cohort.datasets).order_by("id")
    return [matched(sums.profiles, row.code, read_keys(row.keys))._asdict() for row in registered]


def write_decisions(cohort: Cohort, file: IO[bytes]) -> None:
    """Write the decisions of a finished cohort in canonical form: the bytes whose SHA-256 is its digest.

    Raises ValueError where they are not: then the decisions were changed behind the program's back.
    """
    digest = hashlib.sha256()
    for data in _canonical(cohort.pk):
        file.write(data)
        digest.update(data)
    if digest.hexdigest() != cohort.digest:
        raise ValueError("The decisions on file are not those that were frozen: their digest differs.")


def _digest_of_what_is_written(cohort_id: int, sums: Counted) -> str:
    """The digest of the decisions on file. Raises ValueError where there are not as many rows as were counted."""
    digest, lines = hashlib.sha256(), 0
    for data in _canonical(cohort_id):
        digest.update(data)
        lines += 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cohorts_finding WHERE cohort_id = %s", [cohort_id])
        (findings,) = cursor.fetchone()
    if (lines - 1, findings) != (sums.candidates, sums.findings.total()):
        raise ValueError("What the shards wrote is not what they counted.")
    return digest.hexdigest()


def _canonical(cohort_id: int) -> Iterator[bytes]:
    """The decisions in canonical form: the header, and row by row what follows."""
    yield HEADER.encode()
    with transaction.atomic(), connection.cursor() as cursor:
        # In the order of the index, from the first row on: nothing is sorted.
        cursor.execute("SELECT set_config('enable_sort', 'off', true)")
        with cursor.copy(CANONICAL, [cohort_id]) as copy:
            yield from copy
