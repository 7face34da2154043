"""After a restore: whether the program is closed, what the trail says of what it lost, and the act that says so.

Closed means that nobody signs in and that nothing is sealed or delivered: the records do not know who objected since
the backup was made. It begins with the schema `restoring`, which is made before the first table is there, and goes
on with the row that says who restored what, until that restore is ended by a person (docs/restoring.md).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from connecting_families.audit import journal, notes, seal, signing, trail
from connecting_families.audit.events import Event
from connecting_families.audit.journal import EMPTY, Head
from connecting_families.audit.models import Entry, LostAct, Restore
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who, duty

SCHEMA = "restoring"
CLOSED = """
    SELECT to_regnamespace('restoring') IS NOT NULL OR EXISTS (SELECT FROM audit_restore WHERE ended_at IS NULL)
"""
SENTENCE = (
    "The records were restored from a backup. Until everything that came after it is done again, nobody signs in and"
    " nothing is sealed or delivered. Information governance sees to it."
)
CHECKPOINTS = "checkpoint-*.txt"


class NotRestored(Refused):
    """Something about a restore was refused, and why."""

    event = Event.RESTORE_REFUSED


class Origin(NamedTuple):
    """What was restored: the backup's name and digest (empty: by other means), and when it was made."""

    backup: str
    sha256: str
    made_at: datetime
    journal: Head = EMPTY
    never_committed: Sequence[int] = ()
    """Lines of the journal of which it was known when the backup was made that nothing came of them."""


def against() -> list[Why]:
    """Why nobody may sign in and nothing may leave now; nothing where no restore is under way."""
    with connection.cursor() as cursor:
        cursor.execute(CLOSED)
        (closed,) = cursor.fetchone()
    return [Why("RESTORE_UNDER_WAY", SENTENCE)] if closed else []


def open_one() -> Restore | None:
    """The restore that is not ended, if there is one."""
    return Restore.objects.filter(ended_at=None).order_by("-pk").first()


@trail.stage
def note(*, origin: Origin, reason: str, by: Who, at: datetime) -> Restore:
    """Say on the trail who restored what, from when; and note every act since that these records do not have.

    Raises NotRestored without a reason, where one is under way already, or where the journal cannot be read.
    """
    reasons = []
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why the records were restored. Write no names."))
    if origin.made_at > at:
        reasons.append(Why("MADE_LATER", "A backup cannot have been made in the future."))
    if open_one() is not None:
        reasons.append(Why("UNDER_WAY", "A restore is under way already: it is ended first."))
    try:
        found = journal.read()
    except OSError:
        found = journal.Found([], [])
        reasons.append(Why("NO_JOURNAL", "The journal cannot be read. Ask who looks after CF_JOURNAL."))
    if reasons:
        raise NotRestored(reasons, record="audit.restore", reference=origin.backup)
    newest = seal.newest()
    sealed = newest.size if newest else 0
    lost = _lost(sealed)
    row = Restore.objects.create(
        backup=origin.backup, made_at=origin.made_at, sha256=origin.sha256, reason=reason.strip(), restored_at=at,
        restored_by=by.reference, journal=found.lines[-1].number if found.lines else 0, sealed=sealed, lost=lost,
        lost_sha256=digest(lost),
    )  # fmt: skip
    faults = [*found.faults, *journal.against(found.lines, origin.journal)]
    acts = [_fault(row, why, by, at) for why in faults] + [_act(row, line) for line in missing(found.lines, origin)]
    for act in acts:
        act.save()
    # Where a database was put back by other means, people are signed in still.
    Session.objects.all().delete()
    details = {
        "backup": row.backup, "made_at": row.made_at.isoformat(), "sha256": row.sha256, "journal": row.journal,
        "lost_acts": len(acts), "sealed": sealed, "lost_entries": lost_entries(row), "lost_sha256": row.lost_sha256,
    }  # fmt: skip
    trail.record(Event.DATABASE_RESTORED, who=by, at=at, about=row, reason=row.reason, details=details, outside=details)
    return row


def notice(*, at: datetime) -> None:
    """Close the program where somebody put back an older database and did not say so.

    Before anything is sealed: a checkpoint outside that saw more than the newest one here knows of entries that are
    gone. Every sign-in ends, and the machine says on the trail what it found. Raises TrailRefused, and NotRestored
    where another worker said so at this moment.
    """
    with transaction.atomic(durable=True):
        if not seal.alone_at_it():
            return
        newest = seal.newest()
        if newest is None or open_one() is not None or not _lost(newest.size):
            return
    reason = "The checkpoints outside saw more than these records: an older database was put back, and nobody said so."
    note(origin=Origin("", "", newest.at), reason=reason, by=duty("seal"), at=at)


def missing(lines: Iterable[journal.Line], origin: Origin) -> list[journal.Line]:
    """The lines of acts that the trail does not have; of restores themselves nothing is to be done again."""
    events = [*(event.name for event in journal.KEPT), Event.FILE_LOADED.name]
    there = set(Entry.objects.filter(event__in=events).values_list("cid", "event", "reference", "timestamp"))
    known = set(origin.never_committed)
    return [
        line
        for line in lines
        if line.act not in there and line.number not in known and line.note.event != Event.DATABASE_RESTORED.name
    ]


def sentences() -> list[str]:
    """What every restore took from the trail, as whoever verifies it is told."""
    return [
        f"On {row.restored_at:%Y-%m-%d %H:%M} UTC {row.restored_by} restored the records from "
        f"{f'the backup {row.backup}' if row.backup else 'a backup'} of {row.made_at:%Y-%m-%d %H:%M} UTC: "
        f"{lost_entries(row)} sealed entries that came after it are missing, as {len(row.lost)} checkpoints held"
        " outside show."
        for row in Restore.objects.order_by("pk")
    ]


def lost_entries(row: Restore) -> int:
    """How many sealed entries a restore took from the trail, as far as checkpoints held outside tell."""
    return max((size for size, _ in row.lost), default=row.sealed) - row.sealed


def explained() -> tuple[set[tuple[int, str]], list[str]]:
    """The checkpoints (size, root in hex) that a restore lost, as the trail itself says; and what contradicts it."""
    told = {
        (entry.reference, (entry.additional_data or {}).get("lost_sha256"))
        for entry in Entry.objects.filter(event=Event.DATABASE_RESTORED.name, record="audit.restore")
    }
    lost: set[tuple[int, str]] = set()
    wrong = []
    for row in Restore.objects.order_by("pk"):
        if digest(row.lost) != row.lost_sha256 or (str(row), row.lost_sha256) not in told:
            wrong.append(f"What restore {row} lost is not what the trail says of it.")
        else:
            lost |= {(int(size), str(root)) for size, root in row.lost}
    return lost, wrong


def digest(lost: Sequence[Sequence[object]]) -> str:
    """SHA-256 over checkpoints that were lost, as canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(list(lost), separators=(",", ":")).encode()).hexdigest()


def _lost(sealed: int) -> list[tuple[int, str]]:
    """The checkpoints in the folder outside that we signed and that saw more entries than there are now."""
    more = [path for path in Path(settings.CF_CHECKPOINTS).glob(CHECKPOINTS) if seal.size_in(path.name) > sealed]
    if not more:
        return []
    keys, known, found = signing.verifier_keys(), explained()[0], set()
    for path in more:
        try:
            held = notes.opened_checkpoint(path.read_text(encoding="utf-8"), keys, signing.origin())
        except (OSError, ValueError):
            # One that is not ours explains nothing: whoever verifies is told of it.
            continue
        if held.size > sealed:
            found.add((held.size, held.root.hex()))
    return sorted(found - known)


def _act(row: Restore, line: journal.Line) -> LostAct:
    note = line.note
    return LostAct(
        restore=row, line=line.number, event=note.event, record=note.record, reference=note.reference, at=note.at,
        who=note.who, role=note.role, facts=dict(note.facts),
    )  # fmt: skip


def _fault(row: Restore, why: Why, by: Who, at: datetime) -> LostAct:
    """What is wrong with the journal itself is answered by a person, too."""
    return LostAct(
        restore=row, line=0, event=why.code, record="journal", reference=why.sentence[:200], at=at, who=by.reference,
        role=by.role,
    )  # fmt: skip
