"""What the pages say of a delivery: how far it is, what stood in the way, and how a person has it tried again."""

from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings as configured
from django.test import Client

from connecting_families.audit.trail import duty
from tests.pages.answers import press, text
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import delivery, progress, tasks
from transfers.channels import folder
from transfers.channels.channel import Failed, Sent, Stopped, Trouble
from transfers.models import Submission


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A submission that the workers were asked to deliver; nothing is handed to a queue."""
    walked = walk_to("ask to deliver")
    at_the_walks_time(walked)
    monkeypatch.setattr(tasks.deliver, "delay", Mock())
    return walked


def page_of(walk: Walk) -> str:
    return f"/submissions/{walk.submission.name}/"


def ask_again(client: Client, walk: Walk) -> Any:
    return press(client, f"{page_of(walk)}deliver/")


def hinder(monkeypatch: pytest.MonkeyPatch, trouble: Trouble) -> None:
    """From here on this stands in the way."""

    def in_the_way(*_: Any) -> None:
        raise trouble

    monkeypatch.setattr(folder.Folder, "put", in_the_way)


def test_how_far_it_is_is_told_in_bytes(walk: Walk, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client, put, seen = signed_in("approve"), folder.Folder.put, []
    total = sum(file["bytes"] for file in walk.submission.sealed_files)

    def put_and_look(to: folder.Folder, source: Any, file: Sent, told: Any) -> None:
        told(7)
        seen.append(client.get(page_of(walk), headers={"X-Poll": "1"}).content.decode())
        put(to, source, file, told)

    monkeypatch.setattr(folder.Folder, "put", put_and_look)
    delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    assert f'value="7" max="{total}"' in seen[0]
    assert f"7 of {total:,} bytes are there." in text(Mock(content=seen[0].encode()))
    assert progress.of(progress.key_of(walk.submission.pk)) is None
    assert client.get(page_of(walk), headers={"X-Poll": "1"}).status_code == 204


def test_what_did_not_get_through_is_told_and_tried_again_when_somebody_asks(
    walk: Walk, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hindered:
        hinder(hindered, Failed("FILE_REFUSED"))
        tasks.deliver(walk.submission.pk)
    walk.minutes -= 1
    tasks.deliver_what_is_due()
    tasks.deliver.delay.assert_not_called()
    client = signed_in("approve")
    said = text(client.get(page_of(walk)))
    assert "Tried 1 time. The recipient's host did not take a file: its disk may be full" in said
    assert "To be tried again on 2 November 2026" in said
    assert "it did not get through, and is tried again on" in text(client.get("/"))
    assert "Try again now" in said
    assert ask_again(client, walk)["Location"] == page_of(walk)
    tasks.deliver.delay.assert_called_once_with(walk.submission.pk)
    tasks.deliver(walk.submission.pk)
    assert walk.submission.stage == "SENT"
    assert "Try again now" not in text(client.get(page_of(walk)))


def test_another_host_than_the_pinned_one_is_told_to_a_person_who_may_ask_again(
    walk: Walk, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hindered:
        hinder(hindered, Stopped("WRONG_HOST_KEY"))
        tasks.deliver(walk.submission.pk)
    tasks.deliver_what_is_due()
    tasks.deliver.delay.assert_not_called()
    preparer, client = signed_in("prepare"), signed_in("approve")
    for reader in (preparer, client):
        said = text(reader.get(page_of(walk)))
        assert "Delivery waits for a person: the workers have stopped trying." in said
        assert "The host that answered is not the recipient's" in said
        assert "Delivery of a submission did not get through" in said
        assert "for a person: delivering it was stopped" in text(reader.get("/"))
        assert "data-poll-url" not in reader.get(page_of(walk)).content.decode()
    assert ask_again(client, walk)["Location"] == page_of(walk)
    tasks.deliver(walk.submission.pk)
    assert (walk.submission.stage, Submission.objects.get().delivery_stopped) == ("SENT", "")
    assert {path.name for path in configured.CF_DELIVERY_FOLDER.iterdir()} == {
        file["name"] for file in walk.submission.sealed_files
    }
