"""A run in shards: some families that follow each other, decided and written in one transaction on the run's snapshot.

Whoever coordinates a run (assembly) plans its shards and holds its snapshot open; it and whoever helps (forked
processes, other workers) take one free shard after another. A shard is claimed by the lock on its row, which lies in
the transaction that decides it: a process that is killed leaves neither a claim nor half a shard, and two cannot both
finish one (the database refuses to change a row that changed after the snapshot).
"""

import gc
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import NamedTuple

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, Sum

from cohorts import facts
from cohorts.deciding import Counted, Decided, decided
from cohorts.models import Cohort, Run, Shard
from cohorts.rules.facts import Question
from cohorts.rules.matchability import profiles
from cohorts.rules.reasons import RULE_SET

FAMILIES = 1_000
"""Flagged families in a shard."""
WAIT = 0.05
"""Seconds between two looks whether somebody left a shard."""
STANDSTILL = "60s"
"""Whoever asks the database nothing for so long in the middle of a shard loses it."""

DECISION_COLUMNS = (
    'cohort_id, family_ref, person_ref, family_id, person_id, included, reasons, "group", programme_start,'
    " programme_end, linkage_scope, address_id, relationship, problems, facts_digest"
)
FINDING_COLUMNS = "cohort_id, code, severity, family_ref, person_ref, field, value"
NULL = r"\N"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class Joined(NamedTuple):
    """What whoever takes shards of a run needs to know."""

    cohort_id: int
    snapshot: str
    asked: Question
    known: facts.Known
    shards: int


class Progress(NamedTuple):
    """How far a run is: shards done, of how many, the families in those, and the seconds since it began."""

    done: int
    shards: int
    families: int
    seconds: float


def plan(cohort_id: int, at: datetime) -> bool:
    """Clear away what a run that was broken off left, and plan the shards; False where the cohort is not due.

    The caller is alone at this cohort. Whoever still decides a shard of the earlier run is waited for.
    """
    with transaction.atomic(durable=True):
        cohort = Cohort.objects.select_for_update().get(pk=cohort_id)
        if cohort.state != Cohort.REQUESTED:
            return False
        discard(cohort_id)
        run = Run.objects.create(cohort=cohort, started_at=at, rule_set=RULE_SET)
        starts = ["", *_starts()]
        Shard.objects.bulk_create(
            Shard(run=run, number=number, first=first, until=until)
            for number, (first, until) in enumerate(zip(starts, [*starts[1:], ""], strict=True))
        )
    return True


def discard(cohort_id: int) -> None:
    """Remove what was written for a cohort that is not finished: the database refuses it of one that is."""
    # The shards first: who is in the middle of one ends it before, and what it wrote is then seen.
    forget(cohort_id)
    discard_rows(cohort_id)


def discard_rows(cohort_id: int) -> None:
    """Remove decisions and findings alone, as discard() does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cohorts_discard_unfinished(%s)", [cohort_id])


def forget(cohort_id: int) -> None:
    """Remove the notes of a run that ended."""
    Run.objects.filter(pk=cohort_id).delete()


@contextmanager
def one_snapshot(cohort_id: int) -> Iterator[Joined]:
    """Inside, the run has a snapshot that others may join, held open by a connection of its own."""
    with closing(connection.copy()) as held:
        held.set_autocommit(False)
        with held.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone()
        Run.objects.filter(pk=cohort_id).update(snapshot=snapshot)
        joined = join(cohort_id)
        if joined is None:
            raise OperationalError("The run was taken away.")
        yield joined


def join(cohort_id: int) -> Joined | None:
    """Join a run that is going on; None where none is, or one by another version of the rules (during a deployment).

    Raises DatabaseError where its snapshot is gone.
    """
    going_on = Run.objects.exclude(snapshot="").filter(pk=cohort_id, rule_set=RULE_SET)
    run = going_on.select_related("cohort__round").first()
    if run is None:
        return None
    with _at(run.snapshot):
        asked = facts.question_of(run.cohort)
        return Joined(cohort_id, run.snapshot, asked, facts.look_up(), run.shards.count())


def take_free(joined: Joined) -> None:
    """Take free shards until none is left. Raises DatabaseError where the run ended or begins again."""
    while any(_take(joined, number) for number in _left(joined)):
        pass


def take_all(joined: Joined) -> None:
    """Take shards until all are done; those that others are at are waited for, and taken where they are left."""
    while _left(joined):
        take_free(joined)
        if _left(joined):
            time.sleep(WAIT)


def counted(cohort_id: int) -> Counted:
    """What was counted in all shards together, which are done."""
    everything = Counted()
    for shard in Shard.objects.filter(run=cohort_id).order_by("number").iterator(100):
        everything.take(Counted.from_json(shard.counted))
    return everything


def progress(cohort_id: int, at: datetime) -> Progress | None:
    """How far a run is at this instant; None where nobody has begun it."""
    run = Run.objects.filter(pk=cohort_id).first()
    if run is None:
        return None
    so_far = run.shards.aggregate(
        done=Count("pk", Q(done=True)), shards=Count("pk"), families=Sum("families", default=0)
    )
    return Progress(**so_far, seconds=max(0.0, (at - run.started_at).total_seconds()))


def _starts() -> list[str]:
    """The references at which a further shard begins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reference FROM (SELECT reference, row_number() OVER (ORDER BY reference) AS n FROM cohorts_family"
            " WHERE flagged_on IS NOT NULL) flagged WHERE n > 1 AND n %% %s = 1 %% %s ORDER BY n",
            [FAMILIES, FAMILIES],
        )
        return [reference for (reference,) in cursor]


def _left(joined: Joined) -> list[int]:
    """The numbers of the shards that are not done."""
    left = Shard.objects.filter(run=joined.cohort_id, done=False).order_by("number")
    return list(left.values_list("number", flat=True))


@contextmanager
def _at(snapshot: str) -> Iterator[None]:
    """A transaction on the snapshot of a run."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [STANDSTILL])
        yield


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Facts and decisions hold no circles: each goes with the last who needs it, and nobody need look for them."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _take(joined: Joined, number: int) -> bool:
    """Decide this shard; False where somebody else is at it, or was."""
    try:
        with _at(joined.snapshot), _nothing_collected():
            free = Shard.objects.select_for_update(skip_locked=True)
            shard = free.filter(run=joined.cohort_id, number=number).first()
            if shard is None:
                return False
            sums = _decide(joined, shard)
            shard.done, shard.families, shard.counted = True, sums.families, sums.as_json()
            shard.save()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.SerializationFailure):
            return False
        raise
    return True


def _decide(joined: Joined, shard: Shard) -> Counted:
    """Decide the families of a shard, write their decisions and findings by COPY, and count them."""
    cohort_id, _, asked, known, _ = joined
    only, parameters = f"{facts.FLAGGED} AND f.reference >= %s", [shard.first]
    if shard.until:
        only, parameters = f"{only} AND f.reference < %s", [shard.first, shard.until]
    sums = Counted()
    decisions: list[str] = []
    findings: list[str] = []
    for family in decided(asked, only=only, parameters=parameters, known=known):
        sums.add(family.decisions, family.findings)
        people = family.streamed.family.people
        sums.profiles.update(profiles(people, family.decisions, family.findings, asked.moment.cut_off))
        decisions += _decision_rows(cohort_id, family)
        findings += _finding_rows(cohort_id, family)
    _copy(f"cohorts_decision ({DECISION_COLUMNS})", decisions)
    _copy(f"cohorts_finding ({FINDING_COLUMNS})", findings)
    return sums


def _copy(into: str, lines: list[str]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        copy.write("".join(lines))


def _decision_rows(cohort_id: int, family: Decided) -> list[str]:
    streamed, decisions, _ = family
    family_ref, person_ids = streamed.family.family_ref.translate(ESCAPES), streamed.person_ids
    return [
        f"{cohort_id}\t{family_ref}\t{d.person_ref.translate(ESCAPES)}\t{streamed.family_id}\t"
        f"{person_ids[d.person_ref]}\t{'f' if d.reasons else 't'}\t{';'.join(d.reasons)}\t{d.group}\t"
        f"{d.programme_start or NULL}\t{d.programme_end or NULL}\t{';'.join(d.linkage_scope)}\t"
        f"{d.address or NULL}\t{d.relationship}\t{';'.join(d.problems)}\t{streamed.digest}\n"
        for d in decisions
    ]


def _finding_rows(cohort_id: int, family: Decided) -> list[str]:
    family_ref = family.streamed.family.family_ref.translate(ESCAPES)
    return [
        f"{cohort_id}\t{f.code}\t{f.severity}\t{family_ref}\t{f.person_ref.translate(ESCAPES)}\t{f.field}\t"
        f"{f.value.translate(ESCAPES)}\n"
        for f in family.findings
    ]
