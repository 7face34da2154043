"""The keeper of the embedded pair: starts PostgreSQL and Valkey, and stops them when nobody uses them any more.

Run as a program of its own by embedded.py: keeper.py RUN CLUSTER PROGRAMS VALKEY USER GROUP (ids, or - for our own).
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LOOK = 0.1
"""Seconds between two looks at whether anybody is there."""

EXTENSIONS = ("pg_trgm", "unaccent", "btree_gist")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SETTINGS = (
    "listen_addresses=",
    "timezone=UTC",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "max_connections=100",
    "log_min_messages=error",
    # A statement that fails may hold a person's name.
    "log_min_error_statement=panic",
)


def main(run: Path, cluster: Path, programs: Path, valkey: Path, ids: dict[str, Any]) -> None:
    """Keep the pair until nobody holds the users' lock, or we are told to stop."""
    # From here on a signal ends us through the blocks below, which stop what was started.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    (run / "keeper.pid").write_text(str(os.getpid()))
    with contextlib.ExitStack() as started:
        database = _postgres(run, cluster, programs, ids)
        started.callback(_end, database, signal.SIGINT)
        broker = _valkey(run, valkey)
        started.callback(_end, broker, signal.SIGTERM)
        started.callback((run / "ready").unlink, missing_ok=True)
        _wait(run, database)
        (run / "ready").touch()
        users = os.open(run / "users.lock", os.O_RDWR)
        while database.poll() is None and broker.poll() is None:
            try:
                # Held until we end: who comes now waits, and starts a new pair.
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(LOOK)
            else:
                break


def die_with_parent(number: int) -> None:
    """Between fork and exec of a child: let it get this signal when its parent is gone, however that ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)


def _postgres(run: Path, cluster: Path, programs: Path, ids: dict[str, Any]) -> subprocess.Popen[bytes]:
    environ = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    if not (cluster / "PG_VERSION").exists():
        cluster.mkdir(mode=0o700, exist_ok=True)
        if ids:
            os.chown(cluster, ids["user"], ids["group"])
        words = ["initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale-provider=builtin", "--locale=C"]
        words += ["--builtin-locale=C.UTF-8", "--no-instructions", "-D", str(cluster)]
        subprocess.run([programs / words[0], *words[1:]], check=True, cwd="/", env=environ, **ids)
    _forget_the_dead(cluster / "postmaster.pid")
    settings = [*SETTINGS, f"unix_socket_directories={_quoted(run)}"]
    if os.environ.get("CF_EMBEDDED_FAST"):
        settings += FAST
    options = [word for setting in settings for word in ("-c", setting)]
    return subprocess.Popen(
        [programs / "postgres", "-D", cluster, *options],
        cwd="/", env=environ, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(signal.SIGINT), **ids,
    )  # fmt: skip


def _quoted(folder: Path) -> str:
    """A folder as one item of a PostgreSQL list."""
    return '"' + str(folder).replace('"', '""') + '"'


def _forget_the_dead(note: Path) -> None:
    """PostgreSQL leaves a note of its process; after a kill another process may have that number."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        number = int(note.read_text().split()[0])
        name = Path(f"/proc/{number}/comm")
        if sys.platform == "linux" and (not name.exists() or not name.read_text().startswith("postgres")):
            note.unlink()


def _valkey(run: Path, program: Path) -> subprocess.Popen[bytes]:
    words = [program, "--port", "0", "--unixsocket", run / "valkey.sock", "--unixsocketperm", "700", "--dir", run]
    words += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
    return subprocess.Popen(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL, cwd="/", preexec_fn=lambda: die_with_parent(signal.SIGTERM),
    )  # fmt: skip


def _wait(run: Path, database: subprocess.Popen[bytes]) -> None:
    """Until PostgreSQL takes connections; then see that roles and database are there."""
    while True:
        if database.poll() is not None:
            sys.exit("PostgreSQL ended.")
        try:
            with psycopg.connect(host=str(run), user="postgres", dbname="postgres", autocommit=True) as connection:
                _furnish(connection, run)
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return


def _furnish(server: "psycopg.Connection[Any]", run: Path) -> None:
    """Two roles, the owner of the tables and the site's own, and the database; extensions for every new one, too."""
    roles = {row[0] for row in server.execute("SELECT rolname FROM pg_roles").fetchall()}
    for role, rights in (("cf_owner", "LOGIN CREATEDB"), ("cf_app", "LOGIN")):
        if role not in roles:
            server.execute(f"CREATE ROLE {role} {rights}")
    databases = {row[0] for row in server.execute("SELECT datname FROM pg_database").fetchall()}
    if "connecting_families" in databases:
        return
    with psycopg.connect(host=str(run), user="postgres", dbname="template1", autocommit=True) as template:
        for extension in EXTENSIONS:
            template.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
    server.execute("CREATE DATABASE connecting_families OWNER cf_owner")


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    run, cluster, programs, valkey, user, group = sys.argv[1:]
    own = {} if user == "-" else {"user": int(user), "group": int(group), "extra_groups": []}
    main(Path(run), Path(cluster), Path(programs), Path(valkey), own)
