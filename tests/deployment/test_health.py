"""What machines that watch over the program are told: of each part whether it is as it should be, and nothing else."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from connecting_families import health, home, pulse
from connecting_families.audit.tasks import seal_the_trail
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.faults.test_workers import now, queue  # noqa: F401 - a fixture

NAMES = ["database", "migrations", "broker", "worker", "beat", "queue", "seal", "backup", "journal", "restore"]


@pytest.fixture
def broker(queue: None, settings: Any) -> str:  # noqa: F811 - a fixture
    """A broker of this test's own, with nobody's sign of life in it."""
    settings.REDIS_URL = os.environ["REDIS_URL"]
    with pulse.broker(settings.REDIS_URL) as there:
        there.delete(pulse.SIGNS)
    return str(settings.REDIS_URL)


def asked(words: str = "") -> tuple[int, dict[str, str]]:
    """What is answered: the status, and the state of each check."""
    answer = Client().get(f"/readyz{words}")
    return answer.status_code, {name: said["state"] for name, said in answer.json()["checks"].items()}


def test_alive_is_who_answers_also_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_connection: object) -> None:
        raise OperationalError("password of somebody at db.anytown.example")

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", gone)
    for method in (Client().get, Client().head):
        assert method("/healthz").status_code == 200
    assert Client().post("/healthz").status_code == 405
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["database"] == {"state": "failed", "why": "OperationalError"}
    assert checks["migrations"] == checks["seal"] == {"state": "not known"}
    assert "anytown" not in answer.content.decode()


def test_each_part_is_named_and_what_fails_is_said(
    broker: str, committed: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CF_CHECKPOINT_KEY, settings.CF_CHECKPOINTS = tmp_path / "key.pem", tmp_path / "checkpoints"
    settings.CF_BACKUP_STAMP = str(tmp_path / "stamp")
    status, checks = asked()
    assert list(checks) == NAMES
    failing = {name for name, state in checks.items() if state == "failed"}
    # Without workers people can still record: a proxy goes on sending them here, and who watches is told.
    assert (status, failing) == (200, {"worker", "beat", "backup"})
    assert asked("?all")[0] == 503

    pulse.sign(broker, "worker")
    pulse.sign(broker, "beat")
    (tmp_path / "stamp").touch()
    assert asked("?all") == (200, dict.fromkeys(NAMES, "ok"))

    accounts.add(username="one", role="administrator", password="marl and osier", by=duty("test"), at=now())
    with monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: now() + timedelta(minutes=11))
        assert asked()[1]["seal"] == "failed"
        seal_the_trail()
        assert asked()[1]["seal"] == "ok"

    settings.REDIS_URL = "unix:///nowhere/at/all?db=0"
    status, checks = asked()
    assert (status, checks["broker"], checks["worker"]) == (200, "failed", "not known")
    assert "nowhere" not in Client().get("/readyz").content.decode()


def test_work_that_nobody_takes_up_is_seen_by_its_age(broker: str, db: None) -> None:
    from transfers.tasks import seal

    assert pulse.look(broker).queue == 0
    seal.delay(7)
    time.sleep(0.05)
    seal.delay(8)
    found = pulse.look(broker)
    assert found.waiting == 2
    assert 0.05 <= found.queue < 30


def test_a_table_that_is_missing_makes_nobody_ready(
    broker: str, committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrated", [])
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: ["0099_to_come"])
    status, checks = asked()
    assert (status, checks["migrations"]) == (503, "failed")


def test_the_home_page_says_when_the_last_backup_was_made(settings: Any, tmp_path: Path) -> None:
    at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    settings.CF_BACKUP_STAMP = ""
    assert home.backed_up(at) == ""
    settings.CF_BACKUP_STAMP = str(tmp_path / "stamp")
    assert home.backed_up(at) == "No backup was made yet."
    (tmp_path / "stamp").touch()
    os.utime(tmp_path / "stamp", (at.timestamp(), at.timestamp()))
    assert home.backed_up(at + timedelta(hours=26)) == "The last backup was made on 30 November 2026 at 09:00."
    assert home.backed_up(at + timedelta(hours=27)).endswith("too long ago: tell who looks after the server.")
