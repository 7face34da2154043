"""Trying: what a change of the rules would do to the last cohorts. Nothing that is stored changes by it.

The rules are asked twice about every family, as they are and with the change, as at each cohort's cut-off and moment
and over the same snapshot of today's records: what differs is the effect of the change alone, and not of facts that
changed since. The transaction in which they are asked is read only: the database itself would refuse a change.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from cohorts import changing, facts, forgetting, frameworks, in_force
from cohorts.comparing import Change, Kind
from cohorts.deciding import Tally, iso
from cohorts.models import Cohort, DryRun, RuleChange
from cohorts.rules.facts import FamilyFacts, Question
from cohorts.rules.inclusion import Decision, decide
from cohorts.rules.reasons import RULE_SET
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

COHORTS = 3
LISTED = 1_000
"""People that are listed by reference of each cohort: who came first, then who went, then the others."""


class NotTried(Refused):
    """A dry run was refused."""

    event = Event.RULE_CHANGE_REFUSED


@trail.stage
def request(*, change: RuleChange, by: Who, at: datetime) -> DryRun:
    """Ask for a dry run of a change on the last cohorts. Raises NotTried with every reason, one going on among them."""
    row = RuleChange.objects.select_for_update(of=("self",), no_key=True).select_related("round").get(pk=change.pk)
    reasons = changing.against_trying(row)
    if row.dry_runs.filter(state=DryRun.REQUESTED).exists():
        reasons.append(Why("BEING_TRIED", "It is being tried at this moment. Wait for the outcome."))
    if reasons:
        raise NotTried(reasons, record="cohorts.rulechange", reference=str(row))
    cohorts = [cohort.pk for cohort in in_force.cohorts_to_try(row, COHORTS)]
    run = DryRun.objects.create(
        change=row, requested_at=at, requested_by=by.reference, correlation=trail.correlation(), cohorts=cohorts
    )
    trail.record(Event.DRY_RUN_REQUESTED, who=by, at=at, about=run, details={"change": row.pk, "cohorts": cohorts})
    return run


def try_out(dry_run_id: int, *, by: Who, at: datetime) -> DryRun | None:
    """Make a dry run that was asked for, and keep its outcome; None where it is made or another is at it.

    `at` is when it starts.
    """
    with alone(Work.TRYING, dry_run_id) as nobody_else:
        if not nobody_else:
            return None
        run = DryRun.objects.select_related("change__round").get(pk=dry_run_id)
        if run.state != DryRun.REQUESTED:
            return None
        started = time.perf_counter()
        outcome = _outcome(run)
        seconds = round(time.perf_counter() - started, 3)
        return _keep(run=run, outcome=outcome, seconds=seconds, by=by, at=at)


@trail.stage
def _keep(*, run: DryRun, outcome: list[dict[str, Any]], seconds: float, by: Who, at: datetime) -> DryRun:
    row = DryRun.objects.select_for_update().get(pk=run.pk)
    forgotten = forgetting.forgotten_of(run.cohorts)
    outcome = [each | {"people": []} if each["cohort"] in forgotten else each for each in outcome]
    row.state, row.rule_set, row.outcome = DryRun.FINISHED, RULE_SET, outcome
    row.seconds, row.started_at, row.finished_at = seconds, at, at + timedelta(seconds=seconds)
    row.save()
    counted = [{"cohort": each["cohort"], "counts": each["counts"]} for each in outcome]
    trail.record(Event.DRY_RUN_MADE, who=by, at=at, about=row, details={"change": row.change_id, "outcome": counted})
    return row


@trail.stage
def give_up(*, run: DryRun, why: str, by: Who, at: datetime) -> None:
    """Note that a dry run failed in a way that trying again would not mend. `why` names the kind of error alone."""
    run.state, run.failure = DryRun.FAILED, why
    run.save()
    trail.record(Event.DRY_RUN_FAILED, who=by, at=at, about=run, details={"failure": why})


@trail.stage
def look(*, run: DryRun, by: Who, at: datetime) -> None:
    """Record that the outcome of a dry run was opened: whoever activates a change has done so."""
    trail.record(Event.DRY_RUN_VIEWED, who=by, at=at, about=run, details={"change": run.change_id})


class Outcome:
    """What a change would do to one cohort, counted and hashed family by family; some people are kept by reference."""

    def __init__(self, cohort: Cohort, change: RuleChange) -> None:
        self.cohort = cohort
        self.without, self.with_change = questions(cohort, change)
        self.tallies = Tally(), Tally()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.listed: dict[Kind, list[Change]] = {kind: [] for kind in Kind}

    def add(self, family: FamilyFacts) -> None:
        """Ask twice about a family."""
        then, now = decide(family, self.without), decide(family, self.with_change)
        for tally, decisions in zip(self.tallies, (then, now), strict=True):
            if decisions:
                tally.add(decisions, [])
        if then != now:
            for change in changes(then, now):
                self.counts[change.kind.name, _reason(change)] += 1
                if len(self.listed[change.kind]) < LISTED:
                    self.listed[change.kind].append(change)

    def kept(self) -> dict[str, Any]:
        """The outcome as it is kept: counts, digests and references."""
        then, now = self.tallies
        people = [change for kind in Kind for change in self.listed[kind]][:LISTED]
        return {
            "cohort": self.cohort.pk,
            "candidates": then.candidates,
            "included": [then.included, now.included],
            "groups": {group: [then.groups[group], now.groups[group]] for group in sorted({*then.groups, *now.groups})},
            "digests": [then.digest(), now.digest()],
            "counts": [
                [kind.name, reason, number]
                for kind in Kind
                for (name, reason), number in self.counts.most_common()
                if name == kind.name
            ],
            "people": [[change.kind.name, *change[1:]] for change in people],
        }


def questions(cohort: Cohort, change: RuleChange) -> tuple[Question, Question]:
    """What would be asked for a cohort today, and with a change."""
    round_ = cohort.round
    if change.round_id is not None:
        asks = round_.settings
        wanted = facts.question(round_, cohort.run_at, change.wanted(asks))
        return facts.question(round_, cohort.run_at, asks), wanted
    # What a new round would take: of a framework that none may take yet, what the cohort itself was judged by.
    version = in_force.versions().get(round_.framework, cohort.framework_version)
    now = facts.question(round_, cohort.run_at, cohort.settings._replace(framework_version=version))
    return now, now._replace(framework=frameworks.load(change.framework, change.framework_version))


def changes(then: list[Decision], now: list[Decision]) -> Iterator[Change]:
    """Who of a family is decided otherwise, by reference."""
    before, after = ({it.person_ref: it for it in decisions} for decisions in (then, now))
    families = {it.person_ref: it.family_ref for it in (*then, *now)}
    for person_ref in sorted(families):
        was, becomes = before.get(person_ref), after.get(person_ref)
        if was != becomes:
            reasons = [it.reasons if it else None for it in (was, becomes)]
            who = families[person_ref], person_ref
            yield Change(_kind(was, becomes), *who, reasons[0], reasons[1], _sent(was), _sent(becomes))


def _kind(was: Decision | None, becomes: Decision | None) -> Kind:
    was_in, is_in = (it is not None and it.included for it in (was, becomes))
    if was_in and is_in:
        return Kind.CHANGED
    if is_in:
        return Kind.CAME
    return Kind.WENT if was_in else Kind.OTHER_REASONS


def _sent(decision: Decision | None) -> tuple[str, ...]:
    if decision is None:
        return ("",) * 5
    dates = (iso(decision.programme_start), iso(decision.programme_end))
    return (decision.group, *dates, ";".join(decision.linkage_scope), ";".join(decision.problems))


def _reason(change: Change) -> str:
    """The primary reason by which a change is counted: why who comes was out, why all others are out with it."""
    if change.kind is Kind.CHANGED:
        return ""
    reasons = change.reasons_then if change.kind is Kind.CAME else change.reasons_now
    return reasons[0] if reasons else ""


def _outcome(run: DryRun) -> list[dict[str, Any]]:
    """Ask about every family on file, in a transaction in which nothing can be written, on one snapshot."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cohorts = Cohort.objects.select_related("round").filter(pk__in=run.cohorts).order_by("-pk")
        outcomes = [Outcome(cohort, run.change) for cohort in cohorts]
        # Numbers that people share are findings, and no decision rests on one.
        for streamed in facts.stream(known=facts.look_up(shared=False)):
            for each in outcomes:
                each.add(streamed.family)
        return [each.kept() for each in outcomes]
