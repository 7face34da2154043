"""Delivery happens once, whatever stops it on the way; the attempt is on file before anything is sent."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from connecting_families.alone import Work
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import carrying, delivery
from transfers.channels import folder
from transfers.channels.channel import Sent
from transfers.models import DeliveryAttempt


class Crash(Exception):
    """The worker stops here."""


def delivered() -> dict[str, bytes]:
    there = settings.CF_DELIVERY_FOLDER
    return {path.name: path.read_bytes() for path in there.iterdir()} if there.is_dir() else {}


def sealed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in settings.CF_OUTBOX.iterdir()}


def attempts() -> list[str]:
    return list(DeliveryAttempt.objects.order_by("pk").values_list("outcome", flat=True))


def recorded(event: str) -> int:
    count: int = Entry.objects.filter(event=event).count()
    return count


def deliver(walk: Walk) -> Any:
    return delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())


def crash_after(monkeypatch: pytest.MonkeyPatch, files: int) -> Any:
    """The worker is gone after it laid down so many files."""
    put, count = folder.put, iter(range(files))

    def put_some(source: Path, to: Path, file: Sent) -> None:
        if next(count, None) is None:
            raise Crash
        put(source, to, file)

    context = monkeypatch.context()
    context.__enter__().setattr(folder, "put", put_some)
    return context


def test_what_arrives_is_what_was_sealed(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    row = deliver(walk)
    assert (row.stage, walk.submission.stage) == ("SENT", "SENT")
    assert delivered() == sealed()
    assert attempts() == ["delivered"]
    assert (recorded("DELIVERY_ATTEMPTED"), recorded("SUBMISSION_DELIVERED")) == (1, 1)


def test_delivered_twice_is_one_delivery(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    sent_at, lay = walk.submission.sent_at, delivered()
    written = {path.name: path.stat().st_mtime_ns for path in settings.CF_DELIVERY_FOLDER.iterdir()}
    assert deliver(walk).stage == "SENT"
    assert (walk.submission.sent_at, delivered(), attempts()) == (sent_at, lay, ["delivered"])
    assert written == {path.name: path.stat().st_mtime_ns for path in settings.CF_DELIVERY_FOLDER.iterdir()}
    assert recorded("SUBMISSION_DELIVERED") == 1


@pytest.mark.parametrize("files", [0, 1, 3])
def test_a_crash_leaves_an_open_attempt_and_the_next_one_finishes(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    walk = walk_to("ask to deliver")
    crash = crash_after(monkeypatch, files)
    with pytest.raises(Crash):
        deliver(walk)
    crash.__exit__(None, None, None)
    assert (walk.submission.stage, attempts(), len(delivered())) == ("SENDING", [""], files)
    assert deliver(walk).stage == "SENT"
    assert delivered() == sealed()
    assert attempts() == ["failed", "delivered"]


def test_a_crash_before_the_outcome_is_settled_by_looking_and_nothing_is_sent_again(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to deliver")

    def stops(**_: Any) -> None:
        raise Crash

    with monkeypatch.context() as gone:
        gone.setattr(delivery, "_arrived", stops)
        with pytest.raises(Crash):
            deliver(walk)
    assert (walk.submission.stage, attempts()) == ("SENDING", [""])
    crash_after(monkeypatch, 0)
    assert deliver(walk).stage == "SENT"
    assert attempts() == ["delivered"]
    assert recorded("DELIVERY_ATTEMPTED") == 1


def test_half_a_file_is_not_taken_for_the_whole(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    name, whole = max(sealed().items())
    settings.CF_DELIVERY_FOLDER.mkdir()
    (settings.CF_DELIVERY_FOLDER / name).write_bytes(whole[:-1])
    (settings.CF_DELIVERY_FOLDER / f"{name}.part").write_bytes(whole[:1])
    assert deliver(walk).stage == "SENT"
    assert delivered() == sealed()


def test_a_folder_that_cannot_take_it_leaves_the_attempt_open(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    settings.CF_DELIVERY_FOLDER.write_bytes(b"no folder")
    with pytest.raises(carrying.NotArrived, match="folder for delivery cannot be used"):
        deliver(walk)
    assert (walk.submission.stage, attempts()) == ("SENDING", [""])
    settings.CF_DELIVERY_FOLDER.unlink()
    walk.minutes += 1
    assert deliver(walk).stage == "SENT"


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_a_package_that_is_not_the_sealed_one_is_refused(walk_to: WalkTo, change: str) -> None:
    walk = walk_to("ask to deliver")
    path = settings.CF_OUTBOX / min(sealed())
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Refused) as refusal:
        deliver(walk)
    assert refusal.value.codes == ["PACKAGE_CHANGED"]
    assert path.name in str(refusal.value)
    assert (walk.submission.stage, attempts(), delivered()) == ("SEALED", [], {})
    assert recorded("DELIVERY_REFUSED") == 1


def test_a_package_that_changes_under_way_does_not_arrive(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to deliver")
    put = folder.put

    def change_and_put(source: Path, to: Path, file: Sent) -> None:
        source.write_bytes(source.read_bytes()[:-1] + b"?")
        put(source, to, file)

    monkeypatch.setattr(folder, "put", change_and_put)
    with pytest.raises(carrying.NotArrived, match="not the one that was sealed"):
        deliver(walk)
    assert (walk.submission.stage, attempts(), delivered()) == ("SENDING", ["failed"], {})
    assert (walk.submission.delivery_stopped, walk.submission.delivery_requested_at) == ("PACKAGE_CHANGED", None)


def test_the_attempt_is_on_file_before_anything_is_sent(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to deliver")
    address, seen, put = address_of(connection.settings_dict["NAME"], connection.settings_dict), [], folder.put

    def look_from_outside(*arguments: Any) -> None:
        with psycopg.connect(address) as outside:
            seen.append(outside.execute("SELECT stage FROM transfers_submission").fetchone())
        put(*arguments)

    monkeypatch.setattr(folder, "put", look_from_outside)
    deliver(walk)
    assert seen == [("SENDING",)] * 4


def test_nobody_delivers_while_another_does(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Work.DELIVERING.value, walk.submission.pk])
        assert deliver(walk) is None
        assert (walk.submission.stage, delivered()) == ("SEALED", {})
    assert deliver(walk).stage == "SENT"
