"""Loading bulk files, against plain COPY of the same files into bare tables: durable ones, as records are."""

import time
from datetime import UTC, datetime
from pathlib import Path

from cohorts import loading
from connecting_families.audit import trail
from connecting_families.audit.trail import duty
from connecting_families.invented import COLUMNS
from tests.benchmarks.council import as_owner, cases, database
from tests.benchmarks.measured import RUNS, Measured, ratio


def load_vs_copy(families: int) -> Measured:
    """load_cases / plain COPY of the same files into bare tables: at most 8."""
    folder = cases(families)
    ours, peer = [], []
    for _ in range(RUNS):
        with database():
            began = time.perf_counter()
            _copy(folder)
            peer.append(round(time.perf_counter() - began, 3))
            began = time.perf_counter()
            with trail.correlated():
                report = loading.load_directory(folder, by=duty("load"), at=datetime.now(UTC))
            ours.append(round(time.perf_counter() - began, 3))
            if report.errors:
                raise AssertionError("The files of the benchmark were refused.")
    return Measured(
        name="load_vs_copy", figure=ratio(ours, peer), unit="ratio", limit=8.0, ours=ours, peer=peer,
        peer_is="plain COPY into bare tables", families=families,
    )  # fmt: skip


def _copy(folder: Path) -> None:
    with as_owner() as owner, owner.cursor() as cursor:
        for name, columns in COLUMNS.items():
            cursor.execute(f"CREATE TABLE bare_{name} ({', '.join(f'{c} text' for c in columns.split())})")
            with (
                (folder / f"{name}.csv").open("rb") as file,
                cursor.copy(f"COPY bare_{name} FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                while data := file.read(1 << 16):
                    copy.write(data)
