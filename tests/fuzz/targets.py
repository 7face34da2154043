"""The doors that need no database: packages, certificates, receipts, csv files and workbooks.

Each target takes any bytes. Whatever it raises is a finding: the errors that a door answers with are caught in it.
"""

import csv
import io
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from cohorts import incoming, reading, sheets
from cohorts.bulk_errors import Errors
from tests.gates import opened
from tests.rules.test_receipts import said
from tests.rules.test_receipts_fuzzed import right, taken
from tests.stages.bulk import COLUMNS, everything, write
from transfers import addressees, keys, openpgp, reopened
from transfers.envelope import RecipientError

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
WHOLE = 255
"""Where a workbook's first byte names no part of it, the rest is the whole file."""


class Target(NamedTuple):
    """A door: what takes the bytes, examples of what is right there, and words that its grammar knows."""

    take: Callable[[bytes], None]
    examples: Callable[[], list[bytes]]
    words: tuple[bytes, ...]


@cache
def made_keys() -> keys.DemonstrationKeys:
    """Keys of a council and a recipient; where they lie is gone with the process."""
    folder = TemporaryDirectory()
    _KEPT.append(folder)
    return keys.make_demonstration_keys(Path(folder.name), datetime.now(UTC))


_KEPT: list[TemporaryDirectory[str]] = []


@cache
def known() -> dict[str, addressees.Addressee]:
    """A recipient of each format."""
    made = made_keys()
    files = {".p7m": made.recipient_certificate, ".pgp": made.openpgp_recipient_certificate}
    return {suffix: addressees.load(file.read_bytes()) for suffix, file in files.items()}


def take_package(data: bytes) -> None:
    """A sealed file is read as both formats. What may leave is for the one recipient, also as another reader has it."""
    for suffix, recipient in known().items():
        against = reopened.reasons(f"X.zip{suffix}", io.BytesIO(data), [recipient], everybody=True)
        if against:
            assert all(why.code.startswith("PACKAGE_") for why in against)
            continue
        assert reopened.read(io.BytesIO(data), suffix).recipients <= recipient.names
        if suffix == ".p7m":
            assert recipient.x509 is not None
            # What a reader of the gates' own makes of it, which shares nothing with the product.
            assert set(opened.read(data).keys) == {recipient.x509.serial_number}


def packages() -> list[bytes]:
    """A small package of each format, and an empty one."""
    signer = openpgp.load_signer(made_keys().openpgp_signing_key)
    sealed = []
    for recipient in known().values():
        for content in (b"", b"who this person is " * 3):
            destination = io.BytesIO()
            with addressees.envelope([recipient], signer).sealing(destination) as writer:
                writer.write(content)
            sealed.append(destination.getvalue())
    return sealed


def take_certificate(data: bytes) -> None:
    """A certificate is none, or says what is wrong with it, or something can be sealed for it."""
    try:
        found = addressees.load(data)
    except keys.CertificateError:
        return
    wrong = found.faults(AT)
    assert len(found.fingerprint) in (40, 64)
    if found.pgp is None and not wrong:
        try:
            with addressees.envelope([found], None).sealing(io.BytesIO()) as writer:
                writer.write(b"who this person is")
        except RecipientError:
            return


def certificates() -> list[bytes]:
    """Each certificate of the demonstration, in each form that it may come in."""
    made = made_keys()
    pems = [made.recipient_certificate, made.signing_certificate, made.authority]
    found = [file.read_bytes() for file in (*pems, made.openpgp_recipient_certificate)]
    found += [keys.load_certificate(file.read_bytes()).public_bytes(Encoding.DER) for file in pems]
    pgp = openpgp.load_certificate(made.openpgp_recipient_certificate.read_bytes())
    return [*found, bytes(pgp.cert)]


def take_receipt(data: bytes) -> None:
    """A receipt is taken in where a second, plain reading of the form takes it, and nothing of another is quoted."""
    assert taken(data) == right(data)


def receipts() -> list[bytes]:
    """One that is right, and one that rejects nobody."""
    import json

    files = [
        file | {"rows_loaded": 6 if place == 0 else 7, "rows_rejected": 0} for place, file in enumerate(said()["files"])
    ]
    return [json.dumps(each).encode() for each in (said(), said(rejected=[], files=files))]


def take_csv(data: bytes) -> None:
    """What is handed to COPY is what another reader of csv finds in the file; or there is an error."""
    with TemporaryDirectory() as made:
        path = Path(made, "families.csv")
        path.write_bytes(data)
        errors = Errors(path.name)
        with closing(reading.CsvReader(path, errors)) as reader:
            names = reader.header()
            rows = b"".join(reader.rows()) if names else b""
            assert len(reader.sha256()) == 64
    assert names or errors
    handed = [row[1:] for row in csv.reader(io.StringIO(rows.decode(), newline=""), strict=True)]
    assert all(len(row) == len(names) for row in handed)
    if not errors:
        text = data.decode("utf-8-sig").replace("\0", "")
        _, *found = (row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row)
        assert handed == found


def csv_files() -> list[bytes]:
    """Every bulk file, small."""
    with TemporaryDirectory() as made:
        write(Path(made), everything())
        return [path.read_bytes() for path in sorted(Path(made).glob("*.csv"))]


def take_workbook(data: bytes) -> None:
    """A workbook of which one part is other bytes: refused by its looks, or its rows are rows of csv."""
    with TemporaryDirectory() as made, ExitStack() as books:
        path = Path(made, "workbook-1.xlsx")
        path.write_bytes(workbook_with(data))
        file = {"kept_as": path.name, "name": "cases.xlsx", "unread": []}
        if incoming.wrong_content([file], Path(made)):
            return
        found = reading.found_in(Path(made), books)
        for source in found.sources:
            errors = Errors(source.name)
            with closing(source.reader(errors)) as reader:
                names = reader.header()
                assert names or errors
                rows = b"".join(reader.rows()).decode() if names else ""
            for row in csv.reader(io.StringIO(rows, newline=""), strict=True):
                assert len(row) == 1 + len(names)
                assert int(row[0]) <= sheets.MOST_ROWS


@cache
def parts() -> list[tuple[str, bytes]]:
    """The parts of a small workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name in ("families", "people"):
        sheet = book.create_sheet(name)
        sheet.append(COLUMNS[name])
        sheet.append(["F1", "North", AT.date(), 7.5, True])
    whole = io.BytesIO()
    book.save(whole)
    with zipfile.ZipFile(whole) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def workbook_with(data: bytes) -> bytes:
    """A workbook whose part by the number of the first byte is the rest of the bytes."""
    which, content = (data[0], data[1:]) if data else (0, b"")
    if which >= len(parts()):
        return content
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for place, (name, part) in enumerate(parts()):
            archive.writestr(name, content if place == which else part)
    return made.getvalue()


def workbooks() -> list[bytes]:
    """Each part as it is, and the whole."""
    whole = workbook_with(bytes([0]) + parts()[0][1])
    return [*(bytes([place]) + part for place, (_, part) in enumerate(parts())), bytes([WHOLE]) + whole]


BER = (b"\x30\x80", b"\xa0\x80", b"\0\0", b"\x04\x10", b"\x84\xff\xff\xff\xff")
PGP = (b"\xc1", b"\xd2", b"\xff\x7f\xff\xff\xff", b"\xef")
PEM = (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
KEYS = tuple(f'"{key}"'.encode() for key in [*said(), "name", "sha256", "rows_loaded", "rows_rejected", "code"])
CSV = (b'"', b'""', b",", b"\r\n", b"\n", b"\0", b"\xef\xbb\xbf")
SHEET = (b'<row r="', b'<c r="', b't="inlineStr"', b"<is><t>", b't="s"', b"<f>", b"1048577", b"XFD", b"9999999999")
TARGETS = {
    "package": Target(take_package, packages, BER + PGP),
    "certificate": Target(take_certificate, certificates, BER + PGP + PEM),
    "receipt": Target(take_receipt, receipts, KEYS),
    "csv": Target(take_csv, csv_files, CSV),
    "workbook": Target(take_workbook, workbooks, SHEET),
}
