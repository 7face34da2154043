"""A recipient's host: OpenSSH's own server on this machine, with a key of its own, and a line to it that can go bad."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connecting_families.host_key import pin
from transfers.channels.sftp import Host, Sftp

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
SERVER = "/usr/lib/openssh/sftp-server"
PATIENCE = 10.0

# What the server is started by: it begins in the recipient's folder, and while a file named "full" lies beside it, no
# file may have more half kilobytes than that says (a refused write is answered, as one that a full disk refuses).
START = """#!/bin/sh
cd {folder} || exit 1
if [ -e ../full ]; then trap '' XFSZ; ulimit -f "$(cat ../full)"; fi
exec {server} {options}
"""
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {home}/host.key
PidFile none
AuthorizedKeysFile {home}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel ERROR
Subsystem sftp {home}/start
"""


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> str:
    """A key pair; the line of its public half."""
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(words, check=True, timeout=60)
    return path.with_name(f"{path.name}.pub").read_text().strip()


class FarHost:
    """The host while it runs: `folder` is where files arrive, `port` where it listens."""

    def __init__(self, home: Path, *, options: str = "") -> None:
        self.home, self.folder, self.port = home, home / "inbox", free_port()
        self.folder.mkdir()
        self.public = make_key(home / "host.key")
        (home / "authorized").write_text(make_key(home / "own.key") + "\n")
        start = home / "start"
        start.write_text(START.format(folder=self.folder, server=SERVER, options=options))
        start.chmod(0o755)
        (home / "config").write_text(CONFIG.format(port=self.port, home=home))
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start it, and wait until it answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        words = [SSHD, "-D", "-e", "-f", str(self.home / "config")]
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(words, stderr=log, start_new_session=True)
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < until, (self.home / "log").read_text()
            time.sleep(0.02)

    def down(self) -> None:
        """Stop it: connections are refused."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def host(self, **other: object) -> Host:
        """How we know it."""
        values: dict[str, object] = {
            "name": "127.0.0.1", "port": self.port, "user": who(), "folder": ".",
            "pin": pin(self.public), "key": self.home / "own.key", "patience": PATIENCE,
        }  # fmt: skip
        return Host(**(values | other))  # type: ignore[arg-type]

    def channel(self, **other: object) -> Sftp:
        """The way there."""
        return Sftp(self.host(**other))

    def names(self) -> list[str]:
        """What lies there."""
        return sorted(path.name for path in self.folder.iterdir())

    def lies_there(self) -> dict[str, bytes]:
        """What lies there, with its bytes."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def parts(self) -> list[Path]:
        """What is not whole yet."""
        return list(self.folder.glob("*.part"))


def who() -> str:
    """The user that runs the tests."""
    return pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def running(home: Path, *, options: str = "") -> Iterator[FarHost]:
    """A host, for as long as the block lasts; skipped where OpenSSH's server is not installed (CI always has it)."""
    if not (Path(SSHD).exists() and Path(SERVER).exists()) and not os.environ.get("CI"):
        pytest.skip("OpenSSH's server is not installed (Debian: openssh-server)")
    host = FarHost(home, options=options)
    host.up()
    try:
        yield host
    finally:
        host.down()


class Line:
    """A line to a host that goes bad: it ends where `cut` says so, nothing gets on
    while `stall` does; `pause` is in seconds, before each piece."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.cut: Callable[[], bool] = lambda: False
        self.stall: Callable[[], bool] = lambda: False
        self.pause = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        self._server.settimeout(0.05)
        while not self._over.is_set():
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                continue
            for ends in ((near, far), (far, near)):
                thread = threading.Thread(target=self._carry, args=ends, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        with here, there, contextlib.suppress(OSError):
            here.settimeout(0.05)
            while not self._over.is_set():
                if self.stall():
                    time.sleep(0.02)
                    continue
                try:
                    data = here.recv(65_536)
                except TimeoutError:
                    if self.cut():
                        break
                    continue
                if not data or self.cut():
                    break
                time.sleep(self.pause)
                there.sendall(data)
            for end in (here, there):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No more."""
        self._over.set()
        self._server.close()
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def line(to: int) -> Iterator[Line]:
    """A line to the host that listens on this port."""
    made = Line(to)
    try:
        yield made
    finally:
        made.close()
