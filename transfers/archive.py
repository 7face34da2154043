"""The archive: exactly what was sent, encrypted under a key of its own for each submission, outside the database.

It is written in the pass that seals. Each submission's key lies wrapped by the master key in a folder of its own
(CF_ARCHIVE_KEYS); with that file every copy of the archive is destroyed, wherever it lies (docs/destruction.md).

    found = archive.look_up(submission, references)    # what was sent of those with these references of the study

Whoever looks somebody up records it: nothing is recorded here.
"""

import csv
import glob
import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.conf import settings

from connecting_families.audit.refusals import Refused, Why
from transfers import package, strongbox
from transfers.models import Submission
from transfers.package import Create
from transfers.rules.lifecycle import Stage
from transfers.strongbox import NotOpened

KEY, FILE, BEGUN = ".key", ".archive", ".destroyed"
KINDS = ("identifiers", "programme")


class NotReadable(Refused):
    """What was sent cannot be read. The reasons say whether it was destroyed, was never kept, or cannot be opened."""


class Found(NamedTuple):
    """What was sent of some people: rows as they left, by column; `withdrawals` by the name of each withdrawal."""

    identifiers: list[dict[str, str]]
    programme: list[dict[str, str]]
    withdrawals: dict[str, list[dict[str, str]]]


class Keeping:
    """The files of one archive while they are written; `listed` has the name, bytes and SHA-256 of each."""

    def __init__(self, key: bytes, create: Create) -> None:
        self._key, self._create = key, create
        self.listed: list[dict[str, Any]] = []

    @contextmanager
    def file(self, stem: str) -> Iterator[strongbox.Writer]:
        """Somewhere to write a file's bytes, in the clear; they are encrypted on their way."""
        name = f"{stem}{FILE}"
        writer = strongbox.Writer(self._create(name), self._key, name)
        yield writer
        writer.finish()
        self.listed.append({"name": name, "bytes": writer.size, "sha256": writer.sha256})


def against(submission: Submission) -> list[Why]:
    """Why nothing of a submission can be kept now: what leaves must be kept, so nothing is sealed either."""
    try:
        for folder in (settings.CF_ARCHIVE, settings.CF_ARCHIVE_KEYS):
            if settings.PRODUCTION:
                # A disk that is not mounted is no folder: it is never made here.
                next(folder.iterdir(), None)
            else:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        sentence = "The folders of the archive cannot be opened. Ask who looks after CF_ARCHIVE and CF_ARCHIVE_KEYS."
        return [Why("NO_ARCHIVE_FOLDER", sentence)]
    try:
        if submission.archived_files:
            _key(submission.name)
    except NotReadable as refusal:
        return [Why(each.code, each.sentence) for each in refusal.reasons]
    return []


@contextmanager
def new(name: str) -> Iterator[Keeping]:
    """Keep a submission under a key of its own: key and files appear together at the end of the block, or none does.

    What an earlier try left under this name, which never was sealed, is destroyed first.
    """
    destroy_key(name)
    remove_files(name)
    key = strongbox.new_key()
    with (
        package.written_together(settings.CF_ARCHIVE_KEYS) as create_key,
        package.written_together(settings.CF_ARCHIVE) as create,
    ):
        create_key(f"{name}{KEY}").write(strongbox.wrapped(key, settings.CF_ARCHIVE_MASTER_KEY, name))
        yield Keeping(key, create)


@contextmanager
def beside(name: str, stem: str) -> Iterator[Keeping]:
    """Keep more under the key of a submission, such as a withdrawal; one of before the archive gets a key now.

    Raises NotReadable where the key cannot be opened.
    """
    if not key_file(name).exists():
        with new(name) as keeping:
            yield keeping
        return
    key = _key(name)
    package.remove_unfinished(settings.CF_ARCHIVE, [stem])
    with package.written_together(settings.CF_ARCHIVE) as create:
        yield Keeping(key, create)


def look_up(
    submission: Submission, references: Collection[str], *, withdrawals: Collection[str] | None = None
) -> Found:
    """What was sent of the people with these references in the study (PersonReference.reference).

    Each file is read to its end, in flat memory: what comes back is whole, and as it was written. Of withdrawals those
    of these names alone are read; with None, all. Raises NotReadable.
    """
    refuse_unreadable(submission)
    wanted, key = frozenset(references), _key(submission.name)
    identifiers, programme = (_rows(f"{submission.name}-{kind}", key, wanted, submission) for kind in KINDS)
    found = {
        row.name: _rows(row.name, key, wanted, submission)
        for row in submission.withdrawals.exclude(sealed_at=None).order_by("number")
        if row.archived_files and (withdrawals is None or row.name in withdrawals)
    }
    return Found(identifiers, programme, {name: rows for name, rows in found.items() if rows})


def refuse_unreadable(submission: Submission) -> None:
    """Raise NotReadable, with the reason, where what was sent cannot be read any more, or was never kept."""
    if submission.at_stage is Stage.DESTROYED:
        raise _unreadable("ARCHIVE_DESTROYED", "What was sent was destroyed. Nobody can read it any more.", submission)
    if submission.sealed_at is None:
        raise _unreadable("NOT_SEALED", "The submission was never sealed: nothing of it was kept.", submission)
    if not submission.archived_files:
        sentence = "This submission was sealed before what is sent was kept. There is no copy of it."
        raise _unreadable("NOT_KEPT", sentence, submission)
    if not key_file(submission.name).exists():
        sentence = "The key of what was sent is gone: it is being destroyed, or its folder cannot be reached."
        raise _unreadable("ARCHIVE_KEY_GONE", sentence, submission)


def key_file(name: str) -> Path:
    """Where the wrapped key of a submission lies."""
    return Path(settings.CF_ARCHIVE_KEYS) / f"{name}{KEY}"


def destroy_key(name: str) -> bool:
    """Destroy a submission's key, and what a killed process left of one; every copy of its archive is lost with it.

    False where it was gone already.
    """
    folder = Path(settings.CF_ARCHIVE_KEYS)
    if folder.is_dir():
        for path in folder.glob(f".{glob.escape(name)}{KEY}.*{package.UNFINISHED}"):
            strongbox.wipe(path)
    return strongbox.wipe(key_file(name))


def end_key(submission: Submission) -> None:
    """Destroy the key of a submission that was sealed; that this began is noted beside it first, and stays.

    Raises NotReadable where the key is not there and nobody began to destroy it: the folder is not the right one, and
    the key may lie in it. Raises OSError.
    """
    name = submission.name
    if not begun_to_end(submission):
        if not key_file(name).exists():
            if not submission.archived_files:
                return
            sentence = "The key is not in the folder of keys, and was not destroyed here. Look after CF_ARCHIVE_KEYS."
            raise _unreadable("ARCHIVE_KEY_NOT_FOUND", sentence, submission)
        with package.written_together(settings.CF_ARCHIVE_KEYS) as create:
            create(f"{name}{BEGUN}")
    destroy_key(name)


def begun_to_end(submission: Submission) -> bool:
    """Whether destroying the key of a submission has begun: from here on there is no way back."""
    return (Path(settings.CF_ARCHIVE_KEYS) / f"{submission.name}{BEGUN}").exists()


def left(name: str) -> list[str]:
    """Names of what is there still of a submission: its key, and what is encrypted under it."""
    folder = Path(settings.CF_ARCHIVE)
    files = [path.name for path in _files(folder, name)] if folder.is_dir() else []
    return sorted([*files, *([f"{name}{KEY}"] if key_file(name).exists() else [])])


def remove_files(name: str) -> int:
    """Take away what is encrypted under a submission's key, unfinished files too; how many there were."""
    folder, removed = Path(settings.CF_ARCHIVE), 0
    if folder.is_dir():
        for path in _files(folder, name):
            path.unlink(missing_ok=True)
            removed += 1
        strongbox.sync(folder)
    return removed


def _files(folder: Path, name: str) -> list[Path]:
    stems = ((path, path.name.removeprefix(".").partition(FILE)) for path in folder.iterdir())
    return [path for path, (stem, mark, _) in stems if mark and _is_of(stem, name)]


def _is_of(stem: str, name: str) -> bool:
    """Whether a file is of the submission of this name, which may begin another's."""
    rest = stem.removeprefix(name) if stem.startswith(name) else None
    return rest in {f"-{kind}" for kind in KINDS} or (
        rest is not None and rest.startswith("-withdrawal-") and rest.removeprefix("-withdrawal-").isdecimal()
    )


def _key(name: str) -> bytes:
    try:
        return strongbox.unwrapped(key_file(name).read_bytes(), settings.CF_ARCHIVE_MASTER_KEY, name)
    except (OSError, NotOpened) as error:
        sentence = "The key of what was sent cannot be opened. Ask who looks after CF_ARCHIVE_MASTER_KEY."
        raise _unreadable("ARCHIVE_KEY_UNREADABLE", sentence, name) from error


def _rows(stem: str, key: bytes, wanted: frozenset[str], submission: Submission) -> list[dict[str, str]]:
    name = f"{stem}{FILE}"
    try:
        with (Path(settings.CF_ARCHIVE) / name).open("rb") as file:
            return list(_read(file, key, name, wanted))
    except (OSError, NotOpened) as error:
        sentence = f"{name} is gone, or not as it was written. Ask who looks after CF_ARCHIVE."
        raise _unreadable("ARCHIVE_DAMAGED", sentence, submission) from error


def _read(file: BinaryIO, key: bytes, name: str, wanted: frozenset[str]) -> Iterator[dict[str, str]]:
    plain = io.BufferedReader(strongbox.Reader(file, key, name), strongbox.CHUNK)
    rows = csv.reader(io.TextIOWrapper(plain, encoding="utf-8", newline=""))
    columns = next(rows)
    whose = columns.index("submission_person_ref")
    for row in rows:
        if row[whose] in wanted:
            yield dict(zip(columns, row, strict=True))


def _unreadable(code: str, sentence: str, of: Submission | str) -> NotReadable:
    return NotReadable([Why(code, sentence)], record="transfers.submission", reference=str(of))
