"""Files that people open in a spreadsheet, CSV and workbooks: no cell of them is ever taken for a formula.

A file of the contract (bulk files, decisions.csv, all that a recipient gets) is read by a program and is never guarded:
its values are exact. It does not come from here.
"""

import csv
import io
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

FORMULA = ("=", "+", "-", "@")
CONTROL = ("\t", "\r", "\n")


def guarded(value: object) -> str:
    """A value as the text of a cell; an apostrophe goes before what a spreadsheet would take for a formula.

    That is what begins with = + - @ (in any width, and behind spaces), a tab or the end of a line, as OWASP says of
    CSV injection.
    """
    text = str(value)
    begins = unicodedata.normalize("NFKC", text.lstrip()[:1])
    # The minus of mathematics is what a superscript one becomes.
    return f"'{text}" if text.startswith(CONTROL) or begins.startswith((*FORMULA, "\N{MINUS SIGN}")) else text


def csv_for_people(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """A download for a spreadsheet: guarded, and with the mark by which Excel knows UTF-8."""
    answer = StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def workbook_for_people(name: str, sheet: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> FileResponse:
    """A download as a workbook of one sheet; every cell is text as it stands, and none a formula.

    It is written to a file row by row, whatever its size.
    """
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet)
    for row in chain([header], rows):
        page.append([_text(page, value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it, when it is read to its end
    book.save(file)
    file.seek(0)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return FileResponse(file, as_attachment=True, filename=name, content_type=kind)


def _text(page: Any, value: object) -> Any:
    # What XML cannot hold is left out; a text that begins with = would otherwise become a formula.
    cell = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    cell.data_type = "s"
    return cell


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line)
    line.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    for row in chain([header], rows):
        writer.writerow([guarded(value) for value in row])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
