"""Running the rules again for a cohort: asked for once, done by a worker, kept by reference, and shown."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from cohorts import assembly, deciding, replay, tasks
from cohorts.models import Decision, Replay
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_a_preparer_has_the_rules_run_again_and_sees_who_differs(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    handed: list[int] = []
    monkeypatch.setattr(tasks.replay, "delay", handed.append)
    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/"
    page = client.post(f"{where}replay/")["Location"]
    # Pressed again while it runs: the same one is shown.
    assert client.post(f"{where}replay/")["Location"] == page
    assert 'data-poll-url="' in text(client.get(page))
    tasks.replay(Replay.objects.get().pk)
    assert client.get(page, headers={"X-Poll": "1"}).status_code == 204
    assert "every decision would be the same" in text(client.get(page))
    walk.change("objections", "objection_ref", "OP6", lifted_at="2026-10-02T09:00:00Z")
    walk.change("families", "family_ref", "F3", flagged_on="")
    frozen = list(Decision.objects.values_list())
    page = client.post(f"{where}replay/")["Location"]
    tasks.replay_what_is_due()
    tasks.replay(handed[-1])
    said = text(client.get(page))
    assert "3 decisions would be different" in said
    assert "Out. This person objects, or someone objects for them." in said
    assert "In. Comparison: not worked with; PNC, NPD" in said
    assert "Not considered" in said
    assert "person=P6" in said
    assert list(Decision.objects.values_list()) == frozen
    assert "3 decisions would be different" in text(client.get(where))
    entry = Entry.objects.filter(event="COHORT_REPLAYED").latest("pk")
    assert (entry.who, entry.additional_data["differences"]) == ("system:replay", 3)
    assert "P6" not in str(entry.changes)
    # Who may look may not press, and Early Help may do neither.
    assert signed_in("approve").get(page).status_code == 200
    assert signed_in("approve").post(f"{where}replay/").status_code == 403
    assert signed_in("worker").get(page).status_code == 403
    assert client.get(f"/cohorts/99/replays/{Replay.objects.first()}/").status_code == 404
    assert len(handed) == 4


def test_a_cohort_that_is_not_finished_is_not_replayed(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    at = walk.now()
    running = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)
    answer = signed_in("prepare").post(f"/cohorts/{running.pk}/replay/")
    assert (answer.status_code, answer["Location"]) == (302, f"/cohorts/{running.pk}/")
    assert not Replay.objects.exists()
    assert Entry.objects.latest("pk").event == "REPLAY_REFUSED"


def test_two_who_ask_at_once_get_one_replay_and_a_second_worker_leaves_it_alone(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    cohort, by, at, found = walk.cohort, walk.who("prepare"), walk.now(), list[int]()

    def ask() -> None:
        try:
            found.append(replay.request(cohort=cohort, by=by, at=at).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert len(found) == 4
    assert Replay.objects.count() == len(set(found)) == 1
    assert Entry.objects.filter(event="REPLAY_REQUESTED").count() == 1
    assert replay.run(found[0], by=duty("replay"), at=walk.now()) is not None
    assert replay.run(found[0], by=duty("replay"), at=walk.now()) is None
    with pytest.raises(IntegrityError, match="A finished replay is never changed"), transaction.atomic():
        Replay.objects.update(number=7)


def test_a_replay_that_cannot_succeed_is_given_up_without_quoting_a_record(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walk = walk_to("assemble")
    row = replay.request(cohort=walk.cohort, by=walk.who("prepare"), at=walk.now())

    def fails(*_: Any) -> None:
        raise ValueError("Quillfeather cannot be decided.")

    monkeypatch.setattr(deciding, "examine", fails)
    tasks.replay(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure) == ("FAILED", "ValueError")
    assert "Quillfeather" not in caplog.text + str(Entry.objects.latest("id").__dict__)
