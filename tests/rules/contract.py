"""The contract pages beside this checkout, where they are there: what the code says is compared with what they say."""

from pathlib import Path

import pytest

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec"

needs_contract = pytest.mark.skipif(not SPEC.is_dir(), reason="the contract pages are not beside this checkout")


def table(page: str, header: str) -> list[list[str]]:
    """The cells of the table whose header row begins with `header`."""
    lines = (SPEC / page).read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(header))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows
