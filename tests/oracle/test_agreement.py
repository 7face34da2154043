"""The program and the oracle decide alike, byte for byte: on every boundary, and on an invented council of edges."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings

from connecting_families import invented
from tests.oracle import oracle, project
from tests.oracle.bulk import write
from tests.oracle.families import Example, examples

EXAMPLES = int(os.environ.get("CF_ORACLE_EXAMPLES", "30"))
FAMILIES = int(os.environ.get("CF_ORACLE_FAMILIES", "300"))

# A database of its own holds what is committed; the files of an example go to a folder of their own.
by_example = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def agree(example: Example, folder: Path) -> None:
    """Load, assemble, ask the oracle about the same tables, compare."""
    project.forget()
    write(example.files, folder)
    project.load(folder)
    project.open_round(example.asked)
    ours = project.decisions(example.asked.run_at)
    assert ours.decode() == oracle.decisions(connection, example.asked).decode()
    assert project.findings() == oracle.findings(connection, example.asked)


@by_example
@given(example=examples())
def test_troubled_families(example: Example, committed: str, tmp_path: Path) -> None:
    """Every boundary that families.py knows, under TF."""
    agree(example, tmp_path)


@by_example
@given(example=examples(framework=project.framework("SF"), foreign="TF1.1"))
def test_supporting_families(example: Example, committed: str, tmp_path: Path) -> None:
    """The same where needs are counted and not headlines."""
    agree(example, tmp_path)


@settings(by_example, max_examples=max(EXAMPLES // 2, 1))
@given(example=examples(groups=50))
def test_crowds(example: Example, committed: str, tmp_path: Path) -> None:
    """Many such families at once: the rarer meetings of two boundaries."""
    agree(example, tmp_path)


RUN = dt.datetime(2026, 11, 15, 12, tzinfo=dt.UTC)
COUNCIL = oracle.Asked(
    cut_off=invented.CUT_OFF, run_at=RUN, datasets=("WPLS", "NPD", "PNC", "HES"), recipients=("ONS",)
)


#: Findings that a council of edges is sure to have.
EDGES = {"DQ101", "DQ102", "DQ103", "DQ105", "DQ106", "DQ201", "DQ203", "DQ204", "DQ205", "DQ207", "DQ210", "DQ212"}


@pytest.fixture
def council(committed: str, tmp_path: Path) -> None:
    """A council of which every second record sits on a boundary, loaded as it would be."""
    invented.write(tmp_path, FAMILIES, edges=True)
    project.load(tmp_path)


@pytest.mark.usefixtures("council")
def test_a_whole_council() -> None:
    """Both scopes, an order of datasets of their own and all of them, and a run just after midnight in London."""
    everything = tuple(invented.DATASETS)
    midnight = dt.datetime(2026, 10, 12, 23, 30, tzinfo=dt.UTC)
    asked = (
        COUNCIL,
        replace(COUNCIL, scope="all-or-nothing"),
        replace(COUNCIL, datasets=everything, run_at=midnight),
        replace(COUNCIL, datasets=everything, scope="all-or-nothing", notice_days=27, run_at=midnight),
    )
    for number, each in enumerate(asked):
        code = f"COUNCIL-{number}"
        project.open_round(each, agreement="DSA-2026", code=code)
        expected = oracle.decisions(connection, each)
        assert expected.count(b",included,") > FAMILIES // 10
        assert project.decisions(each.run_at, code) == expected, code
        found = project.findings()
        assert found == oracle.findings(connection, each), code
        assert {finding[2] for finding in found} >= EDGES, code
