"""Signed notes and checkpoints as C2SP writes them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), with Ed25519.

A note is a text and, after an empty line, a signature for each key. A checkpoint is a note whose text says the origin
of a tree, its size and its root. Any reader of the format can check ours.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
DASH = "\N{EM DASH} "
ROOT_BYTES = 32
SIGNATURE_BYTES = 64
MOST_SIGNATURES = 100
LARGEST = 1_000_000
"""Bytes of a note, as the Go implementation has it."""


class NoteError(ValueError):
    """A note, a key or a checkpoint is not as the specification has it, or is signed by nobody who is trusted."""


class VerifierKey(NamedTuple):
    """A public key under a name; as text it is the vkey of the specification."""

    name: str
    public: bytes

    @property
    def identity(self) -> bytes:
        """The key id: by it a signature says whose it is."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.identity.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


class Checkpoint(NamedTuple):
    """What a checkpoint says of a tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_vkey(text: str) -> VerifierKey:
    """The verifier key in this line. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    data = _decoded(encoded)
    key = VerifierKey(name, data[1:])
    if not _named(name) or data[:1] != ED25519 or len(key.public) != ROOT_BYTES or identity != key.identity.hex():
        raise NoteError("This is not a verifier key for Ed25519.")
    return key


def vkey_of(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    """What others need in order to check what this key signs. Raises NoteError for a name that is none."""
    if not _named(name):
        raise NoteError("The name of a key has no space and no plus sign.")
    return VerifierKey(name, key.public_key().public_bytes_raw())


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The note: this text with the signature of this key under this name. Raises NoteError for a text that is none."""
    _plain(text)
    if not text.endswith("\n"):
        raise NoteError("The text of a note ends with a line break.")
    signature = vkey_of(name, key).identity + key.sign(text.encode())
    return f"{text}\n{DASH}{name} {base64.b64encode(signature).decode()}\n"


def opened(note: str, keys: Iterable[VerifierKey]) -> str:
    """The text of a note that one of these keys signed; signatures of others are passed over.

    Raises NoteError where it is malformed, where none of them signed, or where a signature of one of them is wrong.
    """
    _plain(note)
    head, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise NoteError("This is not a signed note.")
    text, lines = f"{head}\n", tail[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteError("A note has a hundred signatures at most.")
    known = {(key.name, key.identity): key for key in keys}
    signed = False
    for line in lines:
        name, signature = _signature(line)
        key = known.get((name, signature[:4]))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
        except (InvalidSignature, ValueError):
            raise NoteError(f"The signature of {name} is not over this text.") from None
        signed = True
    if not signed:
        raise NoteError("No key that is trusted here signed this note.")
    return text


def read_checkpoint(text: str) -> Checkpoint:
    """What the text of a note says of a tree; further lines are passed over. Raises NoteError."""
    origin, *rest = text.split("\n")
    if not origin or len(rest) < 3 or rest[-1] or "" in rest[:-1]:
        raise NoteError("This is not a checkpoint.")
    size, root = rest[0], _decoded(rest[1])
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size or len(root) != ROOT_BYTES:
        raise NoteError("This is not a checkpoint.")
    return Checkpoint(origin, int(size), root)


def opened_checkpoint(note: str, keys: Iterable[VerifierKey], origin: str) -> Checkpoint:
    """The checkpoint in a note that one of these keys signed, about the tree of this origin. Raises NoteError."""
    found = read_checkpoint(opened(note, keys))
    if found.origin != origin:
        raise NoteError(f"This checkpoint is of {found.origin}, not of {origin}.")
    return found


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    signature = _decoded(encoded)
    if not line.startswith(DASH) or not _named(name) or len(signature) < 5:
        raise NoteError("A signature of this note is malformed.")
    return name, signature


def _plain(note: str) -> None:
    try:
        size = len(note.encode())
    except UnicodeEncodeError:
        raise NoteError("A note is in UTF-8.") from None
    if size > LARGEST or any(character < " " and character != "\n" for character in note):
        raise NoteError("A note has no control characters, and a million bytes at most.")


def _named(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("This is not base64.") from None
