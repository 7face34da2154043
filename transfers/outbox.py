"""What was sealed is read again before it gets its names, and before it leaves: recipients, framing, sizes and sums.

Its recipients are held against the certificates that are accepted at that moment, whose rows stay as they are until the
act ends: a package for a certificate that was revoked does not leave.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.conf import settings

from connecting_families.audit.refusals import Why
from transfers import carrying, doors, recipients, reopened
from transfers.addressees import CMS, OPENPGP, Addressee
from transfers.channels import folder
from transfers.models import Submission
from transfers.package import SealedFile

PURPOSE_OF = {"identifiers": "linkage", "programme": "analysis"}
TRANSMITTAL = "-transmittal.json"
GONE = "Not the files that were sealed, or no longer there"


class Packed(Protocol):
    """A submission or a withdrawal: its name, what its transmittal counts, and its sealed files."""

    name: str
    counts: dict[str, int]
    sealed_files: list[dict[str, Any]]


def listed(sealed: Iterable[SealedFile]) -> list[dict[str, Any]]:
    """Sealed files as they are kept with what they are of: name, bytes, SHA-256, and rows inside."""
    return [{"name": file.name, "bytes": file.size, "sha256": file.sha256, "rows": file.rows} for file in sealed]


def against_sealed(row: Packed, files: Mapping[str, BinaryIO], listed: list[dict[str, Any]]) -> list[Why]:
    """Why what was just written is not what was to be written: its sizes and sums, and what the transmittal says.

    `listed` names each file with its bytes and SHA-256, as they were counted on the way.
    """
    found = []
    for name, file in files.items():
        file.flush()
        file.seek(0)
        sha256 = hashlib.sha256()
        while piece := file.read(1 << 20):
            sha256.update(piece)
        found.append({"name": name, "bytes": file.tell(), "sha256": sha256.hexdigest()})
    if found != [_counted(file) for file in listed]:
        return [Why("PACKAGE_CHANGED", "What lies on the disk is not what was sealed. Seal it again.")]
    return _against_transmittal(row, files, listed)


def against_recipients(
    row: Submission, files: Mapping[str, BinaryIO], at: datetime, *, everybody: bool = False
) -> list[Why]:
    """Why these files may not be for whom they are, at this instant. With `everybody`, each recipient opens each."""
    reasons = []
    for kind, purpose in PURPOSE_OF.items():
        accepted, _ = recipients.usable_by_all(row.round.recipients, purpose, at, held=True)
        for name, file in files.items():
            if name.startswith(f"{row.name}-{kind}"):
                file.seek(0)
                reasons += reopened.reasons(name, file, accepted, everybody=everybody)
    return reasons


def refuse_what_may_not_leave(refusal: type[doors.NotDone], row: Submission, at: datetime) -> None:
    """Raise this refusal where a sealed file is damaged, or is for a certificate that is not accepted now.

    The latter voids the submission: what was sealed for somebody who may no longer read it is taken away.
    """
    with ExitStack() as opened:
        try:
            files = _opened(row, opened)
        except FileNotFoundError as error:
            gone = Why("PACKAGE_CHANGED", f"{GONE}: {Path(str(error.filename)).name}.")
            doors.refuse(refusal, [gone], row)
            return
        packages = [file for file in row.sealed_files if TRANSMITTAL not in file["name"]]
        reasons = _against_transmittal(row, files, packages)
        reasons += against_recipients(row, files, at)
    stopped = [why for why in reasons if why.code == "PACKAGE_FOR_OTHERS"]
    doors.refuse(refusal, [why for why in reasons if why not in stopped], row, stopped=doors.AtTheDoor(void=stopped))


def against_everybody(
    files: Mapping[str, BinaryIO], chosen_for: Mapping[str, Sequence[Addressee]], *, everybody: bool = True
) -> list[Why]:
    """Why these packages may not be for whom they are: each format has one, for all who open it (with `everybody`)."""
    reasons = []
    for name, file in files.items():
        if TRANSMITTAL not in name:
            file.seek(0)
            accepted = chosen_for.get(CMS if name.endswith(".p7m") else OPENPGP, ())
            reasons += reopened.reasons(name, file, accepted, everybody=everybody)
    return reasons


def against_everybody_sealed(row: Packed, chosen_for: Mapping[str, Sequence[Addressee]]) -> list[Why]:
    """The same of what lies in the outbox, and whether its transmittal tells of it."""
    with ExitStack() as opened:
        files = _opened(row, opened)
        packages = [file for file in row.sealed_files if TRANSMITTAL not in file["name"]]
        return _against_transmittal(row, files, packages) + against_everybody(files, chosen_for, everybody=False)


def _opened(row: Packed, opened: ExitStack) -> dict[str, BinaryIO]:
    names = [file["name"] for file in row.sealed_files]
    return {name: opened.enter_context((Path(settings.CF_OUTBOX) / name).open("rb")) for name in names}


def changed(row: Packed) -> list[Why]:
    """Why what lies in the outbox is not what was sealed."""
    files = carrying.in_order(row.sealed_files)
    names = [file.name for file in files if not folder.has_arrived(settings.CF_OUTBOX, file)]
    return [Why("PACKAGE_CHANGED", f"{GONE}: {', '.join(names)}.")] if names else []


def _against_transmittal(row: Packed, files: Mapping[str, BinaryIO], listed: list[dict[str, Any]]) -> list[Why]:
    """Why the note that travels beside the packages does not tell of exactly these."""
    note = files[f"{row.name}{TRANSMITTAL}"]
    note.seek(0)
    try:
        said = json.loads(note.read(1 << 20))
        told = [_counted(file) for file in said["files"]]
    except (ValueError, KeyError, TypeError):
        told, said = [], {}
    packages = [_counted(file) for file in listed if TRANSMITTAL not in file["name"]]
    if told == packages and said["submission"] == row.name and said["counts"] == row.counts:
        return []
    return [Why("PACKAGE_UNLIKE_TRANSMITTAL", "The transmittal does not tell of exactly these packages.")]


def _counted(file: Mapping[str, Any]) -> dict[str, Any]:
    return {key: file[key] for key in ("name", "bytes", "sha256")}


Create = Callable[[str], BinaryIO]


def kept(create: Create, files: dict[str, BinaryIO]) -> Create:
    """The same as `create`, which also keeps each file under its name, to be read again."""

    def keeping(name: str) -> BinaryIO:
        files[name] = create(name)
        return files[name]

    return keeping
