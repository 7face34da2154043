"""The SFTP protocol, as far as a delivery needs it and paramiko's client does not do it.

Many requests are on their way at once and every answer is looked at: paramiko's own pipelined writing drops the last
ones, and a full disk would go unnoticed. What the host offers beyond the protocol is remembered.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import paramiko
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_INIT,
    CMD_READ,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTPError,
    int64,
)

CHUNK = 32_768
"""Bytes of one request: what every server takes (draft-ietf-secsh-filexfer-02, section 3)."""

TOGETHER = 16
"""Requests that are on their way at once."""

VERSION = 3


class Status(OSError):
    """The host answered that it did not do what it was asked."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"SFTP status {status}")


class _Answers:
    """The answers to requests that were sent together, in whichever order they come."""

    def __init__(self) -> None:
        self.by_number: dict[int, tuple[int, paramiko.Message]] = {}

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        self.by_number[number] = (kind, message)


def _nothing() -> None:
    pass


class Session(paramiko.SFTPClient):
    """One session; a refusal of the host is raised as Status, whatever else goes wrong as paramiko raises it."""

    offered: frozenset[str] = frozenset()
    gets_on: Callable[[], None] = staticmethod(_nothing)
    """Is called whenever a request went out, and whenever an answer came."""

    # Of the class above; its published types leave them out.
    _request: Callable[..., tuple[int, paramiko.Message]]
    _async_request: Callable[..., int]
    _read_response: Callable[[], object]

    def size_of(self, path: str) -> int | None:
        """The bytes of a file, or None where none lies there. Raises Status where it may not be looked at."""
        try:
            return self.stat(path).st_size
        except Status as answer:
            if answer.status == SFTP_NO_SUCH_FILE:
                return None
            raise

    def sha256_of(self, path: str, size: int) -> str:
        """The SHA-256 in hex of the first `size` bytes of a file. Raises Status where it may not be read."""
        digest = hashlib.sha256()
        with self.open(path, "r") as file:
            for start in range(0, size, CHUNK * TOGETHER):
                end = min(size, start + CHUNK * TOGETHER)
                places = [(place, min(CHUNK, end - place)) for place in range(start, end, CHUNK)]
                asked = [(CMD_READ, file.handle, int64(place), length) for place, length in places]
                for (place, length), data in zip(places, self._data(asked), strict=True):
                    digest.update(data)
                    digest.update(self._rest(file.handle, place + len(data), length - len(data)))
        return digest.hexdigest()

    def upload(self, source: BinaryIO, path: str, told: Callable[[int], None]) -> str:
        """Write a new file, and have the host sync it where it offers that; the SHA-256 in hex of what was written.

        `told` hears how many bytes the host has confirmed. Raises Status where the host takes it no further.
        """
        digest, done = hashlib.sha256(), 0
        with self.open(path, "wx") as file:
            while block := source.read(CHUNK * TOGETHER):
                digest.update(block)
                self._together(
                    [
                        (CMD_WRITE, file.handle, int64(done + place), block[place : place + CHUNK])
                        for place in range(0, len(block), CHUNK)
                    ]
                )
                done += len(block)
                told(done)
            if "fsync@openssh.com" in self.offered:
                self._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)
        return digest.hexdigest()

    def give_name(self, path: str, name: str) -> None:
        """Rename a file, in one step over another of that name where the host offers that. Raises Status."""
        if "posix-rename@openssh.com" in self.offered:
            self.posix_rename(path, name)
        else:
            self.rename(path, name)

    def _data(self, asked: Sequence[tuple[Any, ...]]) -> list[bytes]:
        return [message.get_string() if kind == CMD_DATA else b"" for kind, message in self._together(asked)]

    def _rest(self, handle: object, place: int, length: int) -> bytes:
        """What a host that answers with less than it was asked for has left out; less where the file ends."""
        found = b""
        while len(found) < length:
            (data,) = self._data([(CMD_READ, handle, int64(place + len(found)), length - len(found))])
            if not data:
                break
            found += data
        return found

    def _together(self, requests: Sequence[tuple[Any, ...]]) -> list[tuple[int, paramiko.Message]]:
        """Send these, and wait for the answer to each. Raises Status for the first that was refused."""
        answers = _Answers()
        numbers = [self._async_request(answers, *request) for request in requests]
        while len(answers.by_number) < len(numbers):
            self._read_response()
        found = [answers.by_number[number] for number in numbers]
        for kind, message in found:
            if kind == CMD_STATUS:
                status = message.get_int()
                if status not in (SFTP_OK, SFTP_EOF):
                    raise Status(status)
        return found

    def _send_packet(self, kind: int, packet: paramiko.Message) -> None:
        super()._send_packet(kind, packet)  # type: ignore[misc]
        self.gets_on()

    def _read_packet(self) -> tuple[int, bytes]:
        found: tuple[int, bytes] = super()._read_packet()  # type: ignore[misc]
        self.gets_on()
        return found

    def _send_version(self) -> int:
        """Begin; what the host offers beyond the protocol comes in pairs of a name and its version."""
        hello = paramiko.Message()
        hello.add_int(VERSION)
        self._send_packet(CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != CMD_VERSION:
            raise SFTPError("Not the protocol.")
        told = paramiko.Message(data)
        version = told.get_int()
        names = set()
        while told.get_remainder():
            names.add(told.get_text())
            told.get_binary()
        self.offered = frozenset(names)
        return version

    def _convert_status(self, message: paramiko.Message) -> None:
        status = message.get_int()
        if status == SFTP_EOF:
            raise EOFError
        if status != SFTP_OK:
            raise Status(status)
