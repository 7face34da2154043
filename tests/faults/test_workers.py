"""A worker is killed in the middle: nothing half is left, and the next worker finishes what was begun.

The moments are drawn anew in each run: few in each, and more until one of them was in the middle. CF_MOMENTS=20 asks
for more.
"""

import contextlib
import hashlib
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from cohorts import assembly, loading, looks, queries, rounds, shards, tasks
from cohorts.models import Cohort, Decision, Finding, Round, Shard
from connecting_families import invented
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Who, duty
from connecting_families.celery import app
from connecting_families.embedded import broker_url
from connecting_families.staff import accounts
from connecting_families.workers import WORKER
from transfers import approval, certificates, keys, sealing, submission
from transfers import tasks as transfer_tasks
from transfers.models import Submission

MOMENTS = int(os.environ.get("CF_MOMENTS", "3"))
AT_MOST = MOMENTS + 12
"""After so many of which none came in the middle they are drawn wrongly."""
FAMILIES = 600
PATIENCE = 60.0
LOADER = duty("load")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A queue of this test's own on the broker, for this process and the workers that it starts."""
    number = 1 + sum(os.environ.get("PYTEST_XDIST_WORKER", "main").encode()) % 14
    address = f"{os.environ['REDIS_URL'].partition('?')[0]}?db={number}"
    if not address.startswith("unix:"):
        address = f"{os.environ['REDIS_URL'].rstrip('/').rpartition('/')[0]}/{number}"
    monkeypatch.setenv("REDIS_URL", address)
    ordinary = app.conf.broker_url
    app.conf.broker_url = broker_url(address)
    # Connections that an earlier test left open lead to the ordinary queue.
    app._after_fork()
    app.control.purge()
    yield
    app.control.purge()
    app.conf.broker_url = ordinary
    app._after_fork()


@contextlib.contextmanager
def a_worker() -> Iterator["Worker"]:
    """A real worker; killed at the end of the block."""
    worker = Worker()
    try:
        yield worker
    finally:
        worker.kill()


class Worker:
    """A real worker, and the next one after it was killed."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(WORKER, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self._process.kill()
        self._process.wait()

    def follow(self) -> None:
        """Another worker comes after it."""
        self._start()


def wait_until(holds: Callable[[], bool]) -> None:
    """Raises AssertionError where it does not within a minute."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "The work was not finished."
        time.sleep(0.02)


@pytest.fixture
def on_file(committed: str, queue: None, folders: Path) -> Round:
    """Invented families on file, and a round."""
    invented.write(folders / "cases", FAMILIES)
    loading.load_directory(folders / "cases", by=LOADER, at=now())
    return open_round("KILL")


def open_round(code: str) -> Round:
    return rounds.open_round(
        code=code,
        cut_off=invented.CUT_OFF,
        framework="TF",
        datasets=["PNC", "NPD"],
        agreement="DSA-2026",
        by=LOADER,
        at=now(),
    )


def request(round_: Round) -> Cohort:
    return assembly.request(round_=round_, run_at=now(), by=LOADER, at=now())


def test_an_assembly_killed_at_random_moments_leaves_no_half_cohort_and_is_finished_by_the_next_worker(
    on_file: Round,
) -> None:
    draw = random.Random()
    expected = assembly.assemble(request(on_file).pk, by=duty("assemble"), at=now())
    assert expected is not None
    interrupted = 0
    with a_worker() as worker:
        for moment in range(AT_MOST):
            if moment >= MOMENTS and interrupted:
                break
            wait_until(lambda: app.control.ping(timeout=0.3, limit=1) != [])
            cohort = assembly.request(round_=on_file, run_at=expected.run_at, by=LOADER, at=now())
            tasks.assemble.delay(cohort.pk)
            time.sleep(draw.uniform(0, 1.2 * expected.seconds))
            worker.kill()
            time.sleep(0.1)
            cohort.refresh_from_db()
            if cohort.state != Cohort.FINISHED:
                interrupted += 1
                assert not Decision.objects.filter(cohort=cohort).exists()
                assert not Finding.objects.filter(cohort=cohort).exists()
            worker.follow()
            wait_until(lambda c=cohort: Cohort.objects.get(pk=c.pk).state == Cohort.FINISHED)  # type: ignore[misc]
            cohort.refresh_from_db()
            assert cohort.digest == expected.digest
            assert Decision.objects.filter(cohort=cohort).count() == expected.candidates
            assert Entry.objects.filter(event="COHORT_ASSEMBLED", reference=str(cohort)).count() == 1
    assert interrupted, "No kill came in the middle of a run: the moments are drawn too late."


def test_another_worker_takes_shards_and_is_killed_in_the_middle(
    on_file: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = assembly.assemble(request(on_file).pk, by=duty("assemble"), at=now())
    assert expected is not None
    cohort = assembly.request(round_=on_file, run_at=expected.run_at, by=LOADER, at=now())
    monkeypatch.setattr(shards, "FAMILIES", 5)

    @contextlib.contextmanager
    def another_worker(joined: shards.Joined) -> Iterator[None]:
        """A worker that comes when the run goes on; whoever coordinates has done nothing when it is killed."""
        with a_worker() as worker, tasks._other_workers(joined):
            wait_until(lambda: Shard.objects.filter(done=True).count() > 3)
            worker.kill()
        assert Shard.objects.filter(done=False).exists(), "The worker was through before it was killed."
        yield

    done = assembly.assemble(cohort.pk, by=duty("assemble"), at=now(), helpers=another_worker)
    assert done is not None
    assert done.digest == expected.digest
    assert Decision.objects.filter(cohort=done).count() == expected.candidates


@pytest.fixture
def people(committed: str) -> dict[str, Who]:
    """Somebody who prepares, and somebody who approves."""
    added = {
        name: accounts.add(username=name, role=role, password="a walk through anytown", by=LOADER, at=now())
        for name, role in (("prepare", "data_preparer"), ("approve", "data_approver"))
    }
    return {name: user.who() for name, user in added.items()}


@pytest.fixture
def recipient(
    folders: Path, people: dict[str, Who], settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up recipient, accepted by two; the council's key."""
    made = keys.make_demonstration_keys(folders / "keys", now())
    for name, path in (("CF_SIGNING_KEY", made.signing_key), ("CF_SIGNING_CERTIFICATE", made.signing_certificate)):
        setattr(settings, name, path)
        monkeypatch.setenv(name, str(path))
    pem = made.recipient_certificate.read_bytes()
    fingerprint = keys.fingerprint(keys.load_certificate(pem))
    for purpose in ("linkage", "analysis"):
        certificates.add(pem=pem, recipient="ONS", purpose=purpose, by=people["prepare"], at=now())
        for who in people.values():
            certificates.accept(fingerprint=fingerprint, purpose=purpose, by=who, at=now())


def approved(round_: Round, people: dict[str, Who]) -> Submission:
    """A submission of a new cohort of this round, approved."""
    cohort = assembly.assemble(request(round_).pk, by=duty("assemble"), at=now())
    assert cohort is not None
    drafted = submission.draft(cohort=cohort, by=people["prepare"], at=now())
    for code in queries.open_queries(cohort):
        submission.explain(
            submission=drafted, code=code, text="Invented, and wrong by design.", by=people["prepare"], at=now()
        )
    looks.open_both(cohort=cohort, by=people["prepare"], at=now())
    submission.put_forward(submission=drafted, by=people["prepare"], at=now())
    approval.open_sample(submission=drafted, by=people["approve"], at=now())
    return approval.approve(submission=drafted, by=people["approve"], at=now())


def begun(outbox: Path, row: Submission) -> bool:
    """Whether a worker has begun to seal this, or is through with it."""
    unfinished = any(path.name.startswith(f".{row.name}-") for path in outbox.glob(".*"))
    return unfinished or Submission.objects.get(pk=row.pk).stage == "SEALED"


def test_a_sealing_killed_at_random_moments_leaves_no_half_package_and_is_finished_by_the_next_worker(
    on_file: Round, people: dict[str, Who], recipient: None
) -> None:
    draw = random.Random()
    outbox: Path = settings.CF_OUTBOX
    interrupted = 0
    with a_worker() as worker:
        for moment in range(AT_MOST):
            if moment >= MOMENTS and interrupted:
                break
            row = approved(open_round(f"KILL-{moment}"), people)
            wait_until(lambda: app.control.ping(timeout=0.3, limit=1) != [])
            sealing.request(submission=row, by=people["prepare"], at=now())
            transfer_tasks.seal.delay(row.pk)
            # From the first byte on it takes a tenth of a second.
            wait_until(lambda r=row: begun(outbox, r))  # type: ignore[misc]
            time.sleep(draw.uniform(0, 0.1))
            worker.kill()
            time.sleep(0.1)
            row.refresh_from_db()
            there = [path.name for path in outbox.glob(f"{row.name}-*")]
            assert len(there) in (0, 4)
            if row.stage != "SEALED":
                interrupted += 1
            worker.follow()
            wait_until(lambda r=row: Submission.objects.get(pk=r.pk).stage == "SEALED")  # type: ignore[misc]
            row.refresh_from_db()
            for file in row.sealed_files:
                assert hashlib.sha256((outbox / file["name"]).read_bytes()).hexdigest() == file["sha256"]
            assert not [path for path in outbox.iterdir() if path.name.startswith(".")]
            assert Entry.objects.filter(event="SUBMISSION_SEALED", reference=row.name).count() == 1
    assert interrupted, "No kill came before the end of a sealing: the moments are drawn too late."
