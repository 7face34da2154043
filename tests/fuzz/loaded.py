"""The loader with its database: files that are nearly right, loaded and taken back; Hypothesis draws them.

A file of the right columns, some of them missing, twice or in another order; of each column values that its kind has,
on the edges of what a database can hold, or of another kind; then some of its bytes changed.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cohorts.bulk_files import FILES, BulkFile, Column, Kind
from cohorts.load_report import Loaded
from cohorts.loading import load_directory
from connecting_families.audit.trail import duty
from tests.stages.bulk import AT

EDGES = {
    Kind.DATE: ["0001-01-01", "9999-12-31", "2026-02-29", "2024-02-29", "0000-01-01", "-2026-01-01", "infinity",
                "epoch", "today", "20260101", "2026-W01-1", "2026-01-01 BC",
                "2026-13-01", "\u0662\u0660\u0662\u0666-01-01"],
    Kind.INSTANT: ["2026-05-01T10:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T23:59:60Z", "2026-05-01T10:00:00+15:59",
                   "2026-05-01T10:00:00+16:00", "2026-05-01T10:00:00-00:00", "9999-12-31T23:59:59-15:59",
                   "0001-01-01T00:00:00+15:59", "2026-03-29T01:30:00Europe/London", "now", "allballs", "J2451187"],
    Kind.BOOLEAN: ["true", "false", "t", "1", "True", "yes"],
    Kind.CODES: ["PNC", "PNC;NPD", ";;PNC;", "PNC;" * 40, "{PNC}", "PNC,NPD", '"PNC"'],
    Kind.RECORD: ["F1", "F2", "P1", "P2", "P3", "PN1", "DSA", "E1", "N1", "f1", "P1 "],
    Kind.TEXT: ["F1", "P1", "E1", "N1", "O1", "C1", "PN1", "1", "2", "self", "letter", "refuge", "lead", "TF5.1"],
}  # fmt: skip
ANY = st.one_of(
    st.just(""),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.sampled_from(
        [
            "'",
            "\\",
            "\\N",
            "\\.",
            "%s",
            "=1+1",
            "\u202e",
            "e\u0301" * 9,
            "\ufeff",
            "x" * 300,
            "$$",
            "\u0662\u0660\u0662\u0666-01-01",
        ]
    ),
)
PATIENCE = 5_000
"""Milliseconds for one statement: no small file needs them."""


def _values(column: Column) -> st.SearchStrategy[str]:
    own: list[str] = list(EDGES[column.kind])
    if column.longest:
        own += ["x" * column.longest, "x" * (column.longest + 1)]
    edges = st.sampled_from(own)
    every = st.sampled_from([value for edge in EDGES.values() for value in edge])
    return st.one_of(edges, edges, edges, st.just(""), every, ANY)


def _quoted(value: str) -> str:
    return f'"{value.replace(chr(34), chr(34) * 2)}"' if set(value) & set('",\r\n') else value


@st.composite
def _contents(draw: Callable[[Any], Any], file: BulkFile) -> bytes:
    columns: list[Column] = list(file.columns)
    changed = draw(st.sampled_from(["", "", "", "order", "missing", "twice"]))
    if changed == "order":
        columns = list(draw(st.permutations(columns)))
    elif changed:
        place = draw(st.integers(0, len(columns) - 1))
        columns = columns[:place] + columns[place + 1 :] if changed == "missing" else [*columns, columns[place]]
    lines = [[column.name for column in columns]]
    lines += [[draw(_values(column)) for column in columns] for _ in range(draw(st.integers(0, 4)))]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = "".join(f"{','.join(map(_quoted, line))}{end}" for line in lines).encode()
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, max(len(text) - 1, 0)), st.integers(0, 255)), max_size=2)
    ):
        text = text[:place] + bytes([byte]) + text[place + 1 :]
    return text


FILES_NEARLY_RIGHT = st.sampled_from(FILES).flatmap(lambda file: st.tuples(st.just(file.file_name), _contents(file)))


@settings(deadline=None, database=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(FILES_NEARLY_RIGHT)
def take_a_file(drawn: tuple[str, bytes]) -> None:
    """A file is loaded whole, or refused with errors that name their lines; all is taken back."""
    name, content = drawn
    with TemporaryDirectory() as made:
        Path(made, name).write_bytes(content)
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {PATIENCE}")
        report = load_directory(Path(made), by=duty("load"), at=AT, dry_run=True)
    assert bool(report.errors) != bool(report.loaded)
    for loaded in report.loaded.values():
        assert isinstance(loaded, Loaded)
        assert min(loaded.created, loaded.changed, loaded.unchanged) >= 0
    for error in report.errors:
        assert error.code
        assert error.message
        assert error.file == name
        assert 0 <= error.line <= content.count(b"\n") + 2
