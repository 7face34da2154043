"""Files that people open in a spreadsheet, CSV and workbooks: no cell of them is ever taken for a formula.

A file of the contract (bulk files, decisions.csv, all that a recipient gets) is read by a program and is never guarded:
its values are exact. It does not come from here.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO, cast
from xml.sax.saxutils import escape, quoteattr

from django.http import StreamingHttpResponse

FORMULA = ("=", "+", "-", "@")
CONTROL = ("\t", "\r", "\n")
MOST_ROWS = 1_048_575
"""Rows that a sheet holds beside its header."""
LONGEST = 32_767
"""Characters of a cell."""
AT_ONCE = 500
"""Rows that are written together."""
NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What no XML may hold (XML 1.0, 2.2), and a text of ours can."""
ESCAPED = re.compile("_x(?=[0-9A-Fa-f]{4}_)")

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
OFFICE = "http://schemas.openxmlformats.org"
MAIN = f"{OFFICE}/spreadsheetml/2006/main"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATED = f"{OFFICE}/officeDocument/2006/relationships"
# All that a workbook needs beside its sheet (ECMA-376, part 1, 11.3.1).
PARTS = {
    "[Content_Types].xml": f'{XML}<Types xmlns="{OFFICE}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPES}.worksheet+xml"/></Types>',
    "_rels/.rels": f'{XML}<Relationships xmlns="{OFFICE}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{RELATED}">'
    '<sheets><sheet name={sheet} sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{OFFICE}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


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


def workbook_for_people(
    name: str, sheet: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A download as a workbook of one sheet; every cell is text as it stands, and none a formula.

    It leaves while it is written, some rows at a time, whatever its size. A sheet holds MOST_ROWS beside its header:
    who calls offers no more.
    """
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = StreamingHttpResponse(_workbook(sheet, chain([header], rows)), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


class _Leaving:
    """What a workbook is written into: it cannot go back, and is handed on piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take what is written."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def taken(self) -> bytes:
        """What was written since it was taken last."""
        data = b"".join(self._written)
        self._written.clear()
        return data


def _workbook(sheet: str, rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    leaving, each = _Leaving(), iter(rows)
    with zipfile.ZipFile(cast(IO[bytes], leaving), "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in PARTS.items():
            book.writestr(name, text.format(sheet=quoteattr(sheet)))
        with book.open("xl/worksheets/sheet1.xml", "w") as page:
            page.write(f'{XML}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            while some := list(islice(each, AT_ONCE)):
                page.write("".join(_row(row) for row in some).encode())
                yield leaving.taken()
            page.write(b"</sheetData></worksheet>")
    yield leaving.taken()


def _row(values: Sequence[object]) -> str:
    return f"<row>{''.join(map(_text, values))}</row>"


def _text(value: object) -> str:
    """A cell whose text stands in it, and nowhere else: so it is never read as a formula or a number.

    What XML cannot hold is left out, and what Excel would read as one of its escapes is escaped.
    """
    text = NO_CHARACTER.sub("", str(value))[:LONGEST]
    if not text:
        return "<c/>"
    text = escape(ESCAPED.sub("_x005F_x", text), {"\r": "&#13;"})
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line)
    line.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    for row in chain([header], rows):
        writer.writerow([guarded(value) for value in row])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
