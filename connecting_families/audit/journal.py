"""The journal: what no backup may bring back, kept outside the database as it happens (docs/restoring.md).

A restored database knows nothing of an objection that came after the backup. So each act that protects somebody, lets
something leave or destroys something writes a line into a file in CF_JOURNAL, on the disk before the act is committed:
an act that is committed is in the journal. A line may tell of an act that was not: whoever restores is asked.

A line says which act, when, by whom, about which record by its reference, and what it takes to do it again: codes,
dates, references, and keyed digests of identifiers (ADR 52). It names nobody. Each is tied to the one before by a keyed
HMAC: one that was changed, removed or put between is noticed; lines that were cut off at the end are not, by the file
alone.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.refusals import Refused, Why

KEPT = frozenset(
    {
        Event.OBJECTION_RECEIVED, Event.OBJECTION_LIFTED, Event.OBJECTION_TURNED_DOWN, Event.OBJECTION_NARROWED,
        Event.OBJECTION_MATCHED, Event.OBJECTION_RECHECKED, Event.OBJECTION_STANDS_AGAIN, Event.CONSENT_WITHDRAWN,
        Event.PROTECTION_MARKED, Event.PROTECTION_ENDED, Event.PERSON_ERASED, Event.CERTIFICATE_REVOKED,
        Event.STAFF_CLOSED, Event.DELIVERY_ATTEMPTED, Event.SUBMISSION_DELIVERED, Event.WITHDRAWAL_MADE,
        Event.WITHDRAWAL_DELIVERED, Event.HOLD_PLACED, Event.DESTRUCTION_CONFIRMED, Event.ARCHIVE_KEY_DESTROYED,
        Event.SUBMISSION_DESTROYED, Event.DATABASE_RESTORED,
    }
)  # fmt: skip
"""The events of which a line is kept."""
FILES = "journal-*.jsonl"
LOCK = ".lock"
TAIL = 1 << 16
"""Bytes that are read from the end of a file to find its last line, and more where that is longer."""


class NotKept(Refused):
    """The journal cannot be written: what would have to be in it is not done."""

    event = Event.JOURNAL_REFUSED


class Note(NamedTuple):
    """What is to be written of one act: which, how the trail's entry of it is found, and what it takes to do again."""

    event: str
    entry: str
    """The event of the entry, where that is another: a file that brought many."""
    record: str
    reference: str
    cid: str
    at: str
    who: str
    role: str
    facts: Mapping[str, Any]


class Line(NamedTuple):
    """A line as it stands in the journal: its number from 1, and what it tells."""

    number: int
    note: Note
    mac: str

    @property
    def act(self) -> tuple[str, str, str, datetime]:
        """What the entry of the trail has, too: its correlation, event and reference, and when it was done."""
        return self.note.cid, self.note.entry, self.note.reference, datetime.fromisoformat(self.note.at)


class Head(NamedTuple):
    """The last line: how many there are, and its HMAC, which stands for all before it."""

    number: int
    mac: str


class Found(NamedTuple):
    """The journal as it was read: its lines, and what is wrong with it."""

    lines: list[Line]
    faults: list[Why]


EMPTY = Head(0, "")


def append(notes: Sequence[Note]) -> Head | None:
    """Write these lines, and see that they are on the disk; the head after them. None where there is nothing to write.

    Raises NotKept where that cannot be: the folder is not there, is full, or may not be written to.
    """
    if not notes:
        return None
    folder = Path(settings.CF_JOURNAL)
    try:
        if not settings.PRODUCTION:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            head, last = _head(folder)
            path = folder / max(last.name if last else "", f"journal-{notes[0].at[:7]}.jsonl")
            data = bytearray()
            for note in notes:
                head, line = _line(head, note)
                data += line
            _write(path, bytes(data))
            if path != last:
                _sync(folder)
    except OSError:
        sentence = (
            "Nothing was saved. What has to be kept outside the database cannot be written there. Write it on paper,"
            " and tell an administrator now: ask them to look at CF_JOURNAL."
        )
        raise NotKept([Why("NO_JOURNAL", sentence)]) from None
    return head


def head() -> Head:
    """The last line that is there. Raises OSError where the folder cannot be read."""
    folder = Path(settings.CF_JOURNAL)
    if not folder.is_dir() and not settings.PRODUCTION:
        return EMPTY
    return _head(folder)[0]


def read() -> Found:
    """Every line, the first first, and what is wrong. Raises OSError where the folder cannot be read."""
    lines: list[Line] = []
    faults: list[Why] = []
    before: Head | None = None
    for path in _files(Path(settings.CF_JOURNAL)):
        for row, text in enumerate(path.read_bytes().split(b"\n"), 1):
            found = _parsed(text)
            if found is None:
                # What a writer did not finish was never committed; what was written over is noticed at the next line.
                continue
            line, prev, right = found
            where = f"Line {line.number} of the journal ({path.name}, row {row})"
            if not right:
                faults.append(Why("JOURNAL_CHANGED", f"{where} is not as it was written."))
            elif before is not None and (line.number, prev) != (before.number + 1, before.mac):
                sentence = f"{where} does not follow line {before.number}: lines were removed, moved or put between."
                faults.append(Why("JOURNAL_GAP", sentence))
            before = Head(line.number, line.mac)
            lines.append(line)
    return Found(lines, faults)


def against(lines: Iterable[Line], since: Head) -> list[Why]:
    """Why these lines are not all that came after a head that somebody noted: it is not among them."""
    if since == EMPTY or any((line.number, line.mac) == since for line in lines):
        return []
    sentence = f"The journal does not have line {since.number} as it was when the backup was made: it is not the whole."
    return [Why("JOURNAL_NOT_WHOLE", sentence)]


def forget(before: datetime) -> list[str]:
    """Remove files of months that ended before this instant; the names of those. The newest file always stays.

    What is older than every backup is never asked for again.
    """
    month = f"journal-{before:%Y-%m}.jsonl"
    old = [path for path in _files(Path(settings.CF_JOURNAL))[:-1] if path.name < month]
    for path in old:
        path.unlink()
    return [path.name for path in old]


def is_writable() -> bool:
    """Whether a line could be written now, as far as that is known without writing one."""
    folder = Path(settings.CF_JOURNAL)
    there = folder if folder.exists() or settings.PRODUCTION else folder.parent
    return os.access(there, os.W_OK | os.X_OK)


def _line(before: Head, note: Note) -> tuple[Head, bytes]:
    body = {"n": before.number + 1, "prev": before.mac, **note._asdict()}
    mac = _mac(body)
    return Head(before.number + 1, mac), _canonical(body | {"mac": mac}).encode() + b"\n"


def _mac(body: Mapping[str, Any]) -> str:
    # Apart from what is searched for and remembered: none can be held against the other.
    return keyed(f"journal\n{_canonical(body)}")


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _parsed(text: bytes) -> tuple[Line, str, bool] | None:
    """A line, the HMAC of the one before, and whether it is as it was written; None for what is no line."""
    try:
        body = json.loads(text)
        mac, note = body.pop("mac"), Note(**{name: body[name] for name in Note._fields})
        return Line(int(body["n"]), note, mac), str(body["prev"]), _mac(body) == mac
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(FILES))


def _head(folder: Path) -> tuple[Head, Path | None]:
    """The last line that is whole, and the newest file."""
    files = _files(folder)
    for path in reversed(files):
        with path.open("rb") as file:
            size, length = path.stat().st_size, TAIL
            while True:
                file.seek(max(0, size - length))
                tail = file.read().split(b"\n")
                # The first piece may be half a line, where there is more before it.
                for text in reversed(tail if length >= size else tail[1:]):
                    if found := _parsed(text):
                        return Head(found[0].number, found[0].mac), files[-1]
                if length >= size:
                    break
                length *= 8
    return EMPTY, files[-1] if files else None


def _write(path: Path, data: bytes) -> None:
    """At the end of the file, on a row of its own, all of it or nothing."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0) as file:
        size = file.tell()
        if size and not _ends_a_row(path, size):
            data = b"\n" + data
        try:
            if file.write(data) != len(data):
                raise OSError
            os.fsync(file.fileno())
        except OSError:
            # Where a folder takes additions alone, the half of a line stays, and is passed over.
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), size)
            raise


def _ends_a_row(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone with the journal: of two who write, the second sees the first one's line."""
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
