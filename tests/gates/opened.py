"""Sealed packages opened as a recipient could: with nothing of ours but the key.

A reader of BER that knows the form of RFC 5083 alone. It is as strict as a reader may be: a label it does not expect is
an error, and so is what follows the end.
"""

import hashlib
import io
import json
import zipfile
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OAEP_SHA256 = bytes.fromhex(
    "303c06092a864886f70d010107302fa00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500"
)
AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
DATA = bytes.fromhex("06092a864886f70d010701")
GCM = bytes.fromhex("060960864801650304012e")
TAG = 16


class NotOpenedError(ValueError):
    """It is no package, or not for this key, or not as it was sealed."""


class Value(NamedTuple):
    """One value of BER: its tag, where its content begins and ends, and where it itself ends."""

    tag: int
    start: int
    end: int
    after: int


class Envelope(NamedTuple):
    """What an envelope holds: serial numbers and wrapped keys of its recipients, nonce, content and tag."""

    keys: dict[int, bytes]
    nonce: bytes
    content: bytes
    tag: bytes


class Package(NamedTuple):
    """What lies in a package: one CSV file as bytes, the manifest, and for whom (serial numbers) it is."""

    table: bytes
    manifest: dict[str, Any]
    serials: frozenset[int]

    @property
    def sha256(self) -> str:
        """Of the CSV file."""
        return hashlib.sha256(self.table).hexdigest()

    @property
    def rows(self) -> list[list[str]]:
        """Without the header; for values without commas or quotes, as references are."""
        return [line.split(",") for line in self.table.decode().splitlines()[1:]]


def package(data: bytes, key: rsa.RSAPrivateKey, serial: int) -> Package:
    """Open a package with the key of the certificate with this serial number. Raises NotOpenedError."""
    found = read(data)
    with zipfile.ZipFile(io.BytesIO(content_of(found, key, serial))) as inside:
        (name,) = (name for name in inside.namelist() if name.endswith(".csv"))
        return Package(inside.read(name), json.loads(inside.read("manifest.json")), frozenset(found.keys))


def content_of(found: Envelope, key: rsa.RSAPrivateKey, serial: int) -> bytes:
    """The content of an envelope. Raises NotOpenedError."""
    if serial not in found.keys:
        raise NotOpenedError("It is for somebody else.")
    try:
        return AESGCM(_unwrapped(found.keys[serial], key)).decrypt(found.nonce, found.content + found.tag, None)
    except InvalidTag as error:
        raise NotOpenedError("It is not as it was sealed.") from error


@lru_cache(maxsize=4)
def _unwrapped(wrapped: bytes, key: rsa.RSAPrivateKey) -> bytes:
    try:
        found = key.decrypt(wrapped, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None))
    except ValueError as error:
        raise NotOpenedError("The key in it is not for us.") from error
    if len(found) != 32:
        raise NotOpenedError("The key in it is of another length.")
    return found


def read(data: bytes) -> Envelope:
    """The parts of an envelope. Raises NotOpenedError for anything that is not exactly of the form."""
    try:
        return _Reader(data).envelope()
    except IndexError as error:
        raise NotOpenedError("It ends too early.") from error


class _Reader:
    """Walks through BER from its first byte to its last."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def envelope(self) -> Envelope:
        self.exactly(b"\x30\x80" + AUTH_ENVELOPED + b"\xa0\x80\x30\x80\x02\x01\x00")
        keys = self.recipients()
        self.exactly(b"\x30\x80" + DATA)
        nonce = self.algorithm()
        self.exactly(b"\xa0\x80")
        pieces = []
        while self.data[self.at] == 0x04:
            pieces.append(self.octets())
        self.exactly(b"\0\0" * 2)
        tag = self.octets()
        self.exactly(b"\0\0" * 3)
        if self.at != len(self.data) or len(tag) != TAG:
            raise NotOpenedError("It does not end where it should.")
        return Envelope(keys, nonce, b"".join(pieces), tag)

    def recipients(self) -> dict[int, bytes]:
        infos, keys = self.value(0x31), {}
        self.at = infos.start
        while self.at < infos.end:
            info = self.value(0x30)
            self.at = info.start
            self.exactly(b"\x02\x01\x00")
            by = self.value(0x30)
            self.at = by.start
            self.value(0x30)
            serial = self.value(0x02)
            self.at = by.after
            self.exactly(OAEP_SHA256)
            keys[int.from_bytes(self.data[serial.start : serial.end])] = self.octets()
            if serial.after != by.after or self.at != info.after:
                raise NotOpenedError("A recipient does not end where it should.")
        if self.at != infos.after:
            raise NotOpenedError("The recipients do not end where they should.")
        return keys

    def algorithm(self) -> bytes:
        whole = self.value(0x30)
        self.at = whole.start
        self.exactly(GCM)
        parameters = self.value(0x30)
        self.at = parameters.start
        nonce = self.octets()
        self.exactly(b"\x02\x01\x10")
        if not self.at == parameters.after == whole.after or len(nonce) != 12:
            raise NotOpenedError("The algorithm is not ours.")
        return nonce

    def octets(self) -> bytes:
        found = self.value(0x04)
        return self.data[found.start : found.end]

    def value(self, tag: int) -> Value:
        """The next value, which must have this tag; afterwards the reader stands behind it."""
        start = self.at
        if self.data[start] != tag:
            raise NotOpenedError(f"A {tag:#x} was expected at {start}.")
        first = self.data[start + 1]
        size, begin = first, start + 2
        if first & 0x80:
            count = first & 0x7F
            if not 1 <= count <= 4:
                raise NotOpenedError("A length of a form that is not ours.")
            size, begin = int.from_bytes(self.data[begin : begin + count]), begin + count
        if begin + size > len(self.data):
            raise NotOpenedError("It ends too early.")
        self.at = begin + size
        return Value(tag, begin, begin + size, begin + size)

    def exactly(self, expected: bytes) -> None:
        if self.data[self.at : self.at + len(expected)] != expected:
            raise NotOpenedError(f"Other bytes were expected at {self.at}.")
        self.at += len(expected)
