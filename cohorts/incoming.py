"""Bulk files as somebody brings them: which are taken, why not the others, and where they are kept meanwhile.

Only what can be known without reading a row is asked here, so that it is answered at once; the rest is for the check.
"""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from defusedxml import ElementTree
from django.conf import settings

from cohorts.bulk_files import FILES
from connecting_families.arriving import private_folder
from connecting_families.audit.refusals import Why

MOST_FILES = 24
MOST_PARTS = 2_000
MOST_UNPACKED = 1 << 30
RATIO_FROM, MOST_RATIO = 1 << 25, 200
"""A workbook may become so many bytes, and above the first number so many times its own size."""
MOST_OF_THE_INDEX = 1 << 22

OF_ZIP, OF_OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"
STRICT_SHEET = "{http://purl.oclc.org/ooxml/spreadsheetml/main}sheet"
BULK_NAMES = [file.name for file in FILES]
AS_CSV = f"A csv file is called {', '.join(file.file_name for file in FILES[:-1])} or {FILES[-1].file_name}."


class Offered(NamedTuple):
    """A file as it is offered: its name, and its bytes in pieces."""

    name: str
    pieces: Callable[[], Iterable[bytes]]


def folder_of(code: str) -> Path:
    """Where the files of an upload lie, and what is wrong with them."""
    folder: Path = settings.CF_UPLOADS / code
    return folder


def destroy(folder: Path) -> None:
    """Nothing of an upload is left; where nothing is, nothing happens."""
    shutil.rmtree(folder, ignore_errors=True)


def wrong_names(names: Sequence[str]) -> list[Why]:
    """What speaks against files of these names, before a byte of them is kept."""
    reasons = []
    if not names:
        reasons.append(Why("NO_FILE", "Choose at least one file."))
    if len(names) > MOST_FILES:
        reasons.append(Why("TOO_MANY_FILES", f"Choose at most {MOST_FILES} files at once."))
    reasons += [why for name in names for why in _wrong_name(name)]
    twice = sorted({name for name in names if names.count(name) > 1})
    reasons += [Why("FILE_TWICE", f"{name} is there twice. Which one counts?") for name in twice]
    return reasons


def _wrong_name(name: str) -> list[Why]:
    stem, dot, ending = name.rpartition(".")
    match ending.lower() if dot else "":
        case "csv" if stem in BULK_NAMES:
            return []
        case "xlsx":
            return []
        case "csv":
            return [Why("UNKNOWN_FILE", f"{name} is not the name of a bulk file. {AS_CSV}")]
        case "xls":
            return [Why("OLD_WORKBOOK", f"{name} has the old Excel format. Save it as an Excel workbook (.xlsx).")]
        case "xlsm" | "xlsb" | "xltm" | "xlam":
            return [Why("MACROS", f"{name} may hold macros. Save it as an Excel workbook without macros (.xlsx).")]
        case _:
            return [Why("WRONG_ENDING", f"{name} is neither a csv file (.csv) nor an Excel workbook (.xlsx).")]


def keep(offered: Sequence[Offered], folder: Path) -> list[dict[str, Any]]:
    """Write the files into a new private folder, piece by piece, under names that say nothing; what each one is."""
    private_folder()
    folder.mkdir(mode=0o700)
    kept = []
    workbooks = 0
    for each in offered:
        is_workbook = each.name.lower().endswith(".xlsx")
        workbooks += is_workbook
        name = f"workbook-{workbooks}.xlsx" if is_workbook else each.name[:-4] + ".csv"
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in each.pieces():
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        kept.append({"name": each.name, "kept_as": name, "bytes": size, "sha256": digest.hexdigest(), "unread": []})
    return kept


def changed(files: Sequence[dict[str, Any]], folder: Path) -> bool:
    """Whether what lies there is not what was brought, byte for byte."""
    if not folder.is_dir() or {path.name for path in folder.iterdir()} != {file["kept_as"] for file in files}:
        return True
    return any(_sha256(folder / file["kept_as"]) != file["sha256"] for file in files)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def wrong_content(files: Sequence[dict[str, Any]], folder: Path) -> list[Why]:
    """What speaks against the files in a folder by their first bytes, and the tables of contents of workbooks.

    Notes in `files` which sheets are not read.
    """
    reasons: list[Why] = []
    found: dict[str, str] = {}
    for file in files:
        path, name = folder / file["kept_as"], file["name"]
        with path.open("rb") as content:
            begins = content.read(4)
        if path.suffix == ".csv":
            names = [path.stem]
            if begins in (OF_ZIP, OF_OLE):
                reasons.append(Why("NOT_CSV", f"{name} is a workbook under another name. Save it as CSV UTF-8."))
        else:
            wrong, sheets = _wrong_workbook(path, name, begins)
            reasons += wrong
            names = [sheet for sheet in sheets if sheet in BULK_NAMES]
            file["unread"] = [sheet for sheet in sheets if sheet not in BULK_NAMES]
            if not wrong and not names:
                sentence = f"No sheet of {name} is named after a bulk file. Its names are {', '.join(BULK_NAMES)}."
                reasons.append(Why("NO_SHEET", sentence))
        for each in names:
            if each in found:
                reasons.append(Why("FILE_TWICE", f"{each} is in {found[each]} and in {name}. Which one counts?"))
            found.setdefault(each, name)
    return reasons


def _wrong_workbook(path: Path, name: str, begins: bytes) -> tuple[list[Why], list[str]]:
    """What speaks against a workbook, and the names of its sheets."""
    if begins == OF_OLE:
        sentence = (
            f"{name} is protected with a password, or in the old Excel format. Save it without a password, as an Excel"
            " workbook (.xlsx)."
        )
        return [Why("PROTECTED_WORKBOOK", sentence)], []
    try:
        with zipfile.ZipFile(path) as archive:
            if wrong := _wrong_parts(archive, name, path.stat().st_size):
                return wrong, []
            return [], _sheets(archive)
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError, KeyError, NotImplementedError, OSError, EOFError):
        sentence = f"{name} cannot be read as a workbook. Save it as an Excel workbook (.xlsx), or as CSV UTF-8."
        return [Why("NOT_A_WORKBOOK", sentence)], []


def _wrong_parts(archive: zipfile.ZipFile, name: str, size: int) -> list[Why]:
    parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        return [Why("PROTECTED_WORKBOOK", f"{name} is protected with a password. Save it without one.")]
    # What is unpacked never exceeds what the directory says: the reader stops there.
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or (unpacked > RATIO_FROM and unpacked > MOST_RATIO * size):
        sentence = f"{name} becomes far too large when it is unpacked. Save each sheet as CSV UTF-8."
        return [Why("UNPACKS_TOO_LARGE", sentence)]
    if any(part.filename.lower().endswith("vbaproject.bin") for part in parts):
        return [Why("MACROS", f"{name} holds macros. Save it as an Excel workbook without macros (.xlsx).")]
    return []


def _sheets(archive: zipfile.ZipFile) -> list[str]:
    """The names of the sheets. Raises what the caller takes for an unreadable workbook."""
    if archive.getinfo("xl/workbook.xml").file_size > MOST_OF_THE_INDEX:
        raise ValueError
    index = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    return [sheet.get("name", "") for tag in (SHEET, STRICT_SHEET) for sheet in index.iter(tag)]
