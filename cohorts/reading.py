"""Bulk files as bytes: csv files and the sheets of workbooks become rows with the number of their line.

A reader reads its file once, in bounded pieces, and hands out csv that PostgreSQL's COPY takes as it is. What is not a
row at all (a wrong number of values, bytes that are not UTF-8, an unclosed quotation mark) is an error of that line and
is left out; what the values mean is not asked here.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cohorts import bulk_errors
from cohorts.bulk_errors import LONGEST_LINE, Errors
from cohorts.bulk_files import FILES, BulkFile
from cohorts.sheets import UNREADABLE, SheetReader

LARGEST_TEXTS = 1 << 28
PIECE = 1 << 16
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BOM = b"\xef\xbb\xbf"

# RFC 4180: a value is wholly in quotation marks, or has none.
QUOTED = re.compile(rb'"[^"]*(?:""[^"]*)*"')
RECORD = re.compile(rb'(?:%b|[^",]*)(?:,(?:%b|[^",]*))*' % (QUOTED.pattern, QUOTED.pattern))
VALUE = re.compile(rb"(?:^|,)(%b|[^,]*)" % QUOTED.pattern)
BYTES = re.compile("[\udc80-\udcff]")


class Reader(Protocol):
    """Reads one file: the header first, then the rows."""

    def header(self) -> list[str]:
        """The names in the first line; none where it cannot be read (which is an error)."""

    def rows(self) -> Iterator[bytes]:
        """Pieces of csv: each row as wide as the header, with its line number before it."""

    def sha256(self) -> str:
        """The SHA-256 of the whole file, in hex."""

    def close(self) -> None:
        """Let go of the file."""


class Source(NamedTuple):
    """Where a bulk file was found: a csv file, or a sheet of a workbook."""

    file: BulkFile
    name: str
    path: Path
    sheet: Any = None

    def reader(self, errors: Errors) -> Reader:
        """Reads it, and adds what is wrong to `errors`."""
        return SheetReader(self.path, self.sheet, errors) if self.sheet is not None else CsvReader(self.path, errors)


class Found(NamedTuple):
    """The bulk files of a directory in the order of loading, and the workbooks that cannot be opened."""

    sources: list[Source]
    unreadable: list[Errors]


def found_in(directory: Path, opened: ExitStack) -> Found:
    """What there is to load. Workbooks stay open until `opened` closes."""
    # Every worker would hold it, and few ever read a workbook.
    import openpyxl

    workbooks = {}
    unreadable = []
    for path in sorted(directory.glob("[!.~]*.xlsx")):
        try:
            _refuse_bomb(path)
            workbook = openpyxl.load_workbook(path, read_only=True, keep_links=False)
        except UNREADABLE:
            errors = Errors(path.name)
            errors.add(*bulk_errors.NOT_A_WORKBOOK)
            unreadable.append(errors)
            continue
        opened.callback(workbook.close)
        workbooks[path] = workbook
    sources = []
    for file in FILES:
        if (path := directory / file.file_name).is_file():
            sources.append(Source(file, file.file_name, path))
        for path, workbook in workbooks.items():
            name, times = f"{path.name}:{file.name}", workbook.sheetnames.count(file.name)
            if times == 1:
                sources.append(Source(file, name, path, workbook[file.name]))
            elif times:
                errors = Errors(name)
                errors.add(*bulk_errors.SHEET_TWICE)
                unreadable.append(errors)
    return Found(sources, unreadable)


def _refuse_bomb(path: Path) -> None:
    """Raises ValueError for a workbook whose texts, which are read into memory at once, are far too large."""
    with zipfile.ZipFile(path) as archive:
        if any(part.file_size > LARGEST_TEXTS for part in archive.infolist() if "sharedStrings" in part.filename):
            raise ValueError


class _Digested(io.FileIO):
    """A file that is hashed as it is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.digest = hashlib.sha256()

    def readinto(self, buffer: Any) -> int | None:
        """Read, and hash what was read."""
        size = super().readinto(buffer)
        self.digest.update(memoryview(buffer)[:size])
        return size


class CsvReader:
    """A csv file of RFC 4180, in UTF-8 with or without a byte order mark."""

    def __init__(self, path: Path, errors: Errors) -> None:
        self._raw = _Digested(path)
        self._file = io.BufferedReader(self._raw, PIECE)
        self._errors = errors
        self._line = 0
        self._names: list[str] = []

    def sha256(self) -> str:
        while self._file.read(PIECE):
            pass
        return self._raw.digest.hexdigest()

    def close(self) -> None:
        self._file.close()

    def header(self) -> list[str]:
        start = self._file.peek(4)[:4]
        if start[:2] in UTF_16 or b"\0" in start:
            self._errors.add(*bulk_errors.SAVED_AS_UTF16)
            return []
        if start.startswith(BOM):
            self._file.read(len(BOM))
        for _, record in self._records(self._file.readline(LONGEST_LINE + 1)):
            self._names = _values(record)
        if not self._names and not self._errors:
            self._errors.add(*bulk_errors.EMPTY_FILE)
        return self._names

    def rows(self) -> Iterator[bytes]:
        while lines := self._file.read(PIECE):
            lines += self._file.readline(LONGEST_LINE + 1)
            if rows := self._plain_rows(lines):
                first, self._line = self._line + 1, self._line + len(rows)
                yield b"".join([b"%d,%b\n" % row for row in enumerate(rows, first)])
            else:
                yield b"".join(b"%d,%b\n" % row for row in self._records(lines) if self._is_as_wide(*row))

    def _plain_rows(self, lines: bytes) -> list[bytes]:
        """These lines as rows if there is nothing in them to look at twice, as in nearly all; else none."""
        lines = lines.replace(b"\r\n", b"\n")
        if len(lines) > LONGEST_LINE or any(sign in lines for sign in (b'"', b"\r", b"\0")) or not _is_utf8(lines):
            return []
        rows = lines.removesuffix(b"\n").split(b"\n")
        commas = len(self._names) - 1
        # Of one column, an empty line is no row.
        return rows if commas and all(row.count(b",") == commas for row in rows) else []

    def _is_as_wide(self, line: int, record: bytes) -> bool:
        """Whether the record has as many values as the header names columns."""
        values, width = QUOTED.sub(b"", record).count(b",") + 1, len(self._names)
        if values != width:
            code = "TOO_MANY_VALUES" if values > width else "TOO_FEW_VALUES"
            self._errors.add(code, f"This line has {values} values; the header names {width} columns.", line=line)
        return values == width

    def _records(self, lines: bytes) -> Iterator[tuple[int, bytes]]:
        """Each record with the line on which it begins, without its line end; empty lines are passed over.

        The last record may go on behind these lines.
        """
        texts = iter(io.BytesIO(lines))
        for text in texts:
            self._line += 1
            begun = self._line
            if len(text) > LONGEST_LINE:
                self._too_long(text)
                continue
            if text.count(b'"') % 2:
                text = self._to_closing_quote(text, texts)
            record = text.removesuffix(b"\n").removesuffix(b"\r")
            if record and self._is_record(begun, record):
                yield begun, record

    def _too_long(self, text: bytes) -> None:
        self._errors.add(*bulk_errors.LINE_TOO_LONG, line=self._line, value=_text(text[:400]))
        while text and not text.endswith(b"\n"):
            text = self._file.readline(LONGEST_LINE)

    def _to_closing_quote(self, text: bytes, texts: Iterator[bytes]) -> bytes:
        """The whole record whose quotation mark is open at the end of its first line."""
        parts, size, is_open = [text], len(text), True
        following = chain(texts, iter(lambda: self._file.readline(LONGEST_LINE + 1), b""))
        while is_open and size <= LONGEST_LINE and (part := next(following, b"")):
            self._line += 1
            parts.append(part)
            size += len(part)
            is_open ^= part.count(b'"') % 2 == 1
        return b"".join(parts)

    def _is_record(self, line: int, record: bytes) -> bool:
        """Whether this is text in which values are told apart; what is not is an error."""
        # First of all: where values cannot be told apart, wrong bytes may be in none of them.
        if b'"' in record and not RECORD.fullmatch(record):
            self._errors.add(*bulk_errors.BAD_QUOTES, line=line, value=_text(record))
            return False
        if b"\0" in record or not _is_utf8(record):
            self._wrong_bytes(line, record)
            return False
        if b"\r" in QUOTED.sub(b"", record):
            self._errors.add(*bulk_errors.LONE_CARRIAGE_RETURN, line=line, value=_text(record))
            return False
        return True

    def _wrong_bytes(self, line: int, record: bytes) -> None:
        for place, value in enumerate(_values(record)):
            column = self._names[place] if place < len(self._names) else ""
            if "\0" in value:
                self._errors.add(*bulk_errors.NUL_BYTE, line=line, column=column, value=_shown(value))
            if BYTES.search(value):
                self._errors.add(*bulk_errors.NOT_UTF8, line=line, column=column, value=_shown(value))


def _is_utf8(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(record: bytes) -> str:
    """As text that can be shown and kept, a database's included."""
    return record.decode(errors="replace").replace("\0", "\ufffd")


def _values(record: bytes) -> list[str]:
    """The values of a record; bytes that are not UTF-8 are kept as lone surrogates."""
    return [
        value[1:-1].replace(b'""', b'"').decode(errors="surrogateescape")
        if value.startswith(b'"')
        else value.decode(errors="surrogateescape")
        for value in VALUE.findall(record)
    ]


def _shown(value: str) -> str:
    return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
