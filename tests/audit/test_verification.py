"""Verifying the trail when it is asked for on a page: what the workers find is kept, or why they could not."""

import pytest

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.governance import tasks, verification
from connecting_families.governance.models import Verification
from tests.audit.conftest import AT, Trail


def verified() -> Verification:
    """Once more."""
    row = verification.request(by=duty("test"), at=AT)
    tasks.verify_the_trail(row.pk)
    row.refresh_from_db()
    return row


def test_a_whole_trail_is_said_to_be_whole_and_the_first_broken_entry_is_named(whole: Trail) -> None:
    row = verified()
    assert (row.state, row.sealed, row.checkpoints, row.faults) == (Verification.WHOLE, 9, 3, [])
    assert row.vkey.startswith("connecting-families/")
    assert Entry.objects.get(event="TRAIL_VERIFIED").reference == str(row)
    edited = whole.order()[4]
    whole.attack(f"UPDATE audit_entry SET who = 'system:nobody' WHERE id = {edited}")
    row = verified()
    assert row.state == Verification.BROKEN
    assert row.faults[0]["sentence"] == f"Entry {edited}, sealed at position 4, was edited: who."


def test_what_cannot_be_verified_is_not_said_to_be_whole(
    whole: Trail, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    (whole.folder / "outside").mkdir(exist_ok=True)
    (whole.folder / "outside" / "checkpoint-1.txt").write_bytes(b"\xff")
    row = verified()
    assert row.state == Verification.FAILED
    assert "is not a file with a checkpoint" in row.failure
    (whole.folder / "outside" / "checkpoint-1.txt").unlink()

    def fail(*_: object, **__: object) -> None:
        raise ValueError("Zebulonia")

    with monkeypatch.context() as broken:
        broken.setattr(verification, "verify", fail)
        assert verified().failure == "The kind of error was ValueError."
    # Killed in between, it is still asked for, and a worker finds it.
    row = verification.request(by=duty("test"), at=AT)
    monkeypatch.setattr(tasks.verify_the_trail, "delay", tasks.verify_the_trail)
    tasks.verify_what_is_due()
    row.refresh_from_db()
    assert row.state == Verification.WHOLE
