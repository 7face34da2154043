"""Content that OpenSSL could not open at once leaves in numbered parts, each whole in itself."""

import csv
import hashlib
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.transfers.conftest import COLUMNS, STEM, Run, SealHere, Unseal, run_chain, table
from transfers.package import digest


def test_large_content_is_split_into_parts_that_open_alone(
    seal_here: SealHere, unseal: Unseal, openssl: Run, folder: Path
) -> None:
    rows = [(f"{number:026}", f"Person\n{number}", "x" * (number % 50)) for number in range(10_000)]
    limit = 120_000
    sealed = seal_here(rows, limit=limit)
    assert len(sealed) > 3
    assert [each.name for each in sealed] == [f"{STEM}-{number + 1}.zip.p7m" for number in range(len(sealed))]
    assert sum(each.rows for each in sealed) == len(rows)

    read: list[list[str]] = []
    for number, each in enumerate(sealed, start=1):
        inside = unseal(f"{STEM}-{number}")
        data = (inside / f"identifiers-{number}.csv").read_bytes()
        assert len(data) <= limit
        header, *part = csv.reader(io.StringIO(data.decode(), newline=""))
        assert (header, len(part)) == (list(COLUMNS), each.rows)
        read += part
        assert json.loads((inside / "manifest.json").read_text())["files"][0]["name"] == f"identifiers-{number}.csv"
        assert (folder / each.name).stat().st_size == each.size
        assert hashlib.sha256((folder / each.name).read_bytes()).hexdigest() == each.sha256
    assert read == [list(row) for row in rows]

    again = run_chain(folder, f"{STEM}-2")
    assert again.returncode == 0, again.stderr


def test_parts_put_together_are_the_file_that_was_approved(seal_here: SealHere, unseal: Unseal, folder: Path) -> None:
    rows = [(f"{number:026}", "name", "line") for number in range(5_000)]
    sealed = seal_here(rows, limit=60_000)
    for number, _ in enumerate(sealed, start=1):
        (folder / f"identifiers-{number}.csv").write_bytes(
            (unseal(f"{STEM}-{number}") / f"identifiers-{number}.csv").read_bytes()
        )
    others = " ".join(f"identifiers-{number}.csv" for number in range(2, len(sealed) + 1))
    line = f"(cat identifiers-1.csv; tail -q -n +2 {others}) | sha256sum"
    told = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=True).stdout.decode()
    assert told.split()[0] == digest(table(rows)).sha256


@pytest.mark.parametrize("over", [0, 1])
def test_only_content_over_the_limit_is_split(over: int, seal_here: SealHere) -> None:
    rows = [(f"{number:026}", "name", "line") for number in range(3_000)]
    sealed = seal_here(rows, limit=digest(table(rows)).size - over)
    assert len(sealed) == 1 + over


def test_a_part_has_rows_even_where_they_are_larger_than_the_limit(seal_here: SealHere) -> None:
    sealed = seal_here([(str(number), "x" * 50, "y") for number in range(600)], limit=100)
    assert [each.rows for each in sealed] == [256, 256, 88]
