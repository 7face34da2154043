"""What a bulk file may be, byte for byte; and that everything else is an error with its place, not a guess."""

import csv
import io
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Barrier, Thread
from time import sleep
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cohorts.bulk_errors import LISTED, Errors
from cohorts.load_report import LoadReport
from cohorts.models import Address, Family
from cohorts.reading import CsvReader
from tests.conftest import address_of
from tests.stages.bulk import COLUMNS, Row, everything, load, load_bytes, told, write

HEADER = b"family_ref,team,flagged_on,flagged_by,lifted_on\n"

WRONG: list[tuple[str, str, str, str]] = [
    ("families", "family_ref", "", "REQUIRED"),
    ("families", "family_ref", "F" * 61, "TOO_LONG"),
    ("families", "flagged_on", "2026-02-31", "NOT_A_DATE"),
    ("families", "flagged_on", "2026-2-3", "NOT_A_DATE"),
    ("families", "flagged_on", "31/01/2026", "NOT_A_DATE"),
    ("families", "flagged_on", "Sept-01-21", "NOT_A_DATE"),
    ("families", "flagged_on", "infinity", "NOT_A_DATE"),
    ("families", "flagged_on", "0000-01-01", "NOT_A_DATE"),
    ("families", "flagged_on", "10000-01-01", "NOT_A_DATE"),
    ("families", "flagged_on", " 2026-01-01", "NOT_A_DATE"),
    ("people", "sex", "3", "NOT_ACCEPTED"),
    ("people", "sex", "F", "NOT_ACCEPTED"),
    ("people", "in_education", "yes", "NOT_ACCEPTED"),
    ("people", "nino", "N" * 21, "TOO_LONG"),
    ("memberships", "joined_on", "", "REQUIRED"),
    ("memberships", "relationship", "uncle", "NOT_ACCEPTED"),
    ("memberships", "lives_in_household", "TRUE", "NOT_TRUE_OR_FALSE"),
    ("memberships", "family_ref", "F0", "UNKNOWN_REFERENCE"),
    ("memberships", "person_ref", "", "REQUIRED"),
    ("evidence", "indicator", "TF9.9", "NOT_ACCEPTED"),
    ("evidence", "person_ref", "P0", "UNKNOWN_REFERENCE"),
    ("evidence", "in_error_at", "2026-01-01T10:00:00", "NOT_AN_INSTANT"),
    ("evidence", "in_error_at", "2026-01-01", "NOT_AN_INSTANT"),
    ("evidence", "in_error_at", "2026-02-30T10:00:00Z", "NOT_AN_INSTANT"),
    ("evidence", "in_error_at", "9999-12-31T23:59:59-01:00", "NOT_AN_INSTANT"),
    ("notices", "channel", "pigeon", "NOT_ACCEPTED"),
    ("notices", "version", "PN0", "UNKNOWN_REFERENCE"),
    ("notices", "person_ref", "P1", "ONE_OF_PERSON_AND_FAMILY"),
    ("consents", "datasets", "PNC;XYZ", "UNKNOWN_REFERENCE"),
    ("objections", "received_at", "", "REQUIRED"),
    ("objections", "datasets", "pnc", "UNKNOWN_REFERENCE"),
    ("notice_versions", "basis", "", "REQUIRED"),
    ("notice_versions", "recipients", "R" * 41, "TOO_LONG"),
    ("agreements", "purpose", "", "REQUIRED"),
    ("agreements", "fields", "nino;date of birth", "NOT_ACCEPTED"),
    ("protections", "kind", "cloak", "NOT_ACCEPTED"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "column", "value", "code"), WRONG)
def test_a_wrong_value_is_an_error_where_it_stands(
    tmp_path: Path, name: str, column: str, value: str, code: str
) -> None:
    files = everything()
    files[name][0][column] = value
    report = load(tmp_path, files)
    assert (f"{name}.csv", 2, column, code) in {row[:4] for row in told(report)}
    assert f"{name}.csv" not in report.loaded


RIGHT = [
    ("families", "flagged_on", "0001-01-01"),
    ("families", "flagged_on", "9999-12-31"),
    ("people", "date_of_birth", "2008-02-29"),
    ("evidence", "in_error_at", "2026-01-01T10:00Z"),
    ("evidence", "in_error_at", "2026-01-01T10:00:00.123456+0530"),
    ("evidence", "indicator", "SF01.1"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "column", "value"), RIGHT)
def test_an_unusual_value_is_taken(tmp_path: Path, name: str, column: str, value: str) -> None:
    files = everything()
    files[name][0][column] = value
    assert told(load(tmp_path, files)) == []


@pytest.mark.django_db
def test_an_objection_is_for_one_and_refused_with_reasons(tmp_path: Path) -> None:
    files = everything()
    files["objections"][0] |= {"family_ref": "F1", "refused_at": "2026-06-01T10:00:00Z", "refusal_reason": "grounds"}
    assert [row[1:4] for row in told(load(tmp_path, files))] == [
        (2, "person_ref", "ONE_OF_PERSON_AND_FAMILY"),
        (2, "refusal_reference", "REFUSAL_INCOMPLETE"),
        (2, "told_on", "REFUSAL_INCOMPLETE"),
    ]


@pytest.mark.django_db
def test_every_error_is_told_with_what_would_be_right(tmp_path: Path) -> None:
    rows = [
        {"family_ref": "F1", "flagged_on": "tomorrow", "lifted_on": "2026-13-01"},
        {"family_ref": "F2", "team": "a team\nof two lines"},
        {"family_ref": "F1", "team": "T" * 61},
    ]
    report = load(tmp_path, {"families": rows})
    assert told(report) == [
        ("families.csv", 2, "flagged_on", "NOT_A_DATE", "tomorrow"),
        ("families.csv", 2, "lifted_on", "NOT_A_DATE", "2026-13-01"),
        ("families.csv", 5, "family_ref", "DUPLICATE_REFERENCE", "F1"),
        ("families.csv", 5, "team", "TOO_LONG", "T" * 61),
    ]
    assert report.errors[0].message == "This is not a date that exists, written as 2026-09-30."
    relation = everything()["memberships"][0] | {"relationship": "uncle"}
    (error,) = load(tmp_path / "later", everything() | {"memberships": [relation]}).errors
    assert "lead, partner, child, step_child" in error.message


@pytest.mark.django_db
def test_a_thousand_errors_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    report = load(tmp_path, {"families": [{"team": "North"} for _ in range(LISTED + 234)]})
    assert len(report.errors) == LISTED + 1
    assert report.errors[-1].code == "MORE_ERRORS"
    assert report.errors[-1].message == "234 more errors are not shown."


@pytest.mark.django_db
def test_a_long_value_is_cut_in_the_error(tmp_path: Path) -> None:
    (error,) = load(tmp_path, {"families": [{"family_ref": "F1", "team": "long " * 1000}]}).errors
    assert error.value == "long " * 20


UNREADABLE: list[tuple[str, bytes, list[tuple[int, str, str]]]] = [
    ("nothing", b"", [(1, "", "EMPTY_FILE")]),
    ("only a mark", b"\xef\xbb\xbf", [(1, "", "EMPTY_FILE")]),
    ("an empty first line", b"\n" + HEADER, [(1, "", "EMPTY_FILE")]),
    ("a column missing", b"family_ref,team,flagged_on,flagged_by\n", [(1, "lifted_on", "MISSING_COLUMN")]),
    ("a column too many", HEADER.replace(b"team", b"team,colour"), [(1, "colour", "UNKNOWN_COLUMN")]),
    ("a column twice", HEADER.replace(b"team", b"team,team"), [(1, "team", "DUPLICATE_COLUMN")]),
    ("UTF-16 with its mark", (HEADER + b"F1,,,,\n").decode().encode("utf-16"), [(1, "", "NOT_UTF8")]),
    ("UTF-16 without", (HEADER + b"F1,,,,\n").decode().encode("utf-16-le"), [(1, "", "NOT_UTF8")]),
    ("Windows-1252", HEADER + b"F1,caf\xe9,,,\nF2,na\xefve,,,\n", [(2, "team", "NOT_UTF8"), (3, "team", "NOT_UTF8")]),
    ("an overlong form", HEADER + b"F1,\xc0\xaf,,,\n", [(2, "team", "NOT_UTF8")]),
    ("a NUL byte", HEADER + b"F1,No\0rth,,,\n", [(2, "team", "NUL_BYTE")]),
    ("a NUL in the header", HEADER.replace(b"team", b"te\0am"), [(1, "", "NUL_BYTE")]),
    ("line ends of old", HEADER.replace(b"\n", b"\r") + b"F1,,,,\r", [(1, "", "LONE_CARRIAGE_RETURN")]),
    ("a lone carriage return", HEADER + b"F1,a\rb,,,\nF2,,,,\n", [(2, "", "LONE_CARRIAGE_RETURN")]),
    ("a mark within a value", HEADER + b'F1,5" pipe,,,\nF2,6" pipe,,,\n', [(2, "", "BAD_QUOTES")]),
    ("something behind a mark", HEADER + b'F1,"a"b,,,\nF2,,,,\n', [(2, "", "BAD_QUOTES")]),
    ("a mark that never closes", HEADER + b'F1,,,,\nF2,"a,,,\nF3,,,,\n', [(3, "", "BAD_QUOTES")]),
    ("the same with CRLF", (HEADER + b'F2,"a,,,\nF3,,,,\n').replace(b"\n", b"\r\n"), [(2, "", "BAD_QUOTES")]),
    ("too many and too few", HEADER + b"F1,,,,,\nF2,,,\n", [(2, "", "TOO_MANY_VALUES"), (3, "", "TOO_FEW_VALUES")]),
    ("fewer in quotes", HEADER + b'F1,"a,b",,\n', [(2, "", "TOO_FEW_VALUES")]),
    (
        "lines and values at once",
        HEADER + b"F1,,soon,,\nF2,,,\nF3,,,,later\n",
        [(2, "flagged_on", "NOT_A_DATE"), (3, "", "TOO_FEW_VALUES"), (4, "lifted_on", "NOT_A_DATE")],
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("content", "errors"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_is_not_a_row_is_an_error_of_its_line(
    tmp_path: Path, content: bytes, errors: list[tuple[int, str, str]]
) -> None:
    report = load_bytes(tmp_path, "families", content)
    assert [row[1:4] for row in told(report)] == errors
    assert all(error.message for error in report.errors)
    assert not Family.objects.exists()


FORMS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("as it is", lambda content: content),
    ("with a byte order mark", lambda content: b"\xef\xbb\xbf" + content),
    ("with CRLF", lambda content: content.replace(b"\n", b"\r\n")),
    ("without a last line end", lambda content: content.removesuffix(b"\n")),
    ("with empty lines", lambda content: content.replace(b"\n", b"\n\n")),
    ("in quotation marks", lambda content: b"".join(
        b",".join(b'"' + value + b'"' for value in line.split(b",")) + b"\n" for line in content.splitlines())),
    ("columns in another order", lambda content: b"".join(
        b",".join(reversed(line.split(b","))) + b"\n" for line in content.splitlines())),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("form", [form for _, form in FORMS], ids=[name for name, _ in FORMS])
def test_a_file_may_have_any_of_these_forms(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    content = HEADER + "F1,Zoë,2026-01-01,,\nF2,,,worker,\n".encode()
    assert told(load_bytes(tmp_path, "families", form(content))) == []
    rows = Family.objects.order_by("id").values_list("reference", "team", "flagged_on", "flagged_by")
    assert list(rows) == [("F1", "Zoë", date(2026, 1, 1), ""), ("F2", "", None, "worker")]


EXACT = ["=1+1", "@SUM(A1)", "-5", "'tis", 'the "Old" House', "a,b", "two\nlines", "two\r\nlines", "\\.", "a\n\\.\nb",
         "\\N", "NULL", " spaces ", "\t", "\u00a0", "\N{PILE OF POO}"]  # fmt: skip


@pytest.mark.django_db
def test_values_are_kept_exactly(tmp_path: Path) -> None:
    load(tmp_path, everything() | {"addresses": [
        {"person_ref": "P1", "from_on": "2024-01-01", "line_1": value} for value in EXACT
    ]})  # fmt: skip
    assert list(Address.objects.order_by("id").values_list("line_1", flat=True)) == EXACT


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
# With LF and the fewest marks, the writer leaves a lone carriage return without: that is not RFC 4180.
WRITERS = [{"lineterminator": "\r\n"}, {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}]


@pytest.mark.django_db
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from(WRITERS))
def test_whatever_a_csv_writer_wrote_is_read_back(tmp_path: Path, texts: list[str], form: dict[str, Any]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, **form)
    writer.writerow(COLUMNS["families"])
    writer.writerows([f"F{place}", text, "", "", ""] for place, text in enumerate(texts))
    assert told(load_bytes(tmp_path, "families", out.getvalue().encode())) == []
    teams = dict(Family.objects.values_list("reference", "team"))
    assert [teams[f"F{place}"] for place in range(len(texts))] == texts


def test_an_endless_line_is_refused_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "families.csv"
    with path.open("wb") as out:
        out.write(HEADER + b"F1,")
        for _ in range(200):
            out.write(b"x" * (1 << 20))
        out.write(b",,,\nF2,North,,,\n")
    errors = Errors("families.csv")
    reader = CsvReader(path, errors)
    tracemalloc.start()
    try:
        reader.header()
        rows = b"".join(reader.rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        reader.close()
    assert [(error.line, error.code) for error in errors.listed()] == [(2, "LINE_TOO_LONG")]
    assert rows == b"3,F2,North,,,\n"
    assert peak < 16 << 20


def test_two_loads_at_once_queue_and_both_are_right(committed: str, tmp_path: Path) -> None:
    """A third connection holds the table until both wait, so that they do meet."""
    rows: list[Row] = [{"family_ref": f"F{number}", "team": "North"} for number in range(50)]
    write(tmp_path, {"families": rows})
    reports: list[LoadReport] = []
    ready = Barrier(3)

    def one_load() -> None:
        ready.wait()
        try:
            reports.append(load(tmp_path))
        finally:
            connection.close()

    threads = [Thread(target=one_load) for _ in range(2)]
    with psycopg.connect(address_of(committed, settings.DATABASE_OWNER)) as third:
        third.execute("LOCK TABLE cohorts_family IN SHARE MODE")
        for thread in threads:
            thread.start()
        ready.wait()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cohorts_family'::regclass"
        for _ in range(300):
            if third.execute(waiting).fetchone() == (2,):
                break
            sleep(0.1)
        else:
            pytest.fail("The two loads never waited for the table.")
        third.rollback()
        for thread in threads:
            thread.join(60)
    outcomes = sorted((of.created, of.unchanged) for report in reports for of in report.loaded.values())
    assert outcomes == [(0, 50), (50, 0)]
    assert Family.objects.count() == 50
