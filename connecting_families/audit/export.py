"""Handing the trail out, so that whoever does not trust this machine verifies it on another."""

import os
from pathlib import Path
from typing import NamedTuple

from django.db import connection, transaction

from connecting_families.audit import seal, signing
from connecting_families.audit.models import Checkpoint
from connecting_families.audit.refusals import Why
from connecting_families.audit.signing import TrailRefused

AT_ONCE = 10_000


class Exported(NamedTuple):
    """What was written: sealed entries, and checkpoints."""

    entries: int
    checkpoints: int


def to_export() -> Exported:
    """What an export would hold. Raises TrailRefused where nothing was sealed yet, or the key cannot be opened."""
    signing.verifier_keys()
    newest = seal.newest()
    if newest is None:
        raise TrailRefused([Why("NEVER_SEALED", "No entry of the trail was sealed yet: there is nothing to export.")])
    return Exported(newest.size, Checkpoint.objects.filter(size__lte=newest.size).count())


def make_room(directory: Path) -> None:
    """Make the directory, for its owner alone. Raises TrailRefused where something is in it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(directory.iterdir()):
            return
    except OSError as error:
        raise TrailRefused([Why("NOT_WRITTEN", f"{directory} cannot be written to: {error.strerror}.")]) from None
    raise TrailRefused([Why("NOT_EMPTY", f"{directory} is not empty. Name a folder of its own.")])


def write(directory: Path, exported: Exported) -> None:
    """Write entries.jsonl, checkpoints.txt and vkey.txt, for their owner alone.

    Every sealed entry is a line, in the order of sealing and byte for byte what was hashed. Raises OSError.
    """
    notes = Checkpoint.objects.filter(size__lte=exported.entries).order_by("size").values_list("note", flat=True)
    _write(directory / "vkey.txt", "".join(f"{key}\n" for key in signing.verifier_keys()))
    _write(directory / "checkpoints.txt", "\n".join(notes))
    with transaction.atomic():
        _write_entries(directory / "entries.jsonl", exported.entries)


def _write_entries(path: Path, entries: int) -> None:
    with os.fdopen(_made(path), "wb") as file, connection.chunked_cursor() as cursor:
        cursor.execute("SELECT data FROM audit_leaf WHERE position < %s ORDER BY position", [entries])
        while rows := cursor.fetchmany(AT_ONCE):
            file.writelines(bytes(data) + b"\n" for (data,) in rows)


def _write(path: Path, text: str) -> None:
    with os.fdopen(_made(path), "wb") as file:
        file.write(text.encode())


def _made(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
