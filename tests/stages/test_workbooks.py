"""Bulk files that arrive as a workbook: its cells as the text of a csv file, and nothing of it lost without a word."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from cohorts.models import Family, Membership, Person
from tests.stages.bulk import COLUMNS, load, told


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> None:
    """A workbook with these rows of cells; "=text" is a text that looks like a formula."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value == "=text"):
            cell.data_type = "s"
    book.save(path)


@pytest.mark.django_db
def test_a_workbook_has_a_sheet_for_each_file(tmp_path: Path) -> None:
    person = {"person_ref": "P1", "given_name": "Zoë", "family_name": "=text", "date_of_birth": date(2012, 2, 29),
              "sex": 2, "nhs_number": 9434765919}  # fmt: skip
    workbook(
        tmp_path / "of any name.xlsx",
        {
            "memberships": [COLUMNS["memberships"], ["F1", "P1", date(2026, 1, 1), None, "child", True, False]],
            "people": [COLUMNS["people"], [person.get(column) for column in COLUMNS["people"]]],
            "families": [COLUMNS["families"], ["F1", 1.5], [None], ["F2", 3.0]],
            "notes": [["not a bulk file"]],
        },
    )
    report = load(tmp_path)
    assert told(report) == []
    assert [*report.loaded] == [f"of any name.xlsx:{name}" for name in ("families", "people", "memberships")]
    read = Person.objects.get()
    assert (read.given_name, read.date_of_birth, read.sex) == ("Zoë", date(2012, 2, 29), "2")
    assert (read.nhs_number, read.family_name) == ("9434765919", "=text")
    assert list(Family.objects.order_by("id").values_list("team", flat=True)) == ["1.5", "3"]
    membership = Membership.objects.get()
    assert (membership.joined_on, membership.lives_in_household) == (date(2026, 1, 1), True)


@pytest.mark.django_db
def test_a_cell_may_have_a_line_end_of_any_kind(tmp_path: Path) -> None:
    workbook(tmp_path / "made.xlsx", {"families": [COLUMNS["families"], ["F1", "aMARKb"], ["F2", 'a "b"\n,c']]})
    with ZipFile(tmp_path / "made.xlsx") as made, ZipFile(tmp_path / "cases.xlsx", "w") as cases:
        for part in made.infolist():
            cases.writestr(part, made.read(part).replace(b"MARK", b"&#13;"))
    (tmp_path / "made.xlsx").unlink()
    assert told(load(tmp_path)) == []
    assert list(Family.objects.order_by("id").values_list("team", flat=True)) == ["a\rb", 'a "b"\n,c']


OUT_OF_ORDER = [
    ("a number goes back", b'<row r="4"', b'<row r="2"', 2),
    ("a number comes twice", b'<row r="4"', b'<row r="3"', 3),
    ("a number below the first", b'<row r="4"', b'<row r="0"', 1),
    ("a cell goes back", b'<c r="B3"', b'<c r="A3"', 3),
    ("a cell before its row's others", b'<c r="A3"', b'<c r="C3"', 3),
    ("a cell of another row", b'<c r="A3"', b'<c r="A9"', 3),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("was", "becomes", "line"), [row[1:] for row in OUT_OF_ORDER], ids=[r[0] for r in OUT_OF_ORDER]
)
def test_a_workbook_of_which_rows_would_be_lost_is_refused_whole(
    tmp_path: Path, was: bytes, becomes: bytes, line: int
) -> None:
    """openpyxl leaves out such rows and cells, and says nothing."""
    rows = [COLUMNS["families"], *([f"F{number}", "North"] for number in range(2, 7))]
    workbook(tmp_path / "made.xlsx", {"families": rows})
    with ZipFile(tmp_path / "made.xlsx") as made, ZipFile(tmp_path / "cases.xlsx", "w") as cases:
        for part in made.infolist():
            content = made.read(part)
            assert was in content or not part.filename.endswith("sheet1.xml")
            cases.writestr(part, content.replace(was, becomes))
    (tmp_path / "made.xlsx").unlink()
    report = load(tmp_path)
    assert told(report) == [("cases.xlsx:families", line, "", "ROWS_OUT_OF_ORDER", "")]
    assert (report.loaded, Family.objects.count()) == ({}, 0)


@pytest.mark.django_db
def test_numbers_of_rows_that_are_passed_over_or_left_out_lose_nothing(tmp_path: Path) -> None:
    workbook(tmp_path / "made.xlsx", {"families": [COLUMNS["families"], ["F1", "North"], ["F2", "South"]]})
    with ZipFile(tmp_path / "made.xlsx") as made, ZipFile(tmp_path / "cases.xlsx", "w") as cases:
        for part in made.infolist():
            content = made.read(part).replace(b'<row r="3"', b'<row r="900000"')
            cases.writestr(part, re.sub(b'(<c|<row) r="(?:[A-Z]*3|[A-E]1|1)"', rb"\1", content))
    (tmp_path / "made.xlsx").unlink()
    assert told(load(tmp_path)) == []
    assert set(Family.objects.values_list("reference", "team")) == {("F1", "North"), ("F2", "South")}


@pytest.mark.django_db
def test_two_sheets_of_one_name_are_refused(tmp_path: Path) -> None:
    sheets = {name: [COLUMNS["families"], [row, "North"]] for name, row in (("families", "F1"), ("FAMILY", "F2"))}
    workbook(tmp_path / "made.xlsx", sheets)
    with ZipFile(tmp_path / "made.xlsx") as made, ZipFile(tmp_path / "cases.xlsx", "w") as cases:
        for part in made.infolist():
            cases.writestr(part, made.read(part).replace(b"FAMILY", b"families"))
    (tmp_path / "made.xlsx").unlink()
    assert told(load(tmp_path)) == [("cases.xlsx:families", 1, "", "SHEET_TWICE", "")]
    assert not Family.objects.exists()


@pytest.mark.django_db
def test_formulas_and_errors_of_a_workbook_are_refused(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [*COLUMNS["families"]],
        ["F1", "=A1", "2026-01-01"],
        ["F2", "#REF!", None, None, None, 7],
    ]
    workbook(tmp_path / "cases.xlsx", {"families": rows, "people": []})
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 and no more")
    report = load(tmp_path)
    assert told(report) == [
        ("broken.xlsx", 1, "", "UNREADABLE_WORKBOOK", ""),
        ("cases.xlsx:families", 2, "team", "FORMULA", "=A1"),
        ("cases.xlsx:families", 3, "team", "CELL_ERROR", "#REF!"),
        ("cases.xlsx:families", 3, "", "TOO_MANY_VALUES", "7"),
        ("cases.xlsx:people", 1, "", "EMPTY_FILE", ""),
    ]
    assert not Family.objects.exists()
