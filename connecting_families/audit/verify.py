"""Verifying the trail: the tree is computed anew from the entries, and held against every checkpoint there is.

What is found is named by the first entry that is not as it was sealed. Where somebody changed an entry and its seal
alike, only the checkpoints tell, and the entry is one of those that were sealed together, within a minute.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction

from connecting_families.audit import defences, merkle, notes, restored, signing
from connecting_families.audit.canonical import SELECTED, canonical, differences
from connecting_families.audit.models import Checkpoint
from connecting_families.audit.refusals import Why
from connecting_families.audit.signing import TrailRefused

AT_ONCE = 10_000
OVERDUE = timedelta(hours=1)
"""A seal comes every minute; a long load of files holds it up for as long as it takes."""
# An entry that is gone leaves its columns empty: `who`, the last of them, never is.
LEAVES = f"""
SELECT l.position, l.entry_id, l.data, l.hash, {SELECTED}
FROM audit_leaf l LEFT JOIN audit_entry e ON e.id = l.entry_id ORDER BY l.position
"""
BETWEEN = "SELECT position, entry_id, data FROM audit_leaf WHERE position >= %s AND position < %s ORDER BY position"
# Older than what is sealed, or of a transaction that never was: no act of the program wrote it.
SLIPPED_IN = """
SELECT e.id FROM audit_entry e
WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = e.id)
AND (e.tx < %s::text::xid8 OR e.tx >= pg_snapshot_xmax(pg_current_snapshot()))
AND (SELECT system_identifier::text FROM pg_control_system()) = %s
ORDER BY e.id LIMIT 1
"""
WAITING = """
SELECT count(*), min(recorded_at) FROM audit_entry e
WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = e.id)
"""


class Held(NamedTuple):
    """A checkpoint that somebody holds outside: where it was read, and its signed note."""

    where: str
    note: str


class Fault(NamedTuple):
    """Something that is not as it should be, and the first entry of which that is known."""

    code: str
    sentence: str
    position: int | None = None
    entry: int | None = None


class Report(NamedTuple):
    """What came of it: entries that are sealed, held against how many checkpoints, and what is wrong."""

    sealed: int
    checkpoints: int
    held: int
    waiting: int
    faults: list[Fault]
    restores: Sequence[str] = ()
    """What was lost by restoring backups, in sentences: entries are missing, and the trail says by whose act."""


class Mark(NamedTuple):
    """The root that a checkpoint saw, how to speak of it, and whether somebody held it outside."""

    root: bytes
    saw: str
    held: bool


def held_in(path: Path) -> list[Held]:
    """The checkpoints in a file: signed notes, an empty line between two, or the manifest of a submission.

    Raises TrailRefused for a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("{"):
            text = str(json.loads(text)["trail_checkpoint"])
    except (OSError, ValueError, KeyError):
        raise TrailRefused([Why("NO_SUCH_CHECKPOINT", f"{path} is not a file with a checkpoint.")]) from None
    parts = text.strip("\n").split("\n\n")
    return [Held(str(path), "\n\n".join(parts[at : at + 2]) + "\n") for at in range(0, len(parts), 2)]


def verify(
    *,
    held: Sequence[Held],
    keys: Sequence[notes.VerifierKey],
    at: datetime,
    each: Callable[[int, int], None] = lambda _done, _of: None,
) -> Report:
    """Verify the whole trail, as it is at one moment, and what defends it; `keys` are trusted to have signed it.

    `each` is told again and again how many of the sealed entries were read, of how many.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        own = list(Checkpoint.objects.order_by("size"))
        lost, wrong = restored.explained()
        marks, faults = _marks(own, held, keys, lost)
        faults += [Fault("RESTORE_EDITED", sentence) for sentence in wrong]
        signed = own[-1].size if own else 0
        sealed, broken = _walk(marks, signed, lambda done: each(done, signed))
        waiting, left = _unsealed(own, at)
        faults = [*broken, *faults, *left, *(Fault(*why) for why in defences.faults())]
        told = restored.sentences()
    return Report(sealed, len(own), len(held), waiting, faults, told)


def _marks(
    own: Iterable[Checkpoint], held: Iterable[Held], keys: Sequence[notes.VerifierKey], lost: set[tuple[int, str]]
) -> tuple[dict[int, list[Mark]], list[Fault]]:
    """What each checkpoint saw, by size; and which are not signed by us, or not what their note says.

    Those that a restore `lost`, as the trail says, saw entries that are gone: nothing is held against them.
    """
    marks: dict[int, list[Mark]] = defaultdict(list)
    faults = []
    for row in own:
        saw = f"the checkpoint of {row.at:%Y-%m-%d %H:%M} UTC"
        try:
            signed = notes.opened_checkpoint(row.note, keys, signing.origin())
        except notes.NoteError as error:
            faults.append(Fault("CHECKPOINT_FORGED", f"{_first_upper(saw)} is not one that we signed: {error}"))
            continue
        if (signed.size, signed.root) != (row.size, bytes(row.root)):
            faults.append(Fault("CHECKPOINT_EDITED", f"{_first_upper(saw)} is not what its signed note says."))
        marks[signed.size].append(Mark(signed.root, saw, held=False))
    for each in held:
        try:
            signed = notes.opened_checkpoint(each.note, keys, signing.origin())
        except notes.NoteError as error:
            sentence = f"The checkpoint in {each.where} is not signed by the key of this trail: {error}"
            faults.append(Fault("HELD_CHECKPOINT_FORGED", sentence))
            continue
        if (signed.size, signed.root.hex()) not in lost:
            marks[signed.size].append(Mark(signed.root, f"the checkpoint in {each.where}", held=True))
    return marks, faults


def _walk(marks: dict[int, list[Mark]], signed: int, each: Callable[[int], None]) -> tuple[int, list[Fault]]:
    """The leaves from the first one on, until one is wrong; how many are whole, and what is wrong."""
    tree = merkle.Frontier()
    hashes: list[bytes] = []
    # What our own checkpoints agree to may have been cut off and grown anew: those outside are counted apart.
    agreed = {False: 0, True: 0}
    for row in _leaves(each):
        position = tree.size + len(hashes)
        if fault := _fault_of_leaf(position, row):
            return position, [fault]
        hashes.append(bytes(row[3]))
        if position + 1 in marks or len(hashes) == AT_ONCE:
            tree.extend(hashes)
            hashes = []
            seen = marks.get(tree.size, [])
            for mark in seen:
                if mark.root != tree.root():
                    return agreed[mark.held], [_between(agreed[mark.held], tree.size, mark)]
            agreed |= {mark.held: tree.size for mark in seen}
    there = tree.size + len(hashes)
    for size in sorted(size for size in marks if size > there):
        sentence = (
            f"The trail was cut off: {marks[size][0].saw} saw {size} sealed entries, and there are {there}."
            f" The first that is missing was at position {there}."
        )
        return there, [Fault("CUT_OFF", sentence, there)]
    if there > signed:
        sentence = f"From position {signed} on, {there - signed} entries are sealed and no checkpoint says so."
        return signed, [Fault("UNSIGNED", sentence, signed)]
    return there, []


def _leaves(each: Callable[[int], None]) -> Iterator[tuple[Any, ...]]:
    read = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(LEAVES)
        while rows := cursor.fetchmany(AT_ONCE):
            each(read)
            yield from rows
            read += len(rows)


def _fault_of_leaf(expected: int, row: tuple[Any, ...]) -> Fault | None:
    """What is wrong with a leaf beside its entry."""
    position, entry, data, hashed, *columns = row
    data = bytes(data)
    if position != expected:
        sentence = f"The seal at position {expected} was removed: the next is at position {position}, of entry {entry}."
        return Fault("SEAL_REMOVED", sentence, expected)
    if merkle.leaf_hash(data) != bytes(hashed):
        return Fault("SEAL_EDITED", f"The seal of entry {entry}, at position {position}, was edited.", position, entry)
    if columns[-1] is None:
        return Fault("REMOVED", f"Entry {entry}, sealed at position {position}, was removed.", position, entry)
    try:
        changed = differences(data, canonical(tuple(columns)))
    except ValueError:
        changed = ["everything"]
    if changed:
        sentence = f"Entry {entry}, sealed at position {position}, was edited: {', '.join(changed)}."
        return Fault("EDITED", sentence, position, entry)
    return None


def _between(start: int, end: int, mark: Mark) -> Fault:
    """What to say where the tree is not what a checkpoint saw, and every seal fits its entry."""
    with connection.cursor() as cursor:
        cursor.execute(BETWEEN, [start, end])
        rows = cursor.fetchall()
    before: tuple[int, int] | None = None
    for position, entry, data in rows:
        sealed = json.loads(bytes(data))
        order = (sealed["tx"], sealed["id"])
        if sealed["id"] != entry or (before is not None and order <= before):
            sentence = (
                f"Entry {entry} is at position {position}, where {mark.saw} saw another: entries were reordered or"
                " inserted."
            )
            return Fault("REORDERED", sentence, position, entry)
        before = order
    (first, entry, _), (last, last_entry, _) = rows[0], rows[-1]
    which = (
        f"Entry {entry}, at position {first},"
        if len(rows) == 1
        else (f"Among entries {entry} to {last_entry}, at positions {first} to {last}, the first that")
    )
    sentence = f"{which} is not what {mark.saw} saw: it was edited, removed, inserted or reordered, and sealed anew."
    return Fault("SEALED_ANEW", sentence, first, entry)


def _unsealed(own: list[Checkpoint], at: datetime) -> tuple[int, list[Fault]]:
    """How many entries are not sealed yet, and what is wrong with them."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        waiting, oldest = cursor.fetchone()
        slipped_in = None
        if own:
            cursor.execute(SLIPPED_IN, [own[-1].horizon, own[-1].cluster])
            slipped_in = cursor.fetchone()
    if slipped_in:
        sentence = f"Entry {slipped_in[0]} is not sealed, though every entry of its time is: it was inserted later."
        return waiting, [Fault("INSERTED", sentence, entry=slipped_in[0])]
    if waiting and not own:
        return waiting, [Fault("NEVER_SEALED", f"No entry was ever sealed: {waiting} wait.")]
    if waiting and at - oldest > OVERDUE:
        sentence = f"{waiting} entries wait to be sealed, the oldest since {oldest:%Y-%m-%d %H:%M} UTC."
        return waiting, [Fault("SEALING_OVERDUE", sentence)]
    return waiting, []


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]
