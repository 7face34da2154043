"""The Merkle tree of RFC 6962 over the sealed entries: its root, the proofs, and a right edge that grows with it.

Plain Python over SHA-256. Indexes and sizes count leaves from 0; every hash has 32 bytes.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not show what it should show."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two others (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: what is needed of it to add leaves, and to know its root.

    It holds one hash for each bit that is set in the size: the whole subtrees that no leaf will change any more.
    """

    def __init__(self, size: int = 0, edge: bytes = b"") -> None:
        """An edge as `edge` gave it. Raises ValueError where it does not belong to a tree of this size."""
        levels = [level for level in range(size.bit_length()) if size >> level & 1]
        if size < 0 or len(edge) != HASH_BYTES * len(levels):
            raise ValueError(f"This is not the edge of a tree of {size} leaves.")
        self.size = size
        self._whole = {level: edge[place * HASH_BYTES : (place + 1) * HASH_BYTES] for place, level in enumerate(levels)}

    @property
    def edge(self) -> bytes:
        """All hashes of the edge, the smallest subtree first: what a later tree goes on from."""
        return b"".join(self._whole[level] for level in sorted(self._whole))

    def extend(self, hashes: Sequence[bytes]) -> None:
        """Add leaves, by their hashes: two steps of work for each, however large the tree is."""
        added, level, row = len(hashes), 0, list(hashes)
        while row:
            if level in self._whole:
                row.insert(0, self._whole.pop(level))
            if len(row) % 2:
                self._whole[level] = row.pop()
            row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
            level += 1
        self.size += added

    def root(self) -> bytes:
        """The root of the tree as it is (of an empty one: the hash of nothing)."""
        root = b""
        for level in sorted(self._whole):
            root = node_hash(self._whole[level], root) if root else self._whole[level]
        return root or EMPTY_ROOT


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaves."""
    tree = Frontier()
    tree.extend(hashes)
    return tree.root()


def inclusion_proof(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The path from one leaf to the root (RFC 6962, section 2.1.1). Raises ValueError where there is no such leaf."""
    if not 0 <= index < len(hashes):
        raise ValueError(f"There is no leaf {index} among {len(hashes)}.")
    if len(hashes) == 1:
        return []
    split = _split(len(hashes))
    if index < split:
        return [*inclusion_proof(index, hashes[:split]), root_of(hashes[split:])]
    return [*inclusion_proof(index - split, hashes[split:]), root_of(hashes[:split])]


def inclusion_proofs(indexes: Collection[int], size: int, hashes: Iterable[bytes]) -> dict[int, list[bytes]]:
    """The paths of several leaves of a tree of this size, whose leaves are gone through once and not kept.

    Raises ValueError where there is no such leaf, or there are fewer leaves.
    """
    paths = {index: _ranges(index, size) for index in indexes}
    wanted = {each for path in paths.values() for each in path}
    known: dict[tuple[int, int], bytes] = {}
    whole: list[tuple[int, int, bytes]] = []
    end = 0
    for found in hashes:
        start, width, end = end, 1, end + 1
        if (start, end) in wanted:
            known[start, end] = found
        while whole and whole[-1][1] == width:
            before, _, left = whole.pop()
            start, width, found = before, 2 * width, node_hash(left, found)
            if (start, end) in wanted:
                known[start, end] = found
        whole.append((start, width, found))
        if end == size:
            break
    if end != size:
        raise ValueError(f"There are {end} leaves, and {size} were to be.")
    edge = b""
    for start, _, found in reversed(whole):
        edge = node_hash(found, edge) if edge else found
        known[start, size] = edge
    return {index: [known[each] for each in path] for index, path in paths.items()}


def _ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaves, from and until, under each step of a path, the lowest first."""
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} among {size}.")
    start, end, found = 0, size, list[tuple[int, int]]()
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    return found[::-1]


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """That this leaf is at this index of the tree with this root (RFC 9162, section 2.1.3.2). Raises ProofError."""
    if not 0 <= index < size or len(leaf) != HASH_BYTES:
        raise ProofError("There is no such leaf.")
    place, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0 or len(step) != HASH_BYTES:
            raise ProofError("The proof does not fit the tree.")
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last or found != root:
        raise ProofError("The proof leads to another root.")


def consistency_proof(earlier: int, hashes: Sequence[bytes]) -> list[bytes]:
    """That the first `earlier` leaves are still those of the tree over all (RFC 6962, section 2.1.2)."""
    if not 0 < earlier <= len(hashes):
        raise ValueError(f"There is no tree of {earlier} leaves before one of {len(hashes)}.")
    return _subproof(earlier, hashes, whole=True)


def verify_consistency(*, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """That the tree of size1 is the beginning of the one of size2 (RFC 9162, section 2.1.4.2). Raises ProofError.

    From an empty tree nothing can be shown, so size 0 is refused.
    """
    if not 0 < size1 <= size2 or any(len(each) != HASH_BYTES for each in proof):
        raise ProofError("Nothing can be shown of trees of these sizes.")
    if size1 == size2:
        if proof or root1 != root2:
            raise ProofError("Two trees of one size have other roots, or a proof where none is needed.")
        return
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        raise ProofError("The proof is empty.")
    place, last = size1 - 1, size2 - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            raise ProofError("The proof is too long.")
        if place & 1 or place == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, step)
        place, last = place >> 1, last >> 1
    if last or first != root1 or second != root2:
        raise ProofError("The proof leads to other roots.")


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << (size - 1).bit_length() - 1


def _subproof(earlier: int, hashes: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if earlier == len(hashes):
        return [] if whole else [root_of(hashes)]
    split = _split(len(hashes))
    if earlier <= split:
        return [*_subproof(earlier, hashes[:split], whole=whole), root_of(hashes[split:])]
    return [*_subproof(earlier - split, hashes[split:], whole=False), root_of(hashes[:split])]
