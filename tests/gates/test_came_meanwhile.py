"""What came to light in the walks over the gates, each by itself: what comes while an act is at the door counts."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from cohorts import objections, queries
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo
from tests.stages.walk import ORDER, RUN, Walk
from transfers import destruction, doors, package, sealing

DOORS = ("put forward", "approve", "ask to seal", "seal", "ask to deliver", "deliver")


def object_elsewhere(walk: Walk, **about: Any) -> None:
    """Somebody objects, in another connection, in this very minute; it is on file when this returns."""
    at = RUN + timedelta(minutes=walk.minutes)

    def receive() -> None:
        try:
            objections.receive(received_at=at, by=walk.who("worker"), at=at, **about)
        finally:
            connection.close()

    thread = threading.Thread(target=receive)
    thread.start()
    thread.join(20)


@pytest.mark.parametrize("act", DOORS)
def test_an_objection_of_nobody_known_that_comes_before_permissions_are_held_stops_the_act(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    walk = walk_to(ORDER[ORDER.index(act) - 1])
    stage, hold = walk.submission.stage, queries.hold_permissions

    def hold_after_somebody_objected(**how: Any) -> None:
        object_elsewhere(walk, about="A caller")
        hold(**how)

    monkeypatch.setattr(queries, "hold_permissions", hold_after_somebody_objected)
    with pytest.raises(Refused) as refusal:
        walk.do(act)
    assert refusal.value.codes == ["UNMATCHED_OBJECTION"]
    assert walk.submission.stage == stage


def test_what_a_killed_worker_left_in_the_outbox_goes_with_the_submission(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the files had their names and nothing was committed, or when a void one was to be cleared away."""
    walk = walk_to("seal")
    sealed = {path.name: path.read_bytes() for path in settings.CF_OUTBOX.iterdir()}
    name = walk.submission.name
    others = [f"{name}-0001-identifiers.zip.p7m", f".{name}-0001-identifiers.zip.p7m.abc{package.UNFINISHED}"]
    for other in others:
        (settings.CF_OUTBOX / other).write_bytes(b"of another submission, whose name begins like this one's")
    left = f".{name}-identifiers.zip.p7m.abc{package.UNFINISHED}"
    (settings.CF_OUTBOX / left).write_bytes(b"half")

    with monkeypatch.context() as killed:
        killed.setattr(package, "remove", _is_killed)
        with pytest.raises(KeyboardInterrupt):
            doors.void(submission=walk.submission, why="Somebody objects.", codes=[], by=duty("guard"), at=walk.now())
    assert walk.submission.stage == "VOID"
    assert {path.name for path in settings.CF_OUTBOX.iterdir()} == {*sealed, left, *others}
    assert destruction.clear_away() == [name]
    assert {path.name for path in settings.CF_OUTBOX.iterdir()} == set(others)
    assert destruction.clear_away() == []


def test_files_that_were_named_and_not_committed_go_when_the_submission_is_void(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to seal")
    lay: dict[str, bytes] = {}

    def is_killed(folder: Path) -> None:
        lay.update({path.name: path.read_bytes() for path in folder.iterdir()})
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(package, "_sync", is_killed)
        with pytest.raises(KeyboardInterrupt):
            sealing.seal(submission=walk.submission, by=duty("seal"), at=walk.now())
    assert len(lay) == 4
    # A process that is killed cleans nothing up.
    for file, data in lay.items():
        (settings.CF_OUTBOX / file).write_bytes(data)
    object_elsewhere(walk, person=walk.person("P1"))
    with pytest.raises(Refused):
        walk.do("seal")
    assert walk.submission.stage == "VOID"
    assert list(settings.CF_OUTBOX.iterdir()) == []


def _is_killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
