"""No room is left where packages, our copies of them, or backups are written. Whoever looks sees that it waits.

Lost is nothing, and nothing half is left: the worker tries again, and the same bytes are sealed once there is room. No
file may grow (RLIMIT_FSIZE), which is what a full disk does: one of its own takes rights that a test may not have.
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from connecting_families.audit.models import Entry
from tests.audit.conftest import given
from tests.audit.test_journal import full
from tests.stages.conftest import WalkTo, stands, walk_to
from transfers import tasks
from transfers.models import Submission

__all__ = ["stands", "walk_to"]


def left() -> list[str]:
    """What lies where packages and their copies are written."""
    folders = [Path(path) for path in (configured.CF_OUTBOX, configured.CF_ARCHIVE, configured.CF_ARCHIVE_KEYS)]
    return [path.name for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 100, 1_000, 3_000])
def test_a_package_that_finds_no_room_is_not_there_and_is_sealed_later(walk_to: WalkTo, size: int) -> None:
    walk = walk_to("ask to seal")
    with full(size):
        tasks.seal(walk.submission.pk)
    assert walk.submission.stage == "APPROVED"
    assert walk.submission.sealing_requested_at is not None
    assert left() == []
    assert not Entry.objects.filter(event="SUBMISSION_SEALED").exists()
    tasks.seal(walk.submission.pk)
    row: Submission = walk.submission
    assert row.stage == "SEALED"
    for file in row.sealed_files:
        assert hashlib.sha256((configured.CF_OUTBOX / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    assert Entry.objects.filter(event="SUBMISSION_SEALED").count() == 1


def test_a_backup_that_finds_no_room_is_not_there_and_the_one_before_stays(
    walk_to: WalkTo, settings: Any, tmp_path: Path
) -> None:
    walk_to("assemble")
    folder = tmp_path / "backups"
    folder.mkdir()
    settings.CF_BACKUP_STAMP = str(tmp_path / "stamp")
    with full(100_000):
        end, said, _ = given("backup", folder)
    assert (end, said["refused"][0]["code"]) == (1, "BACKUP_FAILED")
    assert (list(folder.iterdir()), (tmp_path / "stamp").exists()) == ([], False)
    assert Entry.objects.latest("id").event == "BACKUP_REFUSED"
    assert given("backup", folder)[0] == 0
    assert len(list(folder.iterdir())) == 1
