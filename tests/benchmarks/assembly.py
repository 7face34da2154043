"""Assembling a cohort: against SQL, the ORM and pandas; beside other work; as it grows; by one worker and by two."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import psutil
from django.conf import settings
from django.db import connection

from cohorts import assembly, facts, loading, rounds, tasks
from cohorts.models import Cohort, Round
from cohorts.rules.facts import Question
from connecting_families.audit import trail
from connecting_families.audit.trail import duty
from connecting_families.celery import app
from connecting_families.invented import CUT_OFF
from connecting_families.workers import WORKER, child
from tests.benchmarks import by_orm, by_pandas
from tests.benchmarks.council import NAME, ROOT, cases, database, environ, vacuum
from tests.benchmarks.measured import Measured, ratio, side_by_side
from tests.conftest import address_of
from tests.oracle import oracle

RUN_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
DATASETS = ["PNC", "PRI", "NPD", "WPLS"]
BENCH = duty("bench")
TABLES = {
    "cohorts_decision": 'family_ref, person_ref, family_id, person_id, included, reasons, "group", programme_start,'
    " programme_end, linkage_scope, address_id, relationship, problems",
    "cohorts_finding": "code, severity, family_ref, person_ref, field, value",
}
"""What is written of a cohort, and the columns by which a peer's rows are compared."""
ANALYSE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as server:
    while True:
        server.execute("ANALYZE")
"""


def assembly_vs_sql(families: int) -> Measured:
    """Assemble, decisions, findings and digest / SQL that inserts the same rows: at most 1.5."""
    with ExitStack() as opened:
        round_, _ = _council(families, opened)
        asked = oracle.Asked(
            cut_off=round_.cut_off,
            run_at=RUN_AT,
            datasets=tuple(round_.datasets),
            recipients=tuple(round_.recipients),
        )
        elsewhere = count(1)

        def peer() -> None:
            oracle.insert(connection, -next(elsewhere), asked)

        times = side_by_side(lambda: _assemble(round_), peer)
        for table in TABLES:
            if _rows(table, Cohort.objects.latest("id").pk) != _rows(table, -1):
                raise AssertionError(f"The run and its peer did not write the same number of rows into {table}.")
    return Measured(
        name="assembly_vs_sql", figure=ratio(*times), unit="ratio", limit=1.5, ours=times[0], peer=times[1],
        peer_is="hand-written SQL that inserts the same rows", families=families,
    )  # fmt: skip


def assembly_vs_orm(families: int) -> Measured:
    """The ORM object by object / ours: at least 80. The peer does 2,000 families at most, and is scaled."""
    return _vs_orm(families, "assembly_vs_orm", by_orm.object_by_object, 2_000, 80.0, "the ORM object by object")


def assembly_vs_bulk_orm(families: int) -> Measured:
    """The ORM with prefetch_related and bulk_create / ours: at least 15. The peer does 20,000 at most, scaled."""
    peer_is = "the ORM with prefetch and bulk_create"
    return _vs_orm(families, "assembly_vs_bulk_orm", by_orm.in_bulk, 20_000, 15.0, peer_is)


def _vs_orm(
    families: int, name: str, decide: Callable[[int, Question, int], None], most: int, limit: float, peer_is: str
) -> Measured:
    with ExitStack() as opened:
        round_, _ = _council(families, opened)
        asked, elsewhere, number = facts.question(round_, RUN_AT), count(1), min(families, most)
        ours, peer = side_by_side(lambda: _assemble(round_), lambda: decide(-next(elsewhere), asked, number))
        newest = Cohort.objects.latest("id").pk
        for table, columns in TABLES.items():
            _same_rows(table, columns, newest, -1)
    scaled = [round(run * families / number, 3) for run in peer]
    return Measured(
        name=name, figure=ratio(scaled, ours), unit="ratio", limit=limit, at_least=True, ours=ours, peer=scaled,
        peer_is=peer_is if number == families else f"{peer_is}; {number:,} families, scaled", families=families,
    )  # fmt: skip


def assembly_vs_pandas(families: int) -> Measured:
    """Pandas from the same bulk files to the same decisions file / ours: at least 1."""
    by_pandas.ready()
    with ExitStack() as opened:
        round_, _ = _council(families, opened)
        asked, folder = facts.question(round_, RUN_AT), cases(families)
        out = Path(opened.enter_context(TemporaryDirectory())) / "decisions.csv"
        ours, peer = side_by_side(lambda: _assemble(round_), lambda: by_pandas.decide(folder, asked, out))
        if by_pandas.decide(folder, asked, out) != Cohort.objects.latest("id").digest:
            raise AssertionError("The decisions of pandas are others.")
    return Measured(
        name="assembly_vs_pandas", figure=ratio(peer, ours), unit="ratio", limit=1.0, at_least=True, ours=ours,
        peer=peer, peer_is="pandas, from the bulk files to the decisions file", families=families,
    )  # fmt: skip


def assembly_under_analyze(families: int) -> Measured:
    """Ours while another connection analyses every table again and again / ours in quiet: at most 1.5."""
    with ExitStack() as opened:
        round_, _ = _council(families, opened)

        def busy() -> None:
            address = address_of(NAME, settings.DATABASE_OWNER)
            with child([sys.executable, "-c", ANALYSE, address]):
                _assemble(round_)

        times = side_by_side(busy, lambda: _assemble(round_))
    return Measured(
        name="assembly_under_analyze", figure=ratio(*times), unit="ratio", limit=1.5, ours=times[0], peer=times[1],
        peer_is="ours in quiet", families=families,
    )  # fmt: skip


def assembly_growth(families: int) -> Measured:
    """The time of so many families / of a tenth of them: at most 11."""
    times = []
    for number in (families, families // 10):
        with ExitStack() as opened:
            round_, _ = _council(number, opened)
            times.append(side_by_side(lambda r=round_: _assemble(r), lambda: None)[0])  # type: ignore[misc]
    return Measured(
        name="assembly_growth", figure=ratio(*times), unit="ratio", limit=11.0, ours=times[0], peer=times[1],
        peer_is="ours with a tenth of the families", families=families,
    )  # fmt: skip


def assembly_two_workers(families: int) -> Measured:
    """One worker's time / two workers', through the queue, with the same digest: at least 1.3."""
    with ExitStack() as opened:
        round_, address = _council(families, opened)
        opened.enter_context(patch.dict(os.environ, environ(address)))
        side_by_side(lambda: _by_workers(round_, 2), lambda: _by_workers(round_, 1))
        runs = list(Cohort.objects.order_by("id").values_list("digest", "seconds"))
        if len({digest for digest, _ in runs}) != 1:
            raise AssertionError("Two workers decided otherwise than one.")
        two, one = ([seconds for _, seconds in runs][first::2] for first in (0, 1))
    return Measured(
        name="assembly_two_workers", figure=ratio(one, two), unit="ratio", limit=1.3, at_least=True, ours=two, peer=one,
        peer_is="one worker", families=families,
    )  # fmt: skip


def _by_workers(round_: Round, number: int) -> None:
    with workers(number):
        cohort = ask_the_workers(round_)
        while goes_on(cohort):
            time.sleep(0.05)


@contextmanager
def workers(number: int) -> Iterator[list[Any]]:
    """So many workers that are ready, and nothing in their queue."""
    app.control.purge()
    with ExitStack() as opened:
        started = []
        for _ in range(number):
            worker = psutil.Popen(WORKER, cwd=ROOT, stdout=subprocess.DEVNULL)
            opened.callback(worker.wait)
            opened.callback(worker.terminate)
            started.append(worker)
        while len(app.control.ping(timeout=0.5, limit=number)) < number:
            pass
        yield started


def ask_the_workers(round_: Round) -> Cohort:
    cohort = assembly.request(round_=round_, run_at=RUN_AT, by=BENCH, at=datetime.now(UTC))
    tasks.assemble.delay(cohort.pk)
    return cohort


def goes_on(cohort: Cohort) -> bool:
    cohort.refresh_from_db()
    if cohort.state == Cohort.FAILED:
        raise AssertionError("The run of the benchmark failed.")
    return cohort.state == Cohort.REQUESTED


def _assemble(round_: Round) -> None:
    now = datetime.now(UTC)
    cohort = assembly.request(round_=round_, run_at=RUN_AT, by=BENCH, at=now)
    assembly.assemble(cohort.pk, by=BENCH, at=now)


def _rows(table: str, cohort_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE cohort_id = %s", [cohort_id])
        return int(cursor.fetchone()[0])


def _same_rows(table: str, columns: str, ours: int, peers: int) -> None:
    """Raises AssertionError where the peer's rows are not the run's, as far as the peer went."""
    of = f"SELECT {columns} FROM {table} WHERE cohort_id = %s"
    most = f"(SELECT max(family_ref) FROM {table} WHERE cohort_id = %s)"
    with connection.cursor() as cursor:
        cursor.execute(f"({of} AND family_ref <= {most} EXCEPT ALL {of})", [ours, peers, peers])
        missing = cursor.fetchall()
        cursor.execute(f"({of} EXCEPT ALL {of})", [peers, ours])
        if missing or cursor.fetchall():
            raise AssertionError(f"The run and its peer did not write the same rows into {table}.")


def assembly_memory(families: int) -> Measured:
    """The peak in MB (2^20 bytes) of the command, its children included, and of a worker alone: at most 150."""
    with ExitStack() as opened:
        round_, address = _council(families, opened)
        words = [sys.executable, "manage.py", "assemble", round_.code, "--at", RUN_AT.isoformat()]
        command = psutil.Popen(words, cwd=ROOT, env=environ(address), stdout=subprocess.DEVNULL)
        peaks = [peak(command, lambda: command.poll() is None)]
        if command.returncode:
            raise AssertionError("The run of the benchmark failed.")
        opened.enter_context(patch.dict(os.environ, environ(address)))
        with workers(1) as (worker,):
            cohort = ask_the_workers(round_)
            peaks.append(peak(worker, lambda: goes_on(cohort)))
    return Measured(
        name="assembly_memory", figure=max(peaks), unit="MB", limit=150.0, ours=[round(peak, 1) for peak in peaks],
        peer=[], peer_is="", families=families,
    )  # fmt: skip


def peak(process: Any, goes_on: Callable[[], bool]) -> float:
    """The most that a process and its children held while it went on, in MB (2^20 bytes)."""
    held = 0.0
    while goes_on():
        held = max(held, _megabytes(process))
    return held


@contextmanager
def council(families: int) -> Iterator[tuple[Round, str]]:
    """A council of so many families and its open round; the address of its database."""
    with ExitStack() as opened:
        yield _council(families, opened)


def _council(families: int, opened: ExitStack) -> tuple[Round, str]:
    address = opened.enter_context(database())
    opened.enter_context(trail.correlated())
    now = datetime.now(UTC)
    loading.load_directory(cases(families), by=BENCH, at=now)
    vacuum()
    round_ = rounds.open_round(
        code="BENCH", cut_off=CUT_OFF, framework="TF", datasets=DATASETS, agreement="DSA-2026", by=BENCH, at=now
    )
    return round_, address


def _megabytes(process: Any) -> float:
    """What a process and its children hold now; what they share is counted once among them."""
    held = 0
    try:
        processes = [process, *process.children(recursive=True)]
        for each in processes:
            held += each.memory_full_info().pss
    except psutil.Error:
        return 0.0
    return float(held / (1 << 20))
