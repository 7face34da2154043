"""Replay: run the rules again as at a cohort's moment, over today's records, and say who differs and why.

The workers do it for a page, which keeps what came of it; at the prompt it is done at once, and printed.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from cohorts import facts, forgetting
from cohorts.deciding import Tally, decided, iso
from cohorts.models import Cohort, Replay
from cohorts.rules.inclusion import Decision
from cohorts.rules.reasons import RULE_SET
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

LISTED = 1_000
NOT_A_CANDIDATE = "not a candidate"


class Difference(NamedTuple):
    """A decision that would be another today, and whether the facts changed since the run, or the rules did."""

    family_ref: str
    person_ref: str
    was: str
    would_be: str
    changed: str


class Replayed(NamedTuple):
    """The outcome: the same digest, or who differs (the first thousand are listed)."""

    digest: str
    same: bool
    number: int
    differences: list[Difference]


class _Frozen(NamedTuple):
    family_ref: str
    person_ref: str
    outcome: str
    facts_digest: str


class NotReplayed(Refused):
    """Running the rules again was refused."""

    event = Event.REPLAY_REFUSED


@trail.stage
def request(*, cohort: Cohort, by: Who, at: datetime) -> Replay:
    """Ask for a replay of a finished cohort; one that was asked for and is not finished is answered instead.

    Raises NotReplayed where the cohort is not finished, or is forgotten.
    """
    # Of two who press at once, the second waits here and finds the replay of the first.
    row = Cohort.objects.select_for_update().get(pk=cohort.pk)
    if row.state != Cohort.FINISHED:
        reason = Why("COHORT_NOT_FINISHED", "The cohort is not finished. Wait until its run has ended.")
        raise NotReplayed([reason], record="cohorts.cohort", reference=str(row))
    if forgetting.is_forgotten(row):
        reason = Why("FORGOTTEN", "What was sent of this cohort was destroyed: there are no decisions to compare with.")
        raise NotReplayed([reason], record="cohorts.cohort", reference=str(row))
    running = row.replays.filter(state=Replay.REQUESTED).first()
    if running is not None:
        return running
    asked = Replay.objects.create(
        cohort=row, requested_at=at, requested_by=by.reference, correlation=trail.correlation()
    )
    trail.record(Event.REPLAY_REQUESTED, who=by, at=at, about=row, details={"replay": asked.pk})
    return asked


def run(replay_id: int, *, by: Who, at: datetime) -> Replay | None:
    """Do a replay that was asked for, and keep what came of it; None where it is done or another is at it."""
    with alone(Work.REPLAYING, replay_id) as nobody_else:
        return _run(replay_id, by, at) if nobody_else else None


def _run(replay_id: int, by: Who, at: datetime) -> Replay | None:
    started = time.perf_counter()
    with trail.act(by, at):
        _one_snapshot()
        row = Replay.objects.select_related("cohort__round").get(pk=replay_id)
        if row.state != Replay.REQUESTED:
            return None
        outcome = _compare(row.cohort)
        row.state, row.rule_set = Replay.FINISHED, RULE_SET
        row.digest, row.same, row.number = outcome.digest, outcome.same, outcome.number
        row.differences = [list(difference) for difference in outcome.differences]
        row.started_at, row.finished_at = at, at + timedelta(seconds=round(time.perf_counter() - started, 3))
        row.save()
        _record(row.cohort, outcome, by, at)
    return row


@trail.stage
def give_up(*, asked: Replay, why: str, by: Who, at: datetime) -> None:
    """Note that a replay failed in a way that trying again would not mend. `why` names the kind of error alone."""
    asked.state, asked.failure = Replay.FAILED, why
    asked.save()
    trail.record(Event.REPLAY_REFUSED, who=by, at=at, about=asked.cohort, details={"failure": why})


def replay(cohort: Cohort, *, by: Who, at: datetime) -> Replayed:
    """Run the rules as at the cohort's cut-off and moment, on one snapshot of today's records; change nothing."""
    with trail.act(by, at):
        _one_snapshot()
        replayed = _compare(cohort)
        _record(cohort, replayed, by, at)
    return replayed


def _one_snapshot() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _compare(cohort: Cohort) -> Replayed:
    tally = Tally()
    count, listed = 0, []
    for difference in _differences(cohort, tally):
        count += 1
        if count <= LISTED:
            listed.append(difference)
    digest = tally.digest()
    return Replayed(digest, digest == cohort.digest, count, listed)


def _record(cohort: Cohort, replayed: Replayed, by: Who, at: datetime) -> None:
    trail.record(
        Event.COHORT_REPLAYED, who=by, at=at, about=cohort,
        details={"digest": replayed.digest, "same": replayed.same, "differences": replayed.number},
    )  # fmt: skip


def _differences(cohort: Cohort, tally: Tally) -> Iterator[Difference]:
    """Walk what was decided and what would be decided side by side, both in canonical order."""
    then, now = _frozen(cohort), _today(cohort, tally)
    was, would_be = next(then, None), next(now, None)
    while was or would_be:
        if was and (would_be is None or was[:2] < would_be[:2]):
            yield Difference(*was[:3], NOT_A_CANDIDATE, "facts")
            was = next(then, None)
        elif would_be and (was is None or would_be[:2] < was[:2]):
            yield Difference(*would_be[:2], NOT_A_CANDIDATE, would_be.outcome, "facts")
            would_be = next(now, None)
        elif was and would_be:
            if was.outcome != would_be.outcome:
                changed = "rules" if was.facts_digest == would_be.facts_digest else "facts"
                yield Difference(*was[:3], would_be.outcome, changed)
            was, would_be = next(then, None), next(now, None)


def _today(cohort: Cohort, tally: Tally) -> Iterator[_Frozen]:
    for streamed, decisions, findings in decided(facts.question_of(cohort)):
        tally.add(decisions, findings)
        for decision in decisions:
            yield _Frozen(decision.family_ref, decision.person_ref, _outcome(decision), streamed.digest)


def _outcome(decision: Decision) -> str:
    return _in_words(
        ";".join(decision.reasons),
        decision.group,
        iso(decision.programme_start),
        iso(decision.programme_end),
        ";".join(decision.linkage_scope),
    )


def _in_words(reasons: str, group: str, start: str, end: str, scope: str) -> str:
    return f"excluded {reasons}" if reasons else f"included {group} {start or '-'} {end or '-'} {scope}"


def _frozen(cohort: Cohort) -> Iterator[_Frozen]:
    rows = cohort.decisions.order_by("family_ref", "person_ref").values_list(
        "family_ref", "person_ref", "reasons", "group", "programme_start", "programme_end", "linkage_scope",
        "facts_digest",
    )  # fmt: skip
    for family_ref, person_ref, reasons, group, start, end, scope, digest in rows.iterator(5_000):
        yield _Frozen(family_ref, person_ref, _in_words(reasons, group, iso(start), iso(end), scope), digest)
