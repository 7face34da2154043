"""A run in shards is the run unsplit, whoever takes part, whoever is killed, and however often it begins."""

import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction
from kombu.exceptions import OperationalError as NoBroker

from cohorts import assembly, forked, loading, rounds, shards, tasks
from cohorts.models import Cohort, Decision, Run, Shard
from cohorts.replay import replay
from connecting_families import invented
from connecting_families.audit.trail import duty
from tests.beside import ENTRY

FAMILIES = 60
SMALL = 4
BY = duty("test")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def unsplit(committed: str, folders: Path, monkeypatch: pytest.MonkeyPatch) -> Cohort:
    """Invented families on file, and a cohort of them that was assembled in one shard; the next have many."""
    invented.write(folders / "cases", FAMILIES)
    loading.load_directory(folders / "cases", by=BY, at=now())
    round_ = rounds.open_round(
        code="SHARDS", cut_off=invented.CUT_OFF, framework="TF", datasets=["PNC", "NPD"], agreement="DSA-2026", by=BY,
        at=now(),
    )  # fmt: skip
    cohort = assembled(assembly.request(round_=round_, run_at=now(), by=BY, at=now()))
    monkeypatch.setattr(shards, "FAMILIES", SMALL)
    return cohort


def again(cohort: Cohort) -> Cohort:
    return assembly.request(round_=cohort.round, run_at=cohort.run_at, by=BY, at=now())


def assembled(cohort: Cohort, helpers: assembly.Helpers = assembly.ON_THIS_MACHINE) -> Cohort:
    done = assembly.assemble(cohort.pk, by=BY, at=now(), helpers=helpers)
    assert done is not None
    return done


def written(cohort: Cohort) -> int:
    """How many decisions are on file of a cohort, be it finished or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cohorts_decision WHERE cohort_id = %s", [cohort.pk])
        return int(cursor.fetchone()[0])


def is_the_same(cohort: Cohort, other: Cohort) -> None:
    same = ["digest", "candidates", "included", "families", "primary_reasons", "groups", "findings", "matchability"]
    first, second = (Cohort.objects.values(*same).get(pk=each.pk) for each in (cohort, other))
    assert first == second
    assert written(cohort) == other.candidates
    assert not Run.objects.exists()
    assert not Shard.objects.exists()


def in_another_process(work: Callable[[], object]) -> int:
    """Fork; the child works on a connection of its own and ends. Its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        parents = connection.copy(), connections[DEFAULT_DB_ALIAS]
        connections[DEFAULT_DB_ALIAS] = parents[0]
        work()
    finally:
        os._exit(0)


def after_deciding(monkeypatch: pytest.MonkeyPatch, then: Callable[[shards.Joined, Shard], object]) -> None:
    """Do this whenever a shard's rows are written and nothing of it is committed."""
    decide = shards._decide

    def and_then(joined: shards.Joined, shard: Shard) -> Any:
        sums = decide(joined, shard)
        then(joined, shard)
        return sums

    monkeypatch.setattr(shards, "_decide", and_then)


def test_one_two_and_seven_workers_decide_what_one_run_unsplit_does_and_so_does_a_replay(
    unsplit: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, tell = os.pipe()

    def tells_who_it_is(*_: object) -> None:
        os.write(tell, f"{os.getpid()} ".encode())
        # Long enough for the last of them to be there before the first has taken everything.
        time.sleep(0.05 * workers)

    after_deciding(monkeypatch, tells_who_it_is)
    for workers in (1, 2, 7):
        done = assembled(again(unsplit), forked.helpers(workers - 1))
        is_the_same(done, unsplit)
        took_part = os.read(told, 1 << 16).split()
        assert len(took_part) == -(-FAMILIES // SMALL)
        assert len(set(took_part)) == workers
    assert replay(done, by=BY, at=now()).same


def test_a_change_after_the_snapshot_is_of_the_next_run(unsplit: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    def flags_are_lifted(_: shards.Joined, shard: Shard) -> None:
        if shard.number == 0:
            os.waitpid(in_another_process(lift), 0)

    def lift() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(ENTRY)
            cursor.execute("UPDATE cohorts_family SET flagged_on = NULL")

    after_deciding(monkeypatch, flags_are_lifted)
    is_the_same(assembled(again(unsplit), forked.helpers(0)), unsplit)
    assert assembled(again(unsplit)).candidates == 0


def test_helpers_that_are_killed_in_the_middle_of_a_shard_are_no_loss(
    unsplit: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    ourselves, killed = os.getpid(), os.pipe()

    def is_killed(*_: object) -> None:
        if os.getpid() == ourselves:
            time.sleep(0.02)
        elif random.random() < 0.7:
            os.write(killed[1], b"x")
            os.kill(os.getpid(), signal.SIGKILL)

    after_deciding(monkeypatch, is_killed)
    is_the_same(assembled(again(unsplit), forked.helpers(6)), unsplit)
    os.close(killed[1])
    assert os.read(killed[0], 10), "Nobody was killed."


def test_a_run_whose_coordinator_is_killed_shows_nothing_and_begins_again(
    unsplit: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ourselves, coordinators, (told, tell) = again(unsplit), os.getpid(), [0], os.pipe()

    def is_killed_once_a_helper_is_in_the_middle_of_one(_: shards.Joined, shard: Shard) -> None:
        if os.getpid() == ourselves or shard.number < 3:
            return
        if os.getpid() in coordinators:
            os.read(told, 1)
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(tell, b"x")
        time.sleep(0.5)

    def coordinate() -> None:
        coordinators.append(os.getpid())
        assembled(asked, forked.helpers(0))

    def lend_a_hand() -> None:
        while not Run.objects.exclude(snapshot="").exists():
            time.sleep(0.001)
        assembly.lend_a_hand(asked.pk)

    after_deciding(monkeypatch, is_killed_once_a_helper_is_in_the_middle_of_one)
    helper = in_another_process(lend_a_hand)
    os.waitpid(in_another_process(coordinate), 0)
    assert written(asked) > 0
    assert not Decision.objects.filter(cohort=asked).exists()
    assert Cohort.objects.get(pk=asked.pk).state == Cohort.REQUESTED
    is_the_same(assembled(asked), unsplit)
    os.waitpid(helper, 0)
    assert written(asked) == unsplit.candidates


def test_what_stops_everybody_leaves_nothing(unsplit: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = again(unsplit)
    with monkeypatch.context() as broken:
        after_deciding(broken, lambda _, shard: 1 / (5 - shard.number))
        with pytest.raises(ZeroDivisionError):
            assembled(asked, forked.helpers(1))
    assert written(asked) == 0
    assert not Run.objects.exists()
    is_the_same(assembled(asked), unsplit)


def test_a_shard_is_finished_once(unsplit: Cohort) -> None:
    asked = again(unsplit)
    assert shards.plan(asked.pk, now())
    with shards.one_snapshot(asked.pk) as joined:
        assert shards._take(joined, 0)
        assert not shards._take(joined, 0)
        assert shards._left(joined)[0] == 1


def test_what_stands_on_file_and_what_was_counted_agree(unsplit: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    after_deciding(monkeypatch, lambda joined, _: shards.discard_rows(joined.cohort_id))
    with pytest.raises(ValueError, match="not what they counted"):
        assembled(again(unsplit), forked.helpers(0))


def test_only_what_an_unfinished_run_wrote_can_be_discarded_and_only_all_of_it(unsplit: Cohort) -> None:
    asked = again(unsplit)
    shards.plan(asked.pk, now())
    with shards.one_snapshot(asked.pk) as joined:
        shards.take_free(joined)
    for statement in (
        "DELETE FROM cohorts_decision WHERE cohort_id = %s",
        "DELETE FROM cohorts_finding WHERE cohort_id = %s",
        "UPDATE cohorts_decision SET included = true WHERE cohort_id = %s",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement, [asked.pk])
    with pytest.raises(DatabaseError, match="A decision is never changed"):
        shards.discard(unsplit.pk)
    assert written(asked) == written(unsplit) == unsplit.candidates
    shards.discard(asked.pk)
    assert written(asked) == 0


def test_how_far_a_run_is(unsplit: Cohort) -> None:
    asked, at = again(unsplit), now()
    assert shards.progress(asked.pk, at) is None
    shards.plan(asked.pk, at)
    with shards.one_snapshot(asked.pk) as joined:
        before = shards.progress(asked.pk, at)
        shards.take_free(joined)
        after = shards.progress(asked.pk, at)
    assert before == (0, joined.shards, 0, 0.0)
    assert after == (joined.shards, joined.shards, unsplit.families, 0.0)


def test_a_worker_that_can_ask_nobody_for_help_does_it_alone(
    unsplit: Cohort, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nobody(*_: object) -> None:
        raise NoBroker

    monkeypatch.setattr(tasks.help_assemble, "delay", nobody)
    asked = again(unsplit)
    tasks.assemble(asked.pk)
    asked.refresh_from_db()
    is_the_same(asked, unsplit)
    assert "Nobody could be asked for help" in caplog.text


def test_help_that_comes_too_late_does_nothing(unsplit: Cohort, caplog: pytest.LogCaptureFixture) -> None:
    tasks.help_assemble(unsplit.pk)
    asked = again(unsplit)
    shards.plan(asked.pk, now())
    with shards.one_snapshot(asked.pk):
        pass
    tasks.help_assemble(asked.pk)
    assert "ended early" in caplog.text
    assert written(asked) == 0
