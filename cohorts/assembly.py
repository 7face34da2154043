"""Assembly: run the rules over everyone on file as at a cut-off, and freeze the outcome.

One run is one transaction on one snapshot: whatever stops it, there is a whole cohort or none. Decisions leave Python
by COPY, in canonical order, and their digest is taken on the way (spec/submission.md).
"""

import hashlib
import time
from datetime import datetime, timedelta
from typing import IO, Any

from django.db import connection

from cohorts import facts
from cohorts.blocks import blocks
from cohorts.deciding import HEADER, Tally
from cohorts.models import Cohort, Dataset, Round
from cohorts.rules.facts import Question
from cohorts.rules.matchability import matched, read_keys
from cohorts.rules.reasons import RULE_SET
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

DECISION_COLUMNS = (
    'cohort_id, family_ref, person_ref, family_id, person_id, included, reasons, "group", programme_start,'
    " programme_end, linkage_scope, address_id, relationship, problems, facts_digest"
)
FINDING_COLUMNS = "cohort_id, code, severity, family_ref, person_ref, field, value"
BATCH = 1_000
"""Families that are decided and written together."""


class NotAssembled(Refused):
    """A run of the rules was refused."""

    event = Event.ASSEMBLY_REFUSED


@trail.stage
def request(*, round_: Round, run_at: datetime, by: Who, at: datetime) -> Cohort:
    """Ask for a cohort of this round, as at the instant `run_at` for the dates of permission.

    Raises NotAssembled where `run_at` lies after `at`: nobody knows what will have been objected to by then.
    """
    if run_at > at:
        reason = Why("RUN_IN_THE_FUTURE", "The moment of a run cannot lie in the future. Give the present or the past.")
        raise NotAssembled([reason], record="cohorts.round", reference=round_.code)
    # Locked against a change of its rules: a cohort is judged by what its round asks at this moment.
    asks = Round.objects.select_for_update(no_key=True).get(pk=round_.pk).settings
    cohort = Cohort.objects.create(
        round=round_, run_at=run_at, requested_at=at, requested_by=by.reference, correlation=trail.correlation(),
        framework_version=asks.framework_version, datasets=list(asks.datasets), notice_days=asks.notice_days,
        scope=asks.scope,
    )  # fmt: skip
    trail.record(Event.ASSEMBLY_REQUESTED, who=by, at=at, about=cohort, details={"round": round_.code})
    return cohort


def assemble(cohort_id: int, *, by: Who, at: datetime) -> Cohort | None:
    """Run the rules for a cohort that was asked for, and freeze it; None where it is finished or another is at it.

    `at` is when the run starts. All is one transaction on one snapshot (REPEATABLE READ).
    """
    with alone(Work.ASSEMBLING, cohort_id) as nobody_else:
        return _assemble(cohort_id, by, at) if nobody_else else None


def _assemble(cohort_id: int, by: Who, at: datetime) -> Cohort | None:
    started = time.perf_counter()
    with trail.act(by, at):
        _one_snapshot()
        cohort = Cohort.objects.select_related("round").get(pk=cohort_id)
        if cohort.state != Cohort.REQUESTED:
            return None
        asked = facts.question_of(cohort)
        tally = Tally()
        _freeze(cohort.pk, asked, tally)
        cohort.state = Cohort.FINISHED
        cohort.digest = tally.digest()
        cohort.seconds = round(time.perf_counter() - started, 3)
        cohort.started_at, cohort.finished_at = at, at + timedelta(seconds=cohort.seconds)
        cohort.rule_set = RULE_SET
        cohort.candidates, cohort.included, cohort.families = tally.candidates, tally.included, tally.families
        cohort.primary_reasons = dict(tally.primary_reasons.most_common())
        cohort.groups, cohort.findings = dict(tally.groups), dict(sorted(tally.findings.items()))
        cohort.matchability = _matchability(cohort, tally)
        cohort.save()
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
    cohort.state, cohort.failure = Cohort.FAILED, why
    cohort.save()
    trail.record(Event.ASSEMBLY_REFUSED, who=by, at=at, about=cohort, details={"failure": why})


def _one_snapshot() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _freeze(cohort_id: int, asked: Question, tally: Tally) -> None:
    """Write every decision and finding by COPY, block by block."""
    for block in blocks(cohort_id, asked, BATCH):
        tally.take(block.counted, block.canonical)
        _copy("cohorts_decision", DECISION_COLUMNS, block.decisions)
        _copy("cohorts_finding", FINDING_COLUMNS, block.findings)


def _matchability(cohort: Cohort, tally: Tally) -> list[dict[str, Any]]:
    """How many people each dataset of the cohort can be matched with, by the keys that the register has now."""
    registered = Dataset.objects.filter(code__in=cohort.datasets).order_by("id")
    return [matched(tally.profiles, row.code, read_keys(row.keys))._asdict() for row in registered]


def _copy(table: str, columns: str, lines: str) -> None:
    if lines:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write(lines)


def write_decisions(cohort: Cohort, file: IO[bytes]) -> None:
    """Write the decisions of a finished cohort in canonical form: the bytes whose SHA-256 is its digest.

    Raises ValueError where they are not: then the decisions were changed behind the program's back.
    """
    file.write(HEADER.encode())
    digest = hashlib.sha256(HEADER.encode())
    sql = """
        COPY (
            SELECT family_ref, person_ref, CASE WHEN included THEN 'included' ELSE 'excluded' END,
                   nullif(reasons, ''), nullif("group", ''), programme_start, programme_end, nullif(linkage_scope, '')
            FROM cohorts_decision WHERE cohort_id = %s ORDER BY family_ref, person_ref
        ) TO STDOUT (FORMAT csv)
    """
    with connection.cursor() as cursor, cursor.copy(sql, [cohort.pk]) as copy:
        for data in copy:
            file.write(data)
            digest.update(data)
    if digest.hexdigest() != cohort.digest:
        raise ValueError("The decisions on file are not those that were frozen: their digest differs.")
