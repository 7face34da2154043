"""A new version of the program comes while a run of the rules goes on. Whoever looks sees it go on, or begin again.

Lost is nothing: no cohort is decided by two versions of the rules, and each names the one that decided it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from cohorts import assembly, shards
from cohorts.models import Cohort, Run, Shard
from cohorts.rules.reasons import RULE_SET
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo, stands, walk_to
from tests.stages.walk import Walk

__all__ = ["stands", "walk_to"]

NEXT = "2027-01"


def asked(walk: Walk) -> Cohort:
    at = walk.now()
    return assembly.request(round_=walk.cohort.round, run_at=walk.cohort.run_at, by=walk.who("prepare"), at=at)


def deployed(patched: pytest.MonkeyPatch) -> None:
    """From here on this process is of the next version."""
    for module in (assembly, shards):
        patched.setattr(module, "RULE_SET", NEXT)


def test_a_worker_of_the_next_version_does_not_help_and_takes_over_from_the_beginning(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    monkeypatch.setattr(shards, "FAMILIES", 1)
    before = walk.cohort

    @contextlib.contextmanager
    def another(joined: shards.Joined) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patched:
            deployed(patched)
            assert shards.join(joined.cohort_id) is None
            assembly.lend_a_hand(joined.cohort_id)
        assert not Shard.objects.filter(done=True).exists()
        yield

    done = assembly.assemble(asked(walk).pk, by=duty("assemble"), at=walk.now(), helpers=another)
    assert done is not None
    assert (done.digest, done.rule_set) == (before.digest, RULE_SET)

    # The old one is stopped in the middle: what it wrote goes, and the next version decides everybody.
    @contextlib.contextmanager
    def stopped(joined: shards.Joined) -> Iterator[None]:
        assert shards._take(joined, 0)
        raise KeyboardInterrupt
        yield

    row = asked(walk)
    begun: Any = {"by": duty("assemble"), "at": walk.now(), "helpers": stopped}
    with pytest.raises(KeyboardInterrupt):
        assembly.assemble(row.pk, **begun)
    assert (Run.objects.get(pk=row.pk).rule_set, Shard.objects.filter(done=True).count()) == (RULE_SET, 1)
    deployed(monkeypatch)
    last = assembly.assemble(row.pk, by=duty("assemble"), at=walk.now())
    assert last is not None
    assert (last.digest, last.candidates, last.rule_set) == (before.digest, before.candidates, NEXT)
    assert Entry.objects.filter(event="COHORT_ASSEMBLED", reference=str(row)).count() == 1
