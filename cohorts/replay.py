"""Replay: run the rules again as at a cohort's moment, over today's records, and say who differs and why."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from cohorts import facts
from cohorts.deciding import Tally, decided, iso
from cohorts.models import Cohort
from cohorts.rules.inclusion import Decision
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who

LISTED = 1_000


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


def replay(cohort: Cohort, *, by: Who, at: datetime) -> Replayed:
    """Run the rules as at the cohort's cut-off and moment, on one snapshot of today's records; change nothing."""
    with trail.act(by, at):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tally = Tally()
        count, listed = 0, []
        for difference in _differences(cohort, tally):
            count += 1
            if count <= LISTED:
                listed.append(difference)
        digest = tally.digest()
        replayed = Replayed(digest, digest == cohort.digest, count, listed)
        trail.record(
            Event.COHORT_REPLAYED, who=by, at=at, about=cohort,
            details={"digest": digest, "same": replayed.same, "differences": count},
        )  # fmt: skip
    return replayed


def _differences(cohort: Cohort, tally: Tally) -> Iterator[Difference]:
    """Walk what was decided and what would be decided side by side, both in canonical order."""
    then, now = _frozen(cohort), _today(cohort, tally)
    was, would_be = next(then, None), next(now, None)
    while was or would_be:
        if was and (would_be is None or was[:2] < would_be[:2]):
            yield Difference(*was[:3], "not a candidate", "facts")
            was = next(then, None)
        elif would_be and (was is None or would_be[:2] < was[:2]):
            yield Difference(*would_be[:2], "not a candidate", would_be.outcome, "facts")
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
