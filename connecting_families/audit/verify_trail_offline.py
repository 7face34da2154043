"""Verify an export of the trail on a machine of your own: python3 verify_trail_offline.py DIRECTORY.

This one file needs Python 3.11 or later and the package `cryptography`, and nothing of the program whose trail it
verifies: it is written apart from it, so that neither has to be trusted for the other. DIRECTORY holds what
`manage.py export_trail` wrote:

    entries.jsonl     every sealed entry as a line, byte for byte what was hashed
    checkpoints.txt   signed notes (C2SP tlog-checkpoint), an empty line between two
    vkey.txt          the keys that sign them (C2SP signed-note), one a line

A checkpoint that was held outside is given with --checkpoint: a file of signed notes, or the manifest.json of a
submission. A trail that was replaced as a whole fits itself: only such a checkpoint tells. A key that you were given
apart from the export is given with --vkey, and then the export's own is not believed.

Exit 0: the trail is whole. Exit 1: it is not, and the first entry that is not as it was sealed is named. The last line
is one JSON object.
"""

import argparse
import base64
import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

AT_ONCE = 1 << 24


class Broken(Exception):
    """The trail is not whole: a code, a sentence, and the first line (from 0) and entry of which that is known."""

    def __init__(self, code: str, sentence: str, position: int | None = None, entry: int | None = None) -> None:
        super().__init__(sentence)
        self.found = {"code": code, "sentence": sentence, "position": position, "entry": entry}


class Mark(NamedTuple):
    """What a checkpoint saw: how many entries, under which root; where it was read, and whether it was held outside."""

    size: int
    held: bool
    root: bytes
    where: str


def keys_in(path: Path) -> dict[bytes, bytes]:
    """Public keys by what starts their signatures, of a file with a verifier key in each line."""
    keys = {}
    for line in path.read_text(encoding="utf-8").split():
        name, _, rest = line.partition("+")
        identity, _, encoded = rest.partition("+")
        key = base64.b64decode(encoded, validate=True)
        if (
            len(key) != 33
            or key[:1] != b"\x01"
            or hashlib.sha256(f"{name}\n".encode() + key).hexdigest()[:8] != identity
        ):
            raise Broken("BAD_KEY", f"{path} has a line that is no verifier key for Ed25519.")
        keys[f"\u2014 {name} ".encode() + bytes.fromhex(identity)] = key[1:]
    if not keys:
        raise Broken("BAD_KEY", f"{path} has no verifier key.")
    return keys


def marks_in(path: Path, keys: dict[bytes, bytes], *, held: bool) -> list[Mark]:
    """The checkpoints in a file, each signed by one of these keys."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        text = str(json.loads(text)["trail_checkpoint"])
    parts = text.strip("\n").split("\n\n")
    marks = []
    for head, tail in zip(parts[::2], [*parts[1::2], ""], strict=False):
        where = f"the checkpoint of {head.splitlines()[1]} entries in {path}" if "\n" in head else str(path)
        signed = f"{head}\n".encode()
        if not any(_signed(signed, line, keys) for line in tail.split("\n")):
            raise Broken("CHECKPOINT_FORGED", f"{where[0].upper()}{where[1:]} is not signed by the key of this trail.")
        _, size, root = head.split("\n")[:3]
        marks.append(Mark(int(size), held, base64.b64decode(root, validate=True), where))
    return marks


def _signed(text: bytes, line: str, keys: dict[bytes, bytes]) -> bool:
    dash, _, encoded = line.rpartition(" ")
    try:
        signature = base64.b64decode(encoded, validate=True)
        key = keys[f"{dash} ".encode() + signature[:4]]
        Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text)
    except (KeyError, ValueError, InvalidSignature):
        return False
    return True


class Tree:
    """The tree of RFC 6962, of which only the right edge is kept: for each bit of its size, a whole subtree."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: dict[int, bytes] = {}

    def add(self, row: list[bytes]) -> None:
        """Add leaves, by their hashes."""
        self.size += len(row)
        sha256, level = hashlib.sha256, 0
        while row:
            if level in self.edge:
                row = [self.edge.pop(level), *row]
            if len(row) % 2:
                self.edge[level] = row[-1]
            row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
            level += 1

    def root(self) -> bytes:
        """The root over all leaves."""
        root = b""
        for _, whole in sorted(self.edge.items()):
            root = hashlib.sha256(b"\x01" + whole + root).digest() if root else whole
        return root or hashlib.sha256(b"").digest()


def verify(entries: Path, marks: list[Mark]) -> int:
    """Compute the tree from the lines, and hold it against each mark; how many entries there are. Raises Broken."""
    # What its own checkpoints agree to may have been cut off and grown anew: those outside are counted apart.
    tree, agreed = Tree(), {False: 0, True: 0}
    left = sorted(marks)
    sha256 = hashlib.sha256
    with entries.open("rb") as file:
        while lines := file.readlines(AT_ONCE):
            hashes = [sha256(b"\x00" + line.removesuffix(b"\n")).digest() for line in lines]
            done = 0
            while left and left[0].size <= tree.size + len(hashes) - done:
                mark = left.pop(0)
                upto = done + mark.size - tree.size
                tree.add(hashes[done:upto])
                done = upto
                if tree.root() != mark.root:
                    raise _between(entries, agreed[mark.held], mark)
                agreed[mark.held] = tree.size
            tree.add(hashes[done:])
    if left:
        sentence = f"The trail was cut off: {left[0].where} saw more than the {tree.size} entries that are there."
        raise Broken("CUT_OFF", sentence, tree.size)
    signed = agreed[False]
    if tree.size > signed:
        sentence = f"From line {signed + 1} on, {tree.size - signed} entries were added that no checkpoint saw."
        raise Broken("UNSIGNED", sentence, signed)
    return tree.size


def _between(entries: Path, start: int, mark: Mark) -> Broken:
    """What to say where the lines are not what a checkpoint saw, and those before the one before it are."""
    if mark.size <= start:
        return Broken("FORKED", f"{mark.where} saw another trail of {mark.size} entries.", max(mark.size - 1, 0))
    before = None
    first: Any = None
    for position, line in _lines(entries, start, mark.size):
        try:
            entry = json.loads(line)
            order = (entry["tx"], entry["id"])
        except (ValueError, KeyError, TypeError):
            return Broken("EDITED", f"Line {position + 1} is no entry as it was sealed.", position)
        first = first or entry
        if before is not None and order <= before:
            sentence = (
                f"Entry {entry['id']}, in line {position + 1}, is not where it was: entries were moved or inserted."
            )
            return Broken("REORDERED", sentence, position, entry["id"])
        before, last = order, entry
    which = (
        f"Entry {first['id']}, in line {start + 1}, is"
        if mark.size == start + 1
        else (
            f"Among the entries in lines {start + 1} to {mark.size} ({first['id']} to {last['id']}), the first that is"
        )
    )
    sentence = f"{which} not what was sealed: {mark.where} saw it otherwise. It was edited, removed, inserted or moved."
    return Broken("EDITED", sentence, start, first["id"])


def _lines(path: Path, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from itertools.islice(enumerate(file), start, end)


def main() -> int:
    """Verify, and say what came of it."""
    parser = argparse.ArgumentParser(description="Verify an export of the trail.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--checkpoint", type=Path, nargs="+", action="extend", default=[], metavar="FILE")
    parser.add_argument("--vkey", type=Path, help="a file with the verifier key that you were given")
    asked = parser.parse_args()
    folder: Path = asked.directory
    try:
        keys = keys_in(asked.vkey or folder / "vkey.txt")
        own = marks_in(folder / "checkpoints.txt", keys, held=False)
        held = [mark for path in asked.checkpoint for mark in marks_in(path, keys, held=True)]
        size = verify(folder / "entries.jsonl", own + held)
    except Broken as broken:
        print(f"{broken.found['code']}: {broken}", file=sys.stderr)
        print(json.dumps({"whole": False} | broken.found))
        return 1
    except (OSError, ValueError, KeyError, IndexError) as error:
        print(f"This is not an export of a trail that can be read: {error}", file=sys.stderr)
        print(json.dumps({"whole": False, "code": "UNREADABLE", "sentence": str(error)}))
        return 1
    print(json.dumps({"whole": True, "sealed": size, "checkpoints": len(own), "held": len(held)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
