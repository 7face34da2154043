"""What was sealed, and our own copy of it, as it has to lie on the disk until two people have it destroyed.

A package that is gone could have gone anywhere, and of one whose copy is gone nobody can say what was in it.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from transfers import archive
from transfers.models import Submission, Withdrawal
from transfers.rules.lifecycle import Stage


class KeptFile(NamedTuple):
    """A file that has to lie somewhere: of what, where that is in words, its path, its size in bytes and SHA-256.

    Of a key nothing but its place is known: its size is -1.
    """

    of: str
    what: str
    path: Path
    size: int = -1
    sha256: str = ""


def kept() -> QuerySet[Submission]:
    """The submissions that were sealed, and that nobody is destroying: all of their files have to be there."""
    going = Submission.objects.filter(destructions__confirmed_at__isnull=False)
    return what_left.sealed().exclude(stage=Stage.DESTROYED.name).exclude(pk__in=going)


def files() -> list[tuple[int, KeptFile]]:
    """Every file that has to be there, with the key of the submission that it is of."""
    return [(row.pk, file) for row in kept().prefetch_related("withdrawals") for file in _files(row)]


def _files(row: Submission) -> Iterator[KeptFile]:
    withdrawals = [each for each in row.withdrawals.all() if each.sealed_at is not None]
    every: list[Submission | Withdrawal] = [row, *withdrawals]
    for each in every:
        yield from _listed(str(each), "outbox", settings.CF_OUTBOX, each.sealed_files)
        yield from _listed(str(each), "archive", settings.CF_ARCHIVE, each.archived_files)
    if any(each.archived_files for each in every):
        yield KeptFile(str(row), "folder of keys", archive.key_file(row.name))


def _listed(of: str, what: str, folder: Path, listed: list[dict[str, Any]]) -> Iterator[KeptFile]:
    for file in listed:
        yield KeptFile(of, what, folder / file["name"], file["bytes"], file["sha256"])


def check() -> list[Why]:
    """What is gone, or is not as it was written. What is taken away while this is asked is no fault."""
    found = [(key, why) for key, file in files() if (why := _against(file))]
    still = set(kept().values_list("pk", flat=True)) if found else set()
    return [why for key, why in found if key in still]


def _against(file: KeptFile) -> Why | None:
    ours = file.what != "outbox"
    if not file.path.is_file():
        sentence = f"{file.path.name}, of {file.of}, is not in the {file.what}, and nobody had it destroyed."
        return Why("COPY_MISSING" if ours else "PACKAGE_MISSING", sentence)
    if file.size < 0:
        return None
    try:
        with file.path.open("rb") as source:
            digest, size = hashlib.file_digest(source, "sha256").hexdigest(), source.tell()
    except OSError as error:
        sentence = f"{file.path.name}, of {file.of}, cannot be read ({type(error).__name__})."
        return Why("COPY_UNREADABLE" if ours else "PACKAGE_UNREADABLE", sentence)
    if (size, digest) == (file.size, file.sha256):
        return None
    sentence = f"{file.path.name}, of {file.of}, is not as it was written to the {file.what}."
    return Why("COPY_CHANGED" if ours else "PACKAGE_CHANGED", sentence)
