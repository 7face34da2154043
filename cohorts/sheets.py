"""A sheet of a workbook as rows with the number of their line, as a csv file would have them.

openpyxl reads the cells. Which rows there are is read here: nothing that stands in a sheet is left out without a word.
"""

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from cohorts import bulk_errors
from cohorts.bulk_errors import Errors

MOST_ROWS = 1_048_576
"""Rows of a sheet, the header included (ECMA-376; Excel has no more)."""
PIECE = 1 << 16

# What openpyxl raises for a workbook that is none, according to where it is broken.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, EOFError,
    NotImplementedError,
)  # fmt: skip


class SheetReader:
    """A sheet of a workbook: its cells become the text that a csv file would have."""

    def __init__(self, path: Path, sheet: Any, errors: Errors) -> None:
        self._path, self._sheet, self._errors = path, sheet, errors
        self._names: list[str] = []
        self._rows: Iterator[tuple[int, list[dict[str, Any]]]] = iter(())

    def sha256(self) -> str:
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """The workbook is closed by who opened it: its other sheets are still to be read."""

    def header(self) -> list[str]:
        try:
            self._rows = _in_order(self._sheet)
            line, cells = next(self._rows, (1, []))
            names = [""] * (cells[-1]["column"] if cells and line == 1 else 0)
            for cell in cells if line == 1 else []:
                names[cell["column"] - 1] = _cell_text(cell["value"])
        except _OutOfOrder as where:
            self._errors.add(*bulk_errors.OUT_OF_ORDER, line=where.line)
            return []
        except UNREADABLE:
            self._errors.add(*bulk_errors.NOT_A_WORKBOOK)
            return []
        while names and not names[-1]:
            names.pop()
        if not names:
            self._errors.add(*bulk_errors.EMPTY_FILE)
        self._names = names
        return names

    def rows(self) -> Iterator[bytes]:
        piece = io.StringIO()
        # All in quotation marks: the writer leaves a lone carriage return without, and COPY takes it for a line end.
        writer = csv.writer(piece, lineterminator="\n", quoting=csv.QUOTE_ALL)
        try:
            for line, cells in self._rows:
                values = self._texts(line, cells)
                if any(values):
                    writer.writerow([line, *values])
                if piece.tell() > PIECE:
                    yield piece.getvalue().encode()
                    piece.seek(0)
                    piece.truncate()
        except _OutOfOrder as where:
            self._errors.add(*bulk_errors.OUT_OF_ORDER, line=where.line)
        except UNREADABLE:
            self._errors.add(*bulk_errors.NOT_A_WORKBOOK)
        yield piece.getvalue().encode()

    def _texts(self, line: int, cells: list[dict[str, Any]]) -> list[str]:
        """The row as text, as wide as the header; a cell that is not a plain value is an error."""
        texts = [""] * len(self._names)
        for cell in cells:
            place, value, kind = cell["column"] - 1, cell["value"], cell["data_type"]
            if value is None:
                continue
            text = _cell_text(value)
            if place >= len(self._names):
                self._errors.add(*bulk_errors.CELL_TOO_MANY, line=line, value=text)
                continue
            texts[place] = text
            if kind in bulk_errors.CELLS:
                code, message = bulk_errors.CELLS[kind]
                where = f"It is cell {_letters(cell['column'])}{line}."
                self._errors.add(code, f"{message} {where}", line=line, column=self._names[place], value=text)
        return texts


class _OutOfOrder(Exception):
    """A row, or a cell in it, does not come after the one before; `line` is its number."""

    def __init__(self, line: int) -> None:
        self.line = max(line, 1)
        super().__init__(line)


def _in_order(sheet: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The rows as they stand in the sheet, each with its number and its cells. Raises _OutOfOrder.

    openpyxl's own rows leave out, without a word, a row whose number is not above the one before, and cells beyond the
    last one of their row; and it makes up every row that a number passes over. Raises ValueError for a row beyond the
    last that a sheet can have.
    """
    from openpyxl.worksheet._reader import WorkSheetParser

    book, before = sheet.parent, 0
    with sheet._get_source() as source:  # noqa: SLF001 - there is no other way to what is in it
        parser = WorkSheetParser(
            source, sheet._shared_strings, data_only=book.data_only, epoch=book.epoch,  # noqa: SLF001
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )  # fmt: skip
        for line, cells in parser.parse():
            if line > MOST_ROWS:
                raise ValueError
            places = [cell["column"] for cell in cells]
            in_order = all(left < right for left, right in pairwise([0, *places]))
            if line <= before or not in_order or any(cell["row"] != line for cell in cells):
                raise _OutOfOrder(line)
            before = line
            yield line, cells


def _letters(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(column)


def _cell_text(value: Any) -> str:
    """A cell's value as a csv file has it: ISO dates, plain numbers, true and false."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
        case _:
            return str(value)
