"""Sealing the trail: new entries become leaves of the tree, and a signed checkpoint says what it holds.

No writer waits for it. Each entry keeps the number of the transaction that wrote it, and a seal takes those below the
oldest that still runs in this database: what commits late is taken when it is there, nothing is taken twice
(spec/audit.md). A database that was restored elsewhere counts its transactions anew: then the first seal takes whatever
is not sealed yet.
"""

import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from connecting_families.alone import Work
from connecting_families.audit import merkle, notes, signing
from connecting_families.audit.canonical import SELECTED, canonical
from connecting_families.audit.models import Checkpoint, Entry, Handover
from connecting_families.audit.refusals import Why
from connecting_families.audit.signing import TrailRefused

SOON = timedelta(minutes=10)
"""After which somebody should look why nothing was sealed."""
AT_ONCE = 10_000
"""Entries in memory."""
KEY_OF_LOCK = 0
# Of what runs on the cluster, transactions in another database never write here: one that runs for hours over there
# holds nothing up. Nor does autovacuum, a process of no role. Of whoever ended between the snapshot and the look at the
# locks nobody can say where it ran: it is counted as ours, and as one to look again for.
NOW = """
    WITH seen AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot),
    held AS MATERIALIZED (
        SELECT lock.transactionid, of.datname <> current_database() OR of.pid IS NOT NULL AND of.usesysid IS NULL
            AS elsewhere
        FROM pg_locks lock LEFT JOIN pg_stat_activity of ON of.pid = lock.pid
        WHERE lock.locktype = 'transactionid' AND lock.mode = 'ExclusiveLock'
    ),
    running AS (
        SELECT tx, held.transactionid IS NULL AS ended
        FROM seen CROSS JOIN pg_snapshot_xip(snapshot) AS tx LEFT JOIN held ON held.transactionid = tx::xid
        WHERE held.elsewhere IS NOT TRUE
    )
    SELECT coalesce((SELECT min(tx) FROM running), pg_snapshot_xmax(snapshot))::text::bigint,
        (SELECT system_identifier::text FROM pg_control_system()),
        EXISTS (SELECT FROM running WHERE ended)
    FROM seen
"""
LOOKS = 10
"""At what runs, until nothing ended meanwhile: beside busy databases one look may find a stranger that is gone."""
UNSEALED = "NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = e.id)"
TAKEN = f"SELECT e.id, {SELECTED} FROM audit_entry e WHERE {UNSEALED}"
IN_ORDER = "ORDER BY e.tx, e.id"
OLDEST_WAITING = f"SELECT min(recorded_at) FROM audit_entry e WHERE e.tx >= %s::text::xid8 AND {UNSEALED}"
SINCE = "AND e.tx >= %s::text::xid8 AND e.tx < %s::text::xid8"


def seal(*, at: datetime) -> Checkpoint | None:
    """Seal what is committed and not sealed yet; None where there is nothing, or another sealer is at it.

    Raises TrailRefused where the key cannot be used, or the newest checkpoint is not one that we signed.
    """
    key = signing.signing_key()
    with transaction.atomic(durable=True):
        if not alone_at_it():
            return None
        last = newest()
        tree = _grown(last) if last else merkle.Frontier()
        horizon, cluster = _now()
        began = tree.size
        for rows in _taken(last, horizon, cluster):
            _write(tree, rows)
        if tree.size == began:
            return None
        note = _signed(tree, key)
        return Checkpoint.objects.create(
            size=tree.size, root=tree.root(), edge=tree.edge, note=note, at=at, horizon=horizon, cluster=cluster
        )


def hand_over(*, at: datetime) -> int:
    """Write every checkpoint that is not in the folder outside yet to CF_CHECKPOINTS; how many.

    Each is a file of its own, there whole or not at all. Raises TrailRefused where the folder is not there.
    """
    folder: Path = settings.CF_CHECKPOINTS
    with transaction.atomic(durable=True):
        if not alone_at_it():
            return 0
        waiting = list(Checkpoint.objects.filter(handover=None).order_by("size"))
        try:
            if not settings.PRODUCTION:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for checkpoint in waiting:
                _write_file(folder / file_name(checkpoint), checkpoint.note)
        except OSError:
            sentence = "Checkpoints of the trail cannot be written outside. Ask who looks after CF_CHECKPOINTS."
            raise TrailRefused([Why("NO_CHECKPOINT_FOLDER", sentence)]) from None
        Handover.objects.bulk_create(Handover(checkpoint=checkpoint, at=at) for checkpoint in waiting)
    return len(waiting)


def state(at: datetime) -> str:
    """How sealing stands at this instant, in words for a page."""
    last = newest()
    if last is None:
        return " ".join(["Nothing of the trail was sealed yet.", *_why_not()])
    said = [f"The trail was last sealed on {_moment(last.at)}."]
    oldest = _oldest_waiting(last)
    if oldest is not None and at - oldest > SOON:
        said += [f"Since {_moment(oldest)} entries wait for it.", *_why_not()]
    if waiting := Checkpoint.objects.filter(handover=None, at__lt=at - SOON).count():
        said.append(f"Checkpoints that are not written outside yet: {waiting}.")
    return " ".join(said)


def waits(at: datetime) -> timedelta:
    """How long the oldest entry that is not sealed waits at this instant; nothing where none does."""
    last = newest()
    oldest = _oldest_waiting(last) if last else Entry.objects.aggregate(oldest=Min("recorded_at"))["oldest"]
    return max(at - oldest, timedelta(0)) if oldest else timedelta(0)


def _oldest_waiting(last: Checkpoint) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_WAITING, [last.horizon])
        oldest: datetime | None = cursor.fetchone()[0]
    return oldest


def _why_not() -> list[str]:
    """Why nothing is sealed, as far as it is known here: the key may be one that only workers can open."""
    try:
        signing.signing_key()
    except TrailRefused as refusal:
        return [str(refusal)]
    return []


def _moment(at: datetime) -> str:
    return f"{at.astimezone(timezone.get_current_timezone()):%-d %B %Y at %H:%M}"


def newest() -> Checkpoint | None:
    """The newest checkpoint."""
    return Checkpoint.objects.order_by("-size").first()


def newest_note() -> str | None:
    """The newest checkpoint as others can hold it: its signed note."""
    checkpoint = newest()
    return checkpoint.note if checkpoint else None


def size_in(name: str) -> int:
    """How many entries the checkpoint in a file outside saw, by the file's name; 0 for a name that is none of ours."""
    size = name.removeprefix("checkpoint-").partition("-")[0]
    return int(size) if size.isdecimal() else 0


def file_name(checkpoint: Checkpoint) -> str:
    """Of the file outside: no two checkpoints share it, those of a tree that was put back and grew anew included."""
    return f"checkpoint-{checkpoint.size:012}-{bytes(checkpoint.root).hex()[:16]}.txt"


def alone_at_it() -> bool:
    """Whether nobody else seals, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [Work.SEALING_THE_TRAIL.value, KEY_OF_LOCK])
        return bool(cursor.fetchone()[0])


def _now() -> tuple[int, str]:
    """The oldest transaction that still runs in this database (the next one where none does), and which cluster counts.

    A later statement sees everything that transactions before it wrote.
    """
    with connection.cursor() as cursor:
        for _ in range(LOOKS):
            cursor.execute(NOW)
            horizon, cluster, ended = cursor.fetchone()
            if not ended:
                break
        return int(horizon), str(cluster)


def _grown(last: Checkpoint) -> merkle.Frontier:
    """The tree to go on from. Raises TrailRefused where it is not the one that was signed."""
    try:
        signed = notes.opened_checkpoint(last.note, signing.verifier_keys(), signing.origin())
        tree = merkle.Frontier(last.size, bytes(last.edge))
    except ValueError:
        tree, signed = None, None
    if tree is None or signed is None or (signed.size, signed.root) != (tree.size, tree.root()):
        sentence = "The newest checkpoint of the trail is not one that was signed here. Run verify_trail."
        raise TrailRefused([Why("CHECKPOINT_FORGED", sentence)])
    return tree


def _taken(last: Checkpoint | None, horizon: int, cluster: str) -> Iterator[list[tuple[Any, ...]]]:
    """The entries to be sealed, in the order of sealing, some thousand at a time."""
    with connection.chunked_cursor() as cursor:
        if last is None or last.cluster != cluster:
            cursor.execute(f"{TAKEN} {IN_ORDER}")
        else:
            cursor.execute(f"{TAKEN} {SINCE} {IN_ORDER}", [last.horizon, horizon])
        while rows := cursor.fetchmany(AT_ONCE):
            yield rows


def _write(tree: merkle.Frontier, rows: list[tuple[Any, ...]]) -> None:
    hashes = []
    copied = "COPY audit_leaf (position, entry_id, data, hash) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(copied) as copy:
        copy.set_types(["int8", "int8", "bytea", "bytea"])
        for position, (entry, *columns) in enumerate(rows, tree.size):
            data = canonical(tuple(columns))
            hashes.append(merkle.leaf_hash(data))
            copy.write_row((position, entry, data, hashes[-1]))
    tree.extend(hashes)


def _signed(tree: merkle.Frontier, key: Ed25519PrivateKey) -> str:
    checkpoint = notes.Checkpoint(signing.origin(), tree.size, tree.root())
    return notes.sign(checkpoint.text, signing.origin(), key)


def _write_file(path: Path, note: str) -> None:
    """Whole under its name, and on the disk, or not there at all."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        unfinished.unlink(missing_ok=True)
