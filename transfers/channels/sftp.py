"""SFTP as a channel: the host is known by its pinned key or is not the host, and what was laid down is read back.

Nothing of the user's own is looked at: no agent, no known_hosts, no configuration, no default keys.
"""

import hmac
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.sftp import SFTPError

from connecting_families.host_key import KINDS, Pin
from transfers.channels.channel import Failed, Lost, Sent, Stopped, Told, Where
from transfers.channels.sftp_session import Session, Status

BROKEN = (OSError, EOFError, paramiko.SSHException, SFTPError, ValueError, struct.error)
"""What a lost connection, or an answer that is none, is raised as."""

WEAK = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
}


@dataclass(frozen=True)
class Host:
    """A recipient's host, and how we sign in there; `patience` in seconds is how long nothing may get on."""

    name: str
    port: int
    user: str
    folder: str
    pin: Pin
    key: Path | None = None
    passphrase: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    patience: float = 60.0


class Sftp:
    """A folder of a host that speaks SFTP."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.where = Where("sftp", host.name, host.pin.fingerprint)

    @contextmanager
    def open(self) -> Iterator["SftpFolder"]:
        """The folder, over one connection.

        Raises Failed where the host is not reached, Stopped where it is another one or does not let us in.
        """
        key = _own_key(self.host)
        try:
            line = socket.create_connection((self.host.name, self.host.port), self.host.patience)
        except (OSError, UnicodeError):
            raise Failed("NOT_REACHED") from None
        with line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(line, disabled_algorithms=WEAK | {"keys": _other_kinds(self.host.pin)})
            try:
                with _watched(transport, line, self.host.patience) as gets_on:
                    _recognise(transport, self.host)
                    gets_on()
                    _sign_in(transport, self.host, key)
                    gets_on()
                    yield SftpFolder(_session(transport, self.host, gets_on), self.host.folder)
            finally:
                transport.close()


class SftpFolder:
    """The folder at the far end, while the connection lasts."""

    def __init__(self, session: Session, folder: str) -> None:
        self.session, self.folder = session, folder.rstrip("/") or "/"
        self.checked = "sha256"
        self._names: list[str] | None = None

    def has_arrived(self, file: Sent) -> bool:
        """Whether exactly this file lies there. Raises Stopped where we may not look, Lost without an answer."""
        return self._is(self._path(file.name), file)

    def put(self, source: Path, file: Sent, told: Told) -> None:
        """Lay one file there, compare it, and give it its name.

        The name until then is drawn anew each time: what an earlier connection left running at the far end can touch
        nothing of this one. Raises Failed, Stopped or Lost.
        """
        part = f"{self._path(file.name)}.{secrets.token_hex(4)}.part"
        self._clear(file.name)
        try:
            self._upload(source, part, file, told)
            if not self._is(part, file):
                raise Failed("DIFFERENT_THERE")
            with _answered("RENAME_REFUSED"):
                self.session.give_name(part, self._path(file.name))
        except (Failed, Stopped):
            self._remove(part)
            raise

    def _upload(self, source: Path, part: str, file: Sent, told: Told) -> None:
        try:
            here = source.open("rb")
        except OSError:
            raise Stopped("PACKAGE_CHANGED") from None
        with here, _answered("FILE_REFUSED"):
            sha256 = self.session.upload(here, part, told)
        if sha256 != file.sha256:
            raise Stopped("PACKAGE_CHANGED")

    def _is(self, path: str, file: Sent) -> bool:
        with _answered("CANNOT_LOOK"):
            try:
                size = self.session.size_of(path)
            except Status:
                raise Stopped("CANNOT_LOOK") from None
            if size != file.size:
                return False
            try:
                return self.session.sha256_of(path, size) == file.sha256
            except Status:
                # Many hosts let us lay files down and see them, and read none.
                self.checked = "size"
                return True

    def _clear(self, name: str) -> None:
        """Away with what earlier attempts left of this file; a host that does not list its folder keeps it."""
        with _answered("CANNOT_LOOK"):
            if self._names is None:
                try:
                    self._names = self.session.listdir(self.folder)
                except Status:
                    self._names = []
            for left in self._names:
                if left.startswith(f"{name}.") and left.endswith(".part"):
                    self._remove(self._path(left))

    def _remove(self, path: str) -> None:
        with suppress(*BROKEN):
            self.session.remove(path)

    def _path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"


@contextmanager
def _answered(code: str) -> Iterator[None]:
    """A refusal that the host answered is Failed with this code; without an answer it is Lost."""
    try:
        yield
    except Status:
        raise Failed(code) from None
    except BROKEN:
        raise Lost("CONNECTION_LOST") from None


@contextmanager
def _watched(transport: paramiko.Transport, line: socket.socket, patience: float) -> Iterator[Callable[[], None]]:
    """End a connection on which nothing gets on: what waits to write to a host that does not read waits for ever.

    Gives the function that says that something got on.
    """
    last, over = [time.monotonic()], threading.Event()

    def gets_on() -> None:
        last[0] = time.monotonic()

    def watch() -> None:
        while not over.wait(min(1.0, patience / 4)):
            if time.monotonic() - last[0] > patience:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                transport.close()
                return

    thread = threading.Thread(target=watch, name="sftp-patience", daemon=True)
    thread.start()
    try:
        yield gets_on
    finally:
        over.set()
        thread.join(patience)


def _other_kinds(pin: Pin) -> list[str]:
    """The kinds of host key that are not to be negotiated: with the kind known, all others."""
    kinds = [kind for kind in KINDS if kind != pin.kind] if pin.kind else []
    return [name for kind in kinds for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))]


def _recognise(transport: paramiko.Transport, host: Host) -> None:
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = host.patience
    try:
        transport.start_client(timeout=host.patience)
        key = transport.get_remote_server_key()
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise Stopped("WRONG_HOST_KEY" if "host key" in str(error) else "NO_SFTP") from None
    except BROKEN:
        raise Failed("NOT_REACHED") from None
    if not hmac.compare_digest(key.fingerprint, host.pin.fingerprint):
        raise Stopped("WRONG_HOST_KEY")


def _sign_in(transport: paramiko.Transport, host: Host, key: paramiko.PKey | None) -> None:
    began = time.monotonic()
    try:
        asked_for = transport.auth_publickey(host.user, key) if key else ["password"]
        # Some hosts want both.
        if "password" in asked_for and host.password:
            transport.auth_password(host.user, host.password)
    except paramiko.AuthenticationException:
        # A connection that ended, and an answer that did not come, are raised as this too.
        if transport.is_active() and time.monotonic() - began < host.patience:
            raise Stopped("SIGN_IN_REFUSED") from None
        raise Failed("NOT_REACHED") from None
    except BROKEN:
        raise Failed("NOT_REACHED") from None
    if not transport.is_authenticated():
        raise Stopped("SIGN_IN_REFUSED")


def _session(transport: paramiko.Transport, host: Host, gets_on: Callable[[], None]) -> Session:
    try:
        session = Session.from_transport(transport)
    except paramiko.ChannelException:
        raise Stopped("NO_SFTP") from None
    except BROKEN:
        raise Failed("NOT_REACHED") from None
    if session is None:
        raise Failed("NOT_REACHED")
    session.sock.settimeout(host.patience)
    session.gets_on = gets_on
    return session


def _own_key(host: Host) -> paramiko.PKey | None:
    if host.key is None:
        return None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(OSError, ValueError, paramiko.SSHException):
            return kind.from_private_key_file(host.key, host.passphrase or None)
    raise Stopped("NO_KEY")
