"""A run decided by two processes is the run decided by one."""

import os

import pytest

from cohorts import assembly, blocks
from cohorts.models import Cohort, Decision
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo


def test_two_processes_decide_what_one_does(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("assemble")
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(assembly, "BATCH", 1)
    asked = assembly.request(round_=walk.cohort.round, run_at=walk.cohort.run_at, by=walk.who("prepare"), at=walk.now())
    done = assembly.assemble(asked.pk, by=duty("assemble"), at=walk.now())
    assert done is not None
    assert (done.digest, done.primary_reasons) == (walk.cohort.digest, walk.cohort.primary_reasons)
    assert Decision.objects.filter(cohort=done).count() == walk.cohort.candidates


def test_a_process_that_is_killed_fails_the_run_and_leaves_nothing(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(assembly, "BATCH", 1)
    monkeypatch.setattr(blocks, "_hand_over", lambda *_: os._exit(9))
    asked = assembly.request(round_=walk.cohort.round, run_at=walk.cohort.run_at, by=walk.who("prepare"), at=walk.now())
    with pytest.raises(ChildProcessError):
        assembly.assemble(asked.pk, by=duty("assemble"), at=walk.now())
    asked.refresh_from_db()
    assert asked.state == Cohort.REQUESTED
    assert not Decision.objects.filter(cohort=asked).exists()
