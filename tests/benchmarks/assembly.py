"""Assembling a cohort, against hand-written SQL of the same rules that inserts the same rows."""

import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psutil
from django.db import connection

from cohorts import assembly, loading, rounds
from cohorts.models import Cohort, Decision, Finding, Round
from connecting_families.audit import trail
from connecting_families.audit.trail import duty
from connecting_families.invented import CUT_OFF
from tests.benchmarks.council import ROOT, cases, database, environ, vacuum
from tests.benchmarks.measured import Measured, ratio, side_by_side
from tests.oracle import oracle

RUN_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
DATASETS = ["PNC", "PRI", "NPD", "WPLS"]
BENCH = duty("bench")


def assembly_vs_sql(families: int) -> Measured:
    """Assemble, decisions, findings and digest / SQL that inserts the same rows: at most 1.5 (2.0 for now)."""
    with ExitStack() as opened:
        round_, _ = _council(families, opened)
        asked = oracle.Asked(
            cut_off=round_.cut_off,
            run_at=RUN_AT,
            datasets=tuple(round_.datasets),
            recipients=tuple(round_.recipients),
        )
        elsewhere = count(1)

        def ours() -> None:
            now = datetime.now(UTC)
            cohort = assembly.request(round_=round_, run_at=RUN_AT, by=BENCH, at=now)
            assembly.assemble(cohort.pk, by=BENCH, at=now)

        def peer() -> None:
            oracle.insert(connection, -next(elsewhere), asked)

        times = side_by_side(ours, peer)
        newest = Cohort.objects.latest("id").pk
        for kind in (Decision, Finding):
            if kind.objects.filter(cohort_id=newest).count() != kind.objects.filter(cohort_id=-1).count():
                raise AssertionError(f"The run and its peer did not write the same number of {kind.__name__} rows.")
    return Measured(
        name="assembly_vs_sql", figure=ratio(*times), unit="ratio", limit=2.0, ours=times[0], peer=times[1],
        peer_is="hand-written SQL that inserts the same rows", families=families,
    )  # fmt: skip


def assembly_memory(families: int) -> Measured:
    """The peak of a process that assembles, its children included, in MB (2^20 bytes): at most 150."""
    with ExitStack() as opened:
        round_, address = _council(families, opened)
        words = [sys.executable, "manage.py", "assemble", round_.code, "--at", RUN_AT.isoformat()]
        process = psutil.Popen(words, cwd=ROOT, env=environ(address), stdout=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _megabytes(process))
        if process.returncode:
            raise AssertionError("The run of the benchmark failed.")
    return Measured(
        name="assembly_memory", figure=peak, unit="MB", limit=150.0, ours=[round(peak, 1)], peer=[], peer_is="",
        families=families,
    )  # fmt: skip


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
