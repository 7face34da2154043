"""A worker is killed at every point of sealing and of delivering: whoever comes next finishes, once, or finds it done.

The process that stops there is a copy of this one (fork), sealing or delivering on a connection of its own, and ends by
SIGKILL: nothing of it is cleaned up. Then: nothing that lies anywhere can be read; what has its name is whole; the
next worker seals or delivers; there is one delivery, and what had arrived was not laid down again.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.gates import opened
from tests.gates.interrupted import lying
from tests.gates.killed import POSTGRES, WRITER, Point, killed_at, nobody_is_named, until_gone
from tests.gates.photographed import Stood, bring_back, photograph
from tests.gates.walked import prepared
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import delivery, keys, outbox, sealing
from transfers.models import DeliveryAttempt

SEALING = {
    "nothing was done": Point("transfers.package", "remove_unfinished"),
    "it is known for whom": Point("transfers.recipients", "usable_by_all", 2, after=True),
    "the council's key is open": Point("transfers.council", "signers", after=True),
    "a file was made": Point("tempfile", "mkstemp", after=True),
    "the head of an envelope is written": Point(WRITER, "__init__", after=True),
    "the content is under way": Point(WRITER, "write", 3),
    "the sums are signed": Point("transfers.keys.Signer", "sign", after=True),
    "the first envelope is to end": Point(WRITER, "close"),
    "the first package is written": Point("transfers.package", "seal", after=True),
    "the second file was made": Point("tempfile", "mkstemp", 2, after=True),
    "the second package is written": Point("transfers.package", "seal", 2, after=True),
    "the note is to be written": Point("transfers.package", "write_transmittal"),
    "the note is signed": Point("transfers.package", "write_transmittal", after=True),
    "the packages were read again": Point("transfers.outbox", "against_sealed", after=True),
    "the row is to be locked": Point("transfers.doors", "locked"),
    "permissions are held": Point("cohorts.queries", "hold_permissions", after=True),
    "the guard has answered": Point("transfers.doors", "guard", after=True),
    "the recipients were compared": Point("transfers.outbox", "against_recipients", after=True),
    "the entry is written": Point("connecting_families.audit.trail", "record", after=True),
    "the first file is synced": Point("os", "fsync", after=True),
    "the last file is synced": Point("os", "fsync", 4, after=True),
    "one file has its name": Point("pathlib.Path", "replace", after=True),
    "three files have their names": Point("pathlib.Path", "replace", 3, after=True),
    "all files have their names": Point("transfers.package", "_sync", after=True),
    "it is to be committed": Point(POSTGRES, "_commit"),
    "it is committed": Point(POSTGRES, "_commit", after=True),
}
DELIVERING = {
    "nothing was looked up": Point("transfers.channels.chosen", "channel"),
    "the row is to be locked": Point("transfers.doors", "locked"),
    "the guard has answered": Point("transfers.doors", "guard", after=True),
    "the packages were compared": Point("transfers.outbox", "changed", after=True),
    "the attempt is written": Point("transfers.attempts", "begin", after=True),
    "the attempt is to be committed": Point(POSTGRES, "_commit"),
    "the attempt is committed": Point(POSTGRES, "_commit", after=True),
    "it is looked what arrived": Point("transfers.channels.folder", "has_arrived", 5),
    "the first file is to be laid down": Point("transfers.channels.folder", "put"),
    "the first file is half there": Point("shutil", "copyfileobj", after=True),
    "the first file is synced": Point("os", "fsync", after=True),
    "the first file is to have its name": Point("pathlib.Path", "replace"),
    "the first file has its name": Point("pathlib.Path", "replace", after=True),
    "the first file is there": Point("transfers.channels.folder", "put", after=True),
    "the second file is half there": Point("shutil", "copyfileobj", 2, after=True),
    "the note is to have its name": Point("pathlib.Path", "replace", 4),
    "the note has its name": Point("pathlib.Path", "replace", 4, after=True),
    "everything is there": Point("transfers.channels.folder", "put", 4, after=True),
    "the outcome is written": Point("transfers.attempts", "settle", after=True),
    "the outcome is to be committed": Point(POSTGRES, "_commit", 2),
    "the outcome is committed": Point(POSTGRES, "_commit", 2, after=True),
    "the progress is to be forgotten": Point("transfers.progress", "forget"),
}


@pytest.fixture
def killing(walk_to: WalkTo) -> Iterator[Callable[[str], tuple[Walk, Stood]]]:
    """A walk to an act, and its submission as it stood after it."""

    def to(act: str) -> tuple[Walk, Stood]:
        walk = walk_to(act)
        return walk, photograph(walk.submission.name)

    with prepared():
        yield to


def test_who_is_killed_while_sealing_leaves_nothing_or_the_whole(
    killing: Callable[[str], tuple[Walk, Stood]],
) -> None:
    walk, stood = killing("ask to seal")
    key = keys.load_signing_key(settings.CF_SIGNING_KEY.parent / "ons.key")
    serial = keys.load_certificate((settings.CF_SIGNING_KEY.parent / "ons.pem").read_bytes()).serial_number
    row, at = walk.submission, walk.now()
    sealing.means(row, at)
    for name, point in SEALING.items():
        killed_at(point, lambda: sealing.seal(submission=row, by=duty("seal"), at=at))
        until_gone()
        nobody_is_named()
        is_sealed = walk.submission.stage == "SEALED"
        assert is_sealed == (name == "it is committed"), name
        for path in lying():
            if path.suffix == ".p7m":
                opened.package(path.read_bytes(), key, serial)
        before = Entry.objects.filter(event="SUBMISSION_SEALED").count()
        if not is_sealed:
            assert sealing.seal(submission=row, by=duty("seal"), at=at) is not None, name
        assert Entry.objects.filter(event="SUBMISSION_SEALED").count() == before + (not is_sealed)
        sealed = walk.submission
        assert sorted(path.name for path in lying()) == sorted(file["name"] for file in sealed.sealed_files), name
        assert outbox.changed(sealed) == []
        bring_back(stood)
    assert len(SEALING) >= 20


def test_who_is_killed_while_delivering_delivers_neither_twice_nor_never(
    killing: Callable[[str], tuple[Walk, Stood]],
) -> None:
    walk, stood = killing("ask to deliver")
    row, at, there = walk.submission, walk.now(), settings.CF_DELIVERY_FOLDER
    sealed = {file["name"]: file["sha256"] for file in row.sealed_files}
    for name, point in DELIVERING.items():
        killed_at(point, lambda: delivery.deliver(submission=row, by=duty("deliver"), at=at))
        until_gone()
        nobody_is_named()
        had_arrived = laid(there)
        if had_arrived:
            # Nothing lies there of which nobody knows that it was tried.
            assert DeliveryAttempt.objects.exclude(outcome="failed").count() == 1, name
        done = delivery.deliver(submission=row, by=duty("deliver"), at=at)
        assert done is not None, name
        assert (done.stage, walk.submission.stage) == ("SENT", "SENT"), name
        assert DeliveryAttempt.objects.filter(outcome="delivered").count() == 1, name
        assert not DeliveryAttempt.objects.filter(outcome="").exists(), name
        now = laid(there)
        assert {path: now[path] for path in had_arrived} == had_arrived, f"{name}: laid down again"
        assert set(now) == set(sealed), name
        assert outbox.changed(walk.submission) == []
        assert {path.name: _sha256(path) for path in there.iterdir() if path.name in sealed} == sealed, name
        bring_back(stood)
    assert len(DELIVERING) >= 20


def laid(there: Path) -> dict[str, tuple[int, int]]:
    """What lies there under its own name: which file it is, and when it was written."""
    if not there.is_dir():
        return {}
    found = {path.name: path.stat() for path in there.iterdir() if path.suffix != ".part"}
    return {name: (each.st_ino, each.st_mtime_ns) for name, each in found.items()}


def _sha256(path: Path) -> str:
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
