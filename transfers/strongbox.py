"""The strongbox: bytes in, encrypted chunks out, under a key that is itself kept wrapped; knows no Django.

A file is a head (a mark, and 32 random bytes) and chunks of AES-256-GCM, each as long as CHUNK but the last. The key of
a file is drawn by HKDF from the box's key, the random bytes and the file's name, so that one key may serve many files.
A chunk's nonce is its number and whether it is the last one: nothing can be cut off, added, moved or changed unseen
(the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). Memory stays flat both ways.
"""

import base64
import hashlib
import io
import json
import os
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MARK = b"connecting-families/strongbox/1\n"
SALT, TAG = 32, 16
CHUNK = 1 << 18
KEY_BYTES = 32
SPEC = "connecting-families/strongbox-key/1"


class NotOpened(ValueError):
    """This cannot be opened: another key, or not whole, or changed since it was written."""


class Writer:
    """Takes bytes, and writes them encrypted; `finish` makes it whole. Counts and hashes what lies on the disk."""

    def __init__(self, destination: BinaryIO, key: bytes, name: str) -> None:
        salt = os.urandom(SALT)
        self._destination, self._head = destination, MARK + salt
        self._cipher, self._number, self._waiting = _cipher(key, salt, name), 0, bytearray()
        self.size, self._sha256 = 0, hashlib.sha256()
        self._put(self._head)

    def write(self, data: bytes, /) -> int:
        """Take these bytes after those before."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._encrypt(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk, which says that it is the last."""
        self._encrypt(bytes(self._waiting), last=True)
        self._waiting.clear()

    @property
    def sha256(self) -> str:
        """Of what was written, in hex."""
        return self._sha256.hexdigest()

    def _encrypt(self, data: bytes, *, last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._number, last=last), data, self._head))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._destination.write(data)
        self._sha256.update(data)
        self.size += len(data)


class Reader(io.RawIOBase):
    """What was written, decrypted piece by piece. Raises NotOpened on the first byte that is not as it was written."""

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        self._source, self._head = source, source.read(len(MARK) + SALT)
        if len(self._head) != len(MARK) + SALT or not self._head.startswith(MARK):
            raise NotOpened(f"{name} is no file of a strongbox.")
        self._cipher, self._name = _cipher(key, self._head[len(MARK) :], name), name
        self._number, self._plain, self._ahead = 0, b"", source.read(CHUNK + TAG)
        self._done = False

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """The next bytes; none at the end, which is only where the last chunk says so."""
        while not self._plain and not self._done:
            self._next()
        piece = self._plain[: len(buffer)]
        buffer[: len(piece)] = piece
        self._plain = self._plain[len(piece) :]
        return len(piece)

    def _next(self) -> None:
        chunk, self._ahead = self._ahead, self._source.read(CHUNK + TAG)
        self._done = not self._ahead
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, last=self._done), chunk, self._head)
        except InvalidTag as error:
            raise NotOpened(f"{self._name} is not as it was written, or is under another key.") from error
        self._number += 1


def new_key() -> bytes:
    """A key of its own, which nobody can draw again."""
    return os.urandom(KEY_BYTES)


def wrapped(key: bytes, master: str, name: str) -> bytes:
    """A key as it is kept: encrypted under the master key, for the box of this name alone."""
    nonce = os.urandom(12)
    sealed = base64.b64encode(nonce + _master(master).encrypt(nonce, key, name.encode())).decode()
    return (json.dumps({"spec": SPEC, "of": name, "key": sealed}) + "\n").encode()


def unwrapped(kept: bytes, master: str, name: str) -> bytes:
    """The key. Raises NotOpened: not one of ours, another master key, or the key of another box."""
    try:
        said = json.loads(kept)
        sealed = base64.b64decode(said["key"], validate=True)
        return _master(master).decrypt(sealed[:12], sealed[12:], name.encode())
    except (ValueError, KeyError, TypeError, InvalidTag) as error:
        raise NotOpened(f"The key of {name} cannot be opened with this master key.") from error


def wipe(path: Path) -> bool:
    """Destroy a file: written over, synced, taken away, its folder synced. False where it is gone already.

    A killed process leaves it whole, written over, or gone: to wipe again is right in each case.
    """
    try:
        with path.open("r+b", buffering=0) as file:
            size = path.stat().st_size
            for filling in (os.urandom(size), bytes(size)):
                file.seek(0)
                file.write(filling)
                os.fsync(file.fileno())
    except FileNotFoundError:
        sync(path.parent)
        return False
    path.unlink(missing_ok=True)
    sync(path.parent)
    return True


def sync(folder: Path) -> None:
    """What was made and taken away in a folder is so after a power cut too. A folder that is not there has nothing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=f"connecting-families:archive:{name}".encode()).derive(key))


def _master(master: str) -> AESGCM:
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"connecting-families:archive-master").derive(master.encode())
    return AESGCM(derived)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])
