"""The embedded pair: up for whoever needs it, gone when the last one has ended, however that was."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

ROOT = Path(__file__).parent.parent.parent
USE = """
import os, sys
sys.path.insert(0, {root!r})
from connecting_families import embedded
embedded.ensure(os.environ)
print(os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"], os.environ["REDIS_URL"], flush=True)
sys.stdin.read()
"""
PATIENCE = 20.0


@contextmanager
def a_user(data: Path, **options: Any) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that uses the pair of a data directory until the block ends, and the addresses that it was given."""
    environ = {k: v for k, v in os.environ.items() if not k.endswith("_URL") and k != "CF_EMBEDDED_CLUSTER"}
    environ |= {"CF_DATA_DIR": str(data), "CF_EMBEDDED_FAST": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", USE.format(root=str(ROOT))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, **options,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        given = process.stdout.readline().split()
        assert given, process.communicate()[1]
        yield process, given
    finally:
        process.communicate()


def servers(data: Path) -> list[psutil.Process]:
    """The keeper, PostgreSQL and Valkey of this data directory, and their children."""
    marks = (str(data / "run"), str(data / "postgres"), "keeper.py")
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if (
            process.info["status"] != psutil.STATUS_ZOMBIE
            and any(str(data) in word for word in words)
            and any(mark in word for word in words for mark in marks)
        ):
            found.append(process)
    return found


def gone(data: Path) -> bool:
    """Whether nothing of it is left, within the patience of a person."""
    until = time.monotonic() + PATIENCE
    while servers(data) and time.monotonic() < until:
        time.sleep(0.05)
    return not servers(data)


def answers(address: str) -> int:
    """One, if PostgreSQL answers at this address."""
    with psycopg.connect(address) as database:
        row = database.execute("SELECT 1").fetchone()
    return row[0] if row else 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of this test's own that others may enter (pytest's own are closed to them)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def data(open_folder: Path) -> Path:
    """A data directory with a space and a letter beyond ASCII in its path."""
    return open_folder / "dätä dir"


def test_both_roles_get_in_and_nothing_is_left_right_after_the_last_user(data: Path) -> None:
    with a_user(data) as (_, given):
        assert [answers(address) for address in given[:2]] == [1, 1]
        with psycopg.connect(given[0]) as site:
            assert site.info.user == "cf_app"
        assert len(servers(data)) >= 3
    assert not servers(data)


def test_the_sites_role_owns_nothing_and_may_not_make_tables(data: Path) -> None:
    with (
        a_user(data) as (_, given),
        psycopg.connect(given[0]) as site,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        site.execute("CREATE TABLE mine (id int)")


def test_one_user_ending_leaves_the_servers_to_the_other(data: Path) -> None:
    with a_user(data) as (_, given):
        with a_user(data) as (_, same):
            assert same == given
        assert answers(given[0]) == 1
    assert not servers(data)


def test_the_first_user_ending_leaves_the_servers_to_the_second(data: Path) -> None:
    with a_user(data) as (first, given), a_user(data):
        first.communicate()
        assert answers(given[0]) == 1
    assert not servers(data)


def test_a_killed_user_leaves_nothing(data: Path) -> None:
    with a_user(data) as (process, _):
        process.kill()
        process.wait()
        assert gone(data)


def test_a_killed_keeper_takes_the_servers_with_it_and_the_next_user_starts_again(data: Path) -> None:
    with a_user(data):
        os.kill(int((data / "run" / "keeper.pid").read_text()), signal.SIGKILL)
        assert gone(data)
    with a_user(data) as (_, given):
        assert answers(given[0]) == 1
    assert not servers(data)


def test_what_was_written_is_there_again(data: Path) -> None:
    with a_user(data) as (_, given), psycopg.connect(given[1]) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with a_user(data) as (_, given), psycopg.connect(given[1]) as owner:
        assert owner.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_path_of_any_length_will_do(open_folder: Path) -> None:
    long = open_folder / ("a" * 90) / ("b" * 90)
    with a_user(long) as (_, given):
        assert answers(given[0]) == 1
        assert (long / "postgres" / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root has a folder that the user of PostgreSQL cannot enter.")
def test_root_in_a_folder_that_nobody_else_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with a_user(closed / "var") as (_, given):
        assert answers(given[0]) == 1
        note = (closed / "var" / "postgres.where").read_text()
    assert "cannot be entered" in note
    elsewhere = Path(note.rpartition(" ")[2].strip().removesuffix("."))
    assert not servers(elsewhere)
    shutil.rmtree(elsewhere.parent)


@pytest.mark.parametrize(("given", "missing"), [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")])
def test_one_of_the_two_settings_alone_is_refused_by_name(tmp_path: Path, given: str, missing: str) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.endswith("_URL")} | {
        given: "x",
        "CF_DATA_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert f"The setting {missing} is missing." in ended.stderr
