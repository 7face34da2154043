"""Two beats where one was meant: whatever is looked for every so often is looked for twice at once, and done once."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core import mail
from django.db import connection
from django.utils import timezone

from cohorts import proposing
from connecting_families.audit.models import Checkpoint, Entry
from connecting_families.audit.trail import duty
from connecting_families.celery import app
from connecting_families.governance.models import LookToCheck, PromiseOutcome
from tests.audit.acts import files, governing, runs
from tests.stages.conftest import WalkTo
from tests.stages.test_withdrawal import object_to
from tests.stages.walk import Walk

# What each look comes to, once.
ONCE = {
    "COHORT_ASSEMBLED": 1, "DRY_RUN_MADE": 1, "COHORT_REPLAYED": 1, "UPLOAD_CHECKED": 1, "RECEIPT_REFUSED": 2,
    "DUPLICATES_SEARCHED": 1, "TRAIL_VERIFIED": 1, "WEEKLY_MAIL_ATTEMPTED": 1, "WEEKLY_MAIL_SENT": 1,
    "PROMISES_CHECKED": 1, "ALARM_MAIL_ATTEMPTED": 1, "ALARM_MAIL_SENT": 1, "CHECKPOINT_MAIL_ATTEMPTED": 1,
    "CHECKPOINT_MAIL_SENT": 1,
}  # fmt: skip
OF_A_SUBMISSION = {
    "ask to seal": {"SUBMISSION_SEALED": 1},
    "ask to deliver": {"DELIVERY_ATTEMPTED": 1, "SUBMISSION_DELIVERED": 1},
    "deliver": {
        "WITHDRAWAL_MADE": 1, "WITHDRAWAL_SEALED": 1, "WITHDRAWAL_ATTEMPTED": 1, "WITHDRAWAL_DELIVERED": 1,
    },
}  # fmt: skip


def twice_at_once(work: Callable[[], object]) -> None:
    """As two workers do it who were handed the same by two beats."""
    together, wrong = threading.Barrier(2), list[BaseException]()

    def one() -> None:
        try:
            together.wait(30)
            work()
        except BaseException as error:  # noqa: BLE001 - for the thread that asserts
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


def furnish(walk: Walk, after: str, folder: Path) -> None:
    """Something that is due for every look."""
    runs.ask_for_a_replay(walk)
    runs.to_try(walk)
    runs.request_a_run(walk)
    files.upload(walk)
    governing.ask_to_verify(walk)
    governing.ask_to_sift(walk)
    proposing.request(by=walk.who("prepare"), at=walk.now())
    if after == "deliver":
        object_to(walk, reference="LATE", person=walk.person("P1"), channel="phone")
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text(f'{{"{name}": "no receipt"}}')


@pytest.mark.parametrize("after", OF_A_SUBMISSION)
def test_every_look_for_what_is_due_is_safe_to_take_twice_at_the_same_time(
    walk_to: WalkTo, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: str
) -> None:
    walk = walk_to(after)
    monkeypatch.setattr(timezone, "now", walk.now)
    settings.CF_GOVERNANCE_MAIL = settings.CF_CHECKPOINT_MAIL = ["governance@anytown.example"]
    settings.CF_RECEIPT_FOLDER, settings.CF_CHECKPOINTS = tmp_path / "receipts", tmp_path / "checkpoints"
    settings.CF_CHECKPOINT_KEY = tmp_path / "checkpoint-key.pem"
    furnish(walk, after, configured.CF_RECEIPT_FOLDER)
    app.loader.import_default_modules()
    monkeypatch.setattr(app.conf, "task_always_eager", True)
    before = Entry.objects.latest("pk").pk
    for due in app.conf.beat_schedule.values():
        twice_at_once(app.tasks[due["task"]])
    # Another night's worth of looks finds nothing left to do.
    for due in app.conf.beat_schedule.values():
        app.tasks[due["task"]]()
    found = Counter(Entry.objects.filter(pk__gt=before).values_list("event", flat=True))
    expected = ONCE | OF_A_SUBMISSION[after]
    assert {event: found[event] for event in expected} == expected
    # Going through the trail is recorded each time, and finds nothing twice; each broken promise tells of itself.
    assert found.keys() <= expected.keys() | {"LOOKS_SIFTED", "PROMISE_BROKEN"}
    assert found["PROMISE_BROKEN"] == PromiseOutcome.objects.filter(kept=False).count()
    assert LookToCheck.objects.count() == len(set(LookToCheck.objects.values_list("kind", "who", "first_at")))
    sizes = list(Checkpoint.objects.values_list("size", flat=True))
    assert len(sizes) == len(set(sizes))
    assert [message.to for message in mail.outbox] == [["governance@anytown.example"]] * 3
    said = " ".join(f"{message.body} {message.subject}" for message in mail.outbox)
    assert [word for word in ("Zebulonia", "Quillfeather", "LATE", "prepare", "CF-E0", "P1") if word in said] == []
    assert "Objections to decide: " in said
    assert "look at this now" in said
    assert Entry.objects.filter(event="WEEKLY_MAIL_SENT", who=duty("mail").reference).count() == 1
