"""Proofs that entries are in the sealed trail: for somebody who holds a checkpoint, and trusts nothing else here."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.db import connection, transaction

from connecting_families.audit import merkle, seal, signing
from connecting_families.audit.models import Leaf

AT_ONCE = 10_000


class Proven(NamedTuple):
    """A sealed entry: its number, its place in the tree, what was hashed, and the path to the root, lowest first."""

    entry: int
    position: int
    data: bytes
    path: list[bytes]


class Proofs(NamedTuple):
    """Entries proven against one checkpoint (a signed note; empty where nothing is sealed), and who may sign one.

    `waiting` are entries that are not sealed yet, by number.
    """

    checkpoint: str
    verifier_keys: list[str]
    proven: list[Proven]
    waiting: list[int]


def of(entries: Collection[int]) -> Proofs:
    """Proofs of these entries against the newest checkpoint. Raises TrailRefused where our key cannot be opened."""
    keys = [str(key) for key in signing.verifier_keys()]
    with transaction.atomic():
        newest = seal.newest()
        if newest is None:
            return Proofs("", keys, [], sorted(entries))
        leaves = Leaf.objects.filter(entry_id__in=list(entries), position__lt=newest.size).order_by("position")
        found = list(leaves.values_list("entry_id", "position", "data"))
        paths = merkle.inclusion_proofs([place for _, place, _ in found], newest.size, _hashes(newest.size))
    proven = [Proven(entry, place, bytes(data), paths[place]) for entry, place, data in found]
    return Proofs(newest.note, keys, proven, sorted(set(entries) - {entry for entry, _, _ in found}))


def _hashes(size: int) -> Iterator[bytes]:
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT hash FROM audit_leaf WHERE position < %s ORDER BY position", [size])
        while rows := cursor.fetchmany(AT_ONCE):
            yield from (bytes(found) for (found,) in rows)
