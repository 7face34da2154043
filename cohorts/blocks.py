"""A run in blocks of families: decided here, or, where there are many, by two processes on the same snapshot.

A block is what a run writes about some families that follow each other: ready to be counted, hashed and copied. The
processes take turns at the blocks and hand them through pipes, which hold them back until they are asked for: so
blocks arrive in canonical order, and no more than one of each process waits in memory.
"""

import csv
import gc
import io
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from cohorts import facts
from cohorts.deciding import Counted, Decided, canonical, decided
from cohorts.rules.facts import Question
from cohorts.rules.matchability import profiles
from connecting_families.keeper import die_with_parent

PROCESSES = 2
MANY = 5_000
"""From so many families on, starting processes costs less than it gains."""

Run = tuple[int, Question, facts.Known, Sequence[str]]
"""The cohort, what is asked, what is known of all families, and the references at which a new block begins."""
Share = tuple[Run, int, int]
"""A run, the number of a process in it, and of how many."""

NULL = r"\N"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class Block(NamedTuple):
    """Some families, counted; their decisions in canonical form; and the lines of COPY for both tables."""

    counted: Counted
    canonical: str
    decisions: str
    findings: str


def blocks(cohort_id: int, asked: Question, families: int) -> Iterator[Block]:
    """Everyone on file, decided, in canonical order, so many flagged families at a time.

    The caller has opened a transaction with one snapshot (REPEATABLE READ), in which it changed no fact. Raises
    whatever stopped one of the processes, or ChildProcessError where one was killed.
    """
    starts = _starts(families)
    # Only a transaction of its own has a snapshot that it can share.
    known = facts.look_up()
    if len(starts) * families < MANY or connection.savepoint_ids:
        yield from _decided((cohort_id, asked, known, starts), 0, 1)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
    with ExitStack() as started:
        pipes = []
        for process in range(PROCESSES):
            handed, hands = Pipe(duplex=False)
            pid = _start(hands, snapshot, ((cohort_id, asked, known, starts), process, PROCESSES))
            started.callback(_end, pid)
            started.enter_context(handed)
            hands.close()
            pipes.append(handed)
        for number in range(len(starts) + 1):
            yield _received(pipes[number % PROCESSES])


def _starts(families: int) -> list[str]:
    """The references at which a new block begins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reference FROM (SELECT reference, row_number() OVER (ORDER BY reference) AS n FROM cohorts_family"
            " WHERE flagged_on IS NOT NULL) flagged WHERE n %% %s = 0 ORDER BY n",
            [families],
        )
        return [reference for (reference,) in cursor]


def _decided(run: Run, process: int, processes: int) -> Iterator[Block]:
    """The blocks of this process, empty ones included."""
    cohort_id, asked, known, starts = run
    for number in range(process, len(starts) + 1, processes):
        first = starts[number - 1] if number else ""
        only, parameters = f"{facts.FLAGGED} AND f.reference >= %s", [first]
        if number < len(starts):
            only, parameters = f"{only} AND f.reference < %s", [first, starts[number]]
        counted, text = Counted(), io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        decisions: list[str] = []
        findings: list[str] = []
        for family in decided(asked, only=only, parameters=parameters, known=known):
            counted.add(family.decisions, family.findings)
            people = family.streamed.family.people
            counted.profiles.update(profiles(people, family.decisions, family.findings, asked.moment.cut_off))
            for decision in family.decisions:
                canonical(rows, decision)
            decisions += _decision_rows(cohort_id, family)
            findings += _finding_rows(cohort_id, family)
        yield Block(counted, text.getvalue(), "".join(decisions), "".join(findings))


def _start(hands: Connection, snapshot: str, share: Share) -> int:
    """Start a process that decides its share of the blocks and hands them over; its id."""
    parent = os.getpid()
    # What is there already is not looked at again, and so stays shared with the process.
    gc.freeze()
    pid = os.fork()
    if pid:
        gc.unfreeze()
        return pid
    # Whatever happens from here on, nothing of the parent's may be unwound: it goes on with it.
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        # Facts and decisions hold no circles: each goes with the last who needs it.
        gc.disable()
        die_with_parent(signal.SIGKILL)
        if os.getppid() == parent:
            _hand_over(hands, snapshot, share)
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        hands.send(error)
    finally:
        os._exit(0)


def _hand_over(hands: Connection, snapshot: str, share: Share) -> None:
    # The parent's session is kept but not touched: its socket is the parent's.
    parents = connection.copy(), connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = parents[0]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
        for block in _decided(*share):
            hands.send(block)


def _received(pipe: Connection) -> Block:
    try:
        block = pipe.recv()
    except EOFError:
        raise ChildProcessError("A process of the run ended before its work was done.") from None
    if isinstance(block, BaseException):
        raise block
    return Block(*block)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


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
