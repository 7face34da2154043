"""Somebody objects in the very moment in which a submission is approved, sealed or sent: one of the two is first.

The two run as they would, in connections of their own, a little apart by chance, and the moment is brought back each
time. Either the objection is first: the act is refused, and the submission void. Or the act is first: then the next
door is closed, or, of what was sent, a withdrawal is made. An objection is never lost, and never refused.

Each act is raced 1,000 times; `CF_RACES=100` asks for another number.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from django.db import connection

from cohorts import objections
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who, duty
from tests.gates.interrupted import lying
from tests.gates.looked import rows
from tests.gates.photographed import Stood, bring_back, photograph
from tests.gates.walked import prepared
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import approval, delivery, doors, sealing, withdrawal
from transfers.channels.channel import Where
from transfers.models import Submission, Withdrawn

RACES = int(os.environ.get("CF_RACES", "1000"))
OBJECTORS = ("P1", "P2", "P3", "P4", "P5", "P7")
STEP, LONG = 0.003, 0.1
"""Seconds by which one of the two starts later: at least, and at most."""


HAPPENED = """
    SELECT stage, EXISTS (SELECT FROM cohorts_objection WHERE reference = %s),
        (SELECT coalesce(array_agg(event ORDER BY id), '{}') FROM audit_entry WHERE id > %s)
    FROM transfers_submission WHERE id = %s
"""
Staff = Mapping[str, Who]


class Course(NamedTuple):
    """What is raced: from which act of the walk on, the act, its entry and that of its refusal, and the next door."""

    start: str
    act: Callable[[Staff, Submission, Any], object]
    done: str
    refused: str
    then: Callable[[Staff, Submission, Any], object] | None


COURSES = {
    "approve": Course(
        "open sample",
        lambda staff, row, at: approval.approve(submission=row, by=staff["approve"], at=at),
        "SUBMISSION_APPROVED",
        "APPROVAL_REFUSED",
        lambda staff, row, at: sealing.request(submission=row, by=staff["prepare"], at=at),
    ),
    "seal": Course(
        "ask to seal",
        lambda _, row, at: sealing.seal(submission=row, by=duty("seal"), at=at),
        "SUBMISSION_SEALED",
        "SEALING_REFUSED",
        lambda staff, row, at: delivery.request(submission=row, by=staff["prepare"], at=at),
    ),
    "send": Course(
        "ask to deliver",
        # The door alone: what is done behind it takes long, and nothing can stop it.
        lambda _, row, at: delivery._attempt(submission=row, where=Where("folder"), by=duty("deliver"), at=at),
        "DELIVERY_ATTEMPTED",
        "DELIVERY_REFUSED",
        None,
    ),
}


class Race:
    """One course, run again and again."""

    def __init__(self, walk: Walk, course: Course) -> None:
        self.course = course
        self.row, self.at = walk.submission, walk.now()
        self.people = {ref: walk.person(ref) for ref in OBJECTORS}
        self.staff: Staff = {name: walk.who(name) for name in ("prepare", "approve", "worker")}
        self.stood: Stood = photograph(self.row.name)
        self.last = bring_back(self.stood)
        self.runners = (ThreadPoolExecutor(1), ThreadPoolExecutor(1))
        self.start = threading.Barrier(2, timeout=30)
        self.asked_at, self.recorded_at = 0.0, 0.0
        self.outcomes: Counter[str] = Counter()

    def run(self, number: int, lead: float, person: str) -> str:
        """Once; the objection starts so many seconds before the act (or, below nought, after it)."""
        act = self.runners[0].submit(self._act, max(lead, 0))
        objecting = self.runners[1].submit(self._object, f"RACE{number}", person, max(-lead, 0))
        objecting.result(60)
        codes = act.result(60)
        ((stage, on_file, events),) = rows(HAPPENED, f"RACE{number}", self.last, self.row.pk)
        entries = Counter(events)
        assert on_file
        assert entries["OBJECTION_RECEIVED"] == 1
        won = not codes
        assert entries[self.course.done] == won
        assert entries[self.course.refused] == (not won)
        if won:
            self._is_first(stage, events, person)
        else:
            assert codes == ["OBJECTION_PERSON"]
            assert (stage, entries["SUBMISSION_VOIDED"]) == ("VOID", 1)
            assert lying() == []
        outcome = "act" if won else "objection"
        self.outcomes[outcome] += 1
        self.last = bring_back(self.stood)
        return outcome

    def _is_first(self, stage: str, events: list[str], person: str) -> None:
        """The guard was asked before the objection was on file, and what comes next knows of it."""
        assert self.recorded_at > self.asked_at, "the objection was on file before the guard was asked"
        assert "SUBMISSION_VOIDED" not in events
        order = [event for event in events if event in (self.course.done, "OBJECTION_RECEIVED")]
        assert order == [self.course.done, "OBJECTION_RECEIVED"]
        if self.course.then is not None:
            with pytest.raises(Refused) as refusal:
                self.course.then(self.staff, self.row, self.at)
            assert refusal.value.codes == ["OBJECTION_PERSON"]
            return
        assert stage == "SENDING"
        attempt = Submission.objects.get(pk=self.row.pk).delivery_attempts.get()
        delivery._arrived(submission=self.row, attempt=attempt, checked="sha256", by=duty("deliver"), at=self.at)
        withdrawal.make(submission=self.row, by=duty("withdraw"), at=self.at)
        assert list(Withdrawn.objects.values_list("person_id", flat=True)) == [self.people[person].pk]

    def _act(self, later: float) -> list[str]:
        self.start.wait()
        time.sleep(later)
        try:
            assert self.course.act(self.staff, self.row, self.at) is not None
        except Refused as refusal:
            return refusal.codes
        return []

    def _object(self, reference: str, person: str, later: float) -> None:
        self.start.wait()
        time.sleep(later)
        objections.receive(
            reference=reference, person=self.people[person], received_at=self.at, by=self.staff["worker"], at=self.at
        )
        self.recorded_at = time.perf_counter()

    def end(self) -> None:
        """Nobody is connected any more."""
        for runner in self.runners:
            runner.submit(lambda: connection.close()).result(10)
            runner.shutdown()


@pytest.fixture
def race(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Race]]:
    """A race of one of the courses."""
    made: list[Race] = []

    def on(course: str) -> Race:
        made.append(Race(walk_to(COURSES[course].start), COURSES[course]))
        guard = doors.guard

        def noting(*arguments: Any) -> Any:
            found = guard(*arguments)
            made[0].asked_at = time.perf_counter()
            return found

        monkeypatch.setattr(doors, "guard", noting)
        return made[0]

    with prepared():
        yield on
        for each in made:
            each.end()


@pytest.mark.parametrize("course", COURSES)
def test_whoever_objects_while_it_is_done_is_safe(race: Callable[[str], Race], course: str) -> None:
    run, chance = race(course), random.Random(course)
    apart, step, last = 0.0, STEP, ""
    for number in range(RACES):
        # Whoever was first starts a little later, and the more so the longer that goes on: the two stay close.
        outcome = run.run(number, apart + chance.uniform(-STEP, STEP), chance.choice(OBJECTORS))
        step = min(step * 1.5, LONG) if outcome == last else max(step / 2, STEP)
        apart, last = apart + (step if outcome == "act" else -step), outcome
    assert sum(run.outcomes.values()) == RACES
    assert min(run.outcomes["act"], run.outcomes["objection"]) > RACES / 20, run.outcomes
