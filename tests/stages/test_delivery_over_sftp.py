"""Delivery to OpenSSH's own server: once, whatever stops it on the way, and to nobody but the pinned host."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import DatabaseError, InterfaceError, connection

from cohorts import objections
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.host_key import pin
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from tests.transfers.far_host import FarHost, Line, free_port, line, make_key, running
from transfers import carrying, delivery, progress, sent
from transfers.channels import sftp, sftp_session
from transfers.channels.channel import Sent
from transfers.models import DeliveryAttempt, Submission

Use = Callable[..., None]
Kill = Callable[[Any], None]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarHost]:
    with running(tmp_path_factory.mktemp("far")) as host:
        yield host


@pytest.fixture
def use(far: FarHost, settings: Any) -> Use:
    """The settings lead to the host; `use(port=…)` leads elsewhere."""
    for path in far.folder.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    (far.home / "full").unlink(missing_ok=True)

    def change(**other: Any) -> None:
        host = far.host(**other)
        settings.CF_DELIVERY = "sftp"
        settings.CF_SFTP_HOST, settings.CF_SFTP_PORT, settings.CF_SFTP_USER = host.name, host.port, host.user
        settings.CF_SFTP_FOLDER, settings.CF_SFTP_HOST_KEY, settings.CF_SFTP_KEY = host.folder, host.pin, host.key
        settings.CF_SFTP_KEY_PASSPHRASE, settings.CF_SFTP_PASSWORD = host.passphrase, host.password
        settings.CF_SFTP_PATIENCE = host.patience

    change()
    return change


@pytest.fixture
def bad(far: FarHost, use: Use) -> Iterator[Line]:
    """A line to the host on which things go wrong."""
    with line(far.port) as made:
        use(port=made.port)
        yield made


def sealed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in configured.CF_OUTBOX.iterdir()}


def attempts() -> list[tuple[str, str]]:
    return list(DeliveryAttempt.objects.order_by("pk").values_list("outcome", "reason"))


def recorded(event: str) -> int:
    count: int = Entry.objects.filter(event=event).count()
    return count


def deliver(walk: Walk, at: datetime | None = None) -> Submission | None:
    return delivery.deliver(submission=walk.submission, by=duty("deliver"), at=at or walk.now())


def hindered(walk: Walk, at: datetime | None = None) -> str:
    """What stands in the way of delivering."""
    with pytest.raises(carrying.NotArrived) as trouble:
        deliver(walk, at)
    return trouble.value.codes[0]


def once_it_is_time(walk: Walk) -> datetime:
    """When the workers try again; not a moment before."""
    at = walk.submission.next_attempt_at
    assert at is not None
    was = attempts()
    assert deliver(walk, at - timedelta(seconds=1)) is None
    assert attempts() == was
    return at


def is_delivered_once(walk: Walk, far: FarHost) -> None:
    assert walk.submission.stage == "SENT"
    assert far.lies_there() == sealed()
    assert [outcome for outcome, _ in attempts()].count("delivered") == recorded("SUBMISSION_DELIVERED") == 1
    assert progress.of(progress.key_of(walk.submission.pk)) is None


def test_it_arrives_whole_and_the_trail_says_where(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    deliver(walk)
    is_delivered_once(walk, far)
    assert sorted(far.names()) == sorted(file["name"] for file in walk.submission.sealed_files)
    attempted = Entry.objects.get(event="DELIVERY_ATTEMPTED").additional_data
    assert (attempted["channel"], attempted["host"]) == ("sftp", "127.0.0.1")
    assert attempted["host_key"] == pin(far.public).fingerprint
    assert Entry.objects.get(event="SUBMISSION_DELIVERED").additional_data["compared_by"] == "sha256"


def test_the_transmittal_is_the_last_to_come(walk_to: WalkTo, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, order, put = walk_to("ask to deliver"), [], sftp.SftpFolder.put

    def put_and_note(folder: sftp.SftpFolder, source: Any, file: Sent, told: Any) -> None:
        order.append(file.name)
        told(1)
        done, total = progress.of(progress.key_of(walk.submission.pk)) or (0, 0)
        assert 0 < done < total == sum(map(len, sealed().values()))
        put(folder, source, file, told)

    monkeypatch.setattr(sftp.SftpFolder, "put", put_and_note)
    deliver(walk)
    assert (len(order), order[-1]) == (4, f"{walk.submission.name}-transmittal.json")


def test_a_lost_line_is_settled_by_looking(walk_to: WalkTo, far: FarHost, bad: Line) -> None:
    walk = walk_to("ask to deliver")
    second = next(file for file in sealed() if file.endswith("programme.zip.p7m"))
    bad.cut = lambda: any(part.name.startswith(second) for part in far.parts())
    assert hindered(walk) == "CONNECTION_LOST"
    assert (walk.submission.stage, attempts()) == ("SENDING", [("", "CONNECTION_LOST")])
    # Nobody can say that nothing about P1 has left.
    assert [told.arrived for told in sent.about([walk.person("P1").pk])] == [None]
    bad.cut = lambda: False
    deliver(walk, once_it_is_time(walk))
    is_delivered_once(walk, far)
    assert [outcome for outcome, _ in attempts()] == ["failed", "delivered"]


def test_what_arrived_before_the_line_was_lost_is_not_sent_again(walk_to: WalkTo, far: FarHost, bad: Line) -> None:
    walk = walk_to("ask to deliver")
    bad.cut = lambda: f"{walk_name}-transmittal.json" in far.names()
    walk_name = walk.submission.name
    assert hindered(walk) == "CONNECTION_LOST"
    lies = {path.name: path.stat().st_ino for path in far.folder.iterdir() if path.suffix != ".part"}
    assert lies.keys() == sealed().keys()
    bad.cut = lambda: False
    deliver(walk, once_it_is_time(walk))
    is_delivered_once(walk, far)
    assert (len(attempts()), recorded("DELIVERY_ATTEMPTED")) == (1, 1)
    assert lies == {path.name: path.stat().st_ino for path in far.folder.iterdir()}


def test_nobody_can_look_so_it_stays_unknown(walk_to: WalkTo, far: FarHost, bad: Line, use: Use) -> None:
    walk = walk_to("ask to deliver")
    bad.cut = lambda: bool(far.parts())
    assert hindered(walk) == "CONNECTION_LOST"
    use(port=free_port())
    assert hindered(walk, once_it_is_time(walk)) == "NOT_REACHED"
    assert attempts() == [("", "NOT_REACHED")]
    assert (recorded("DELIVERY_ATTEMPTED"), walk.submission.delivery_tries) == (1, 2)


def test_a_wrong_host_key_asks_a_person_at_once(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    use(pin=pin(make_key(walk.folder / "other.key")))
    assert hindered(walk) == "WRONG_HOST_KEY"
    row = walk.submission
    assert (row.stage, attempts(), far.names()) == ("SENDING", [("failed", "WRONG_HOST_KEY")], [])
    assert (row.delivery_stopped, row.delivery_requested_at, row.next_attempt_at) == ("WRONG_HOST_KEY", None, None)
    assert recorded("DELIVERY_PUT_OFF") == 1
    assert sent.about([walk.person("P1").pk]) == []
    use()
    delivery.request(submission=row, by=walk.who("prepare"), at=walk.now())
    deliver(walk)
    is_delivered_once(walk, far)
    assert walk.submission.delivery_stopped == ""


def test_a_full_disk_and_a_refused_name_are_tried_again(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    (far.home / "full").write_text("1")
    last = far.folder / f"{walk.submission.name}-transmittal.json"
    assert hindered(walk) == "FILE_REFUSED"
    assert (attempts(), far.names()) == ([("failed", "FILE_REFUSED")], [])
    (far.home / "full").unlink()
    last.mkdir()
    assert hindered(walk, once_it_is_time(walk)) == "RENAME_REFUSED"
    assert attempts()[1:] == [("failed", "RENAME_REFUSED")]
    assert DeliveryAttempt.objects.last().files_arrived == 3  # type: ignore[union-attr]
    # Three of its files lie there: that nothing was sent is not said any more.
    assert len(sent.about([walk.person("P1").pk])) == 1
    last.rmdir()
    deliver(walk, once_it_is_time(walk))
    is_delivered_once(walk, far)


def test_a_line_on_which_nothing_gets_on_is_given_up(walk_to: WalkTo, far: FarHost, bad: Line, use: Use) -> None:
    walk = walk_to("ask to deliver")
    use(port=bad.port, patience=1.0)
    bad.stall = lambda: bool(far.parts())
    assert hindered(walk) == "CONNECTION_LOST"
    bad.stall = lambda: False
    use()
    deliver(walk, once_it_is_time(walk))
    is_delivered_once(walk, far)


def test_a_host_that_is_down_for_an_hour(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    began, waits = walk.now(), []
    use(port=free_port())
    at = began
    while at < began + timedelta(hours=1):
        assert hindered(walk, at) == "NOT_REACHED"
        next_at = once_it_is_time(walk)
        waits.append(round((next_at - at).total_seconds() / 60))
        at = next_at
    assert waits == [1, 2, 4, 8, 16, 32]
    use()
    deliver(walk, at)
    is_delivered_once(walk, far)


def test_after_a_day_a_person_is_asked(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    use(port=free_port())
    at, tries = walk.now(), 0
    began = at
    while walk.submission.delivery_stopped == "":
        at = walk.submission.next_attempt_at or at
        assert hindered(walk, at) == "NOT_REACHED"
        tries += 1
    assert timedelta(hours=22) < at - began <= timedelta(days=1)
    assert tries == 29
    assert (walk.submission.delivery_stopped, recorded("DELIVERY_PUT_OFF")) == ("NOT_REACHED", 1)
    use()
    assert walk.submission.stage == "SENDING"
    delivery.request(submission=walk.submission, by=walk.who("approve"), at=at + timedelta(hours=9))
    deliver(walk, at + timedelta(hours=9))
    is_delivered_once(walk, far)


def test_who_objects_between_two_attempts_is_not_sent(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk = walk_to("ask to deliver")
    use(port=free_port())
    assert hindered(walk) == "NOT_REACHED"
    use()
    at = once_it_is_time(walk)
    asked: dict[str, Any] = {"reference": "O-LATE", "person": walk.person("P1"), "family": None, "datasets": ()}
    objections.receive(**asked, received_at=at, by=walk.who("worker"), at=at)
    with pytest.raises(delivery.NotDelivered) as refused:
        deliver(walk, at)
    assert refused.value.codes == ["OBJECTION_PERSON"]
    assert far.names() == []


def test_who_loses_the_lock_with_the_database_sends_nothing_more(
    walk_to: WalkTo, far: FarHost, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, upload = walk_to("ask to deliver"), sftp_session.Session.upload
    address = address_of(connection.settings_dict["NAME"], connection.settings_dict)

    def lose_the_database(session: sftp_session.Session, *arguments: Any) -> str:
        with psycopg.connect(address) as outside:
            others = "datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            outside.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        return upload(session, *arguments)

    with monkeypatch.context() as losing:
        losing.setattr(sftp_session.Session, "upload", lose_the_database)
        with pytest.raises((DatabaseError, InterfaceError)):
            deliver(walk, walk.now())
    connection.close()
    assert (len(far.names()), len(far.parts())) == (1, 1)
    assert (walk.submission.stage, attempts()) == ("SENDING", [("", "")])
    deliver(walk)
    is_delivered_once(walk, far)


# A worker that is killed ----------------------------------------------------------------------------------------


def in_a_worker(act: Callable[[], object]) -> int:
    """Start this in a process of its own; its number."""
    connection.close()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """How a process ended: 0, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def nth(function: Callable[..., Any], number: int, *, after: bool = False) -> Callable[..., Any]:
    """A function at whose so manieth call the worker dies, before or after it."""
    calls = iter(range(1, 1_000))

    def called(*arguments: Any, **named: Any) -> Any:
        last = next(calls) == number
        if last and not after:
            die()
        found = function(*arguments, **named)
        return die() if last else found

    return called


POINTS: dict[str, tuple[Any, str, int, bool]] = {
    "before the attempt": (delivery, "_attempt", 1, False),
    "after the attempt": (delivery, "_attempt", 1, True),
    "before connecting": (socket, "create_connection", 1, False),
    "before the host is recognised": (sftp, "_recognise", 1, False),
    "before signing in": (sftp, "_sign_in", 1, False),
    "before a file": (sftp_session.Session, "upload", 1, False),
    "mid-file": (sftp_session.Session, "_together", 3, True),
    "before a file is named": (sftp_session.Session, "give_name", 1, False),
    "after a file is named": (sftp_session.Session, "give_name", 1, True),
    "before the last is named": (sftp_session.Session, "give_name", 4, False),
    "after the last is named": (sftp_session.Session, "give_name", 4, True),
    "before the outcome": (delivery, "_arrived", 1, False),
    "after the outcome": (delivery, "_arrived", 1, True),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_sent_twice(
    walk_to: WalkTo, far: FarHost, use: Use, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    walk, (owner, name, number, after) = walk_to("ask to deliver"), POINTS[point]
    # Also a small file takes several rounds.
    monkeypatch.setattr(sftp_session, "CHUNK", 64)

    def works() -> None:
        setattr(owner, name, nth(getattr(owner, name), number, after=after))
        deliver(walk)

    assert ended(in_a_worker(works)) == -signal.SIGKILL
    named = {path.name: path.stat().st_ino for path in far.folder.iterdir() if path.suffix != ".part"}
    assert {name: data for name, data in far.lies_there().items() if name in named}.items() <= sealed().items()
    deliver(walk)
    is_delivered_once(walk, far)
    # What lay there whole was not laid down again.
    assert named.items() <= {path.name: path.stat().st_ino for path in far.folder.iterdir()}.items()


def test_three_workers_at_once_deliver_it_once(walk_to: WalkTo, far: FarHost, use: Use) -> None:
    walk, together = walk_to("ask to deliver"), time.monotonic() + 0.5

    def works() -> None:
        assert walk.submission.stage == "SEALED"
        time.sleep(max(0.0, together - time.monotonic()))
        deliver(walk)

    children = [in_a_worker(works) for _ in range(3)]
    assert [ended(child) for child in children] == [0, 0, 0]
    is_delivered_once(walk, far)
    assert (attempts(), recorded("DELIVERY_ATTEMPTED")) == ([("delivered", "")], 1)
