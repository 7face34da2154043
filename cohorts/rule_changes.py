"""Changes of the rules: somebody proposes one, it is tried, and somebody else activates or refuses it.

What is activated counts for the cohorts that are asked for from then on. Every earlier one keeps what it was judged by.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from cohorts import changing, in_force
from cohorts.models import DryRun, FrameworkInUse, Round, RuleChange
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

SHORTEST, LONGEST = 10, 500


class NotDone(Refused):
    """An act on a change of the rules was refused."""

    event = Event.RULE_CHANGE_REFUSED


@trail.stage
def propose(
    *,
    round_: Round,
    framework_version: str,
    datasets: Sequence[str],
    notice_days: int,
    scope: str,
    reason: str,
    by: Who,
    at: datetime,
) -> RuleChange:
    """Propose what a round shall ask from now on; `notice_days` are whole days. Raises NotDone with every reason."""
    row = Round.objects.select_for_update(of=("self",), no_key=True).select_related("agreement").get(pk=round_.pk)
    # Those that the round has keep their order, and whatever is new comes after them.
    ordered = [code for code in row.datasets if code in datasets] + [c for c in datasets if c not in row.datasets]
    wanted = RuleChange(
        round=row, framework=row.framework, framework_version=framework_version, datasets=ordered,
        notice_days=notice_days, scope=scope, before=in_force.before(row), reason=reason.strip(), proposed_at=at,
        proposed_by=by.reference,
    )  # fmt: skip
    reasons = changing.settings_wrong(wanted)
    if not in_force.differences(row.settings, wanted.wanted(row.settings)):
        reasons.append(Why("NOTHING_CHANGES", "Nothing is different from what the round asks now."))
    reasons += changing.being_changed(row, row.framework)
    return _proposed(wanted, reasons, by, at)


@trail.stage
def propose_framework(*, framework: str, version: str, reason: str, by: Who, at: datetime) -> RuleChange:
    """Propose which version of a framework new rounds take. Raises NotDone with every reason."""
    wanted = RuleChange(
        framework=framework, framework_version=version, reason=reason.strip(), proposed_at=at, proposed_by=by.reference
    )
    wanted.before = in_force.now(wanted)
    return _proposed(wanted, changing.against_framework(framework, version), by, at)


def _proposed(wanted: RuleChange, reasons: list[Why], by: Who, at: datetime) -> RuleChange:
    reasons += _reason_given(wanted.reason, "Say in a sentence why the rules shall change.")
    _refuse(reasons, wanted)
    try:
        with transaction.atomic():
            wanted.save()
    except IntegrityError:
        _refuse([changing.ONE_AT_A_TIME], wanted)
    trail.record(
        Event.RULE_CHANGE_PROPOSED, who=by, at=at, about=wanted, reason=wanted.reason,
        details={"of": _reference(wanted), "before": wanted.before},
    )  # fmt: skip
    return wanted


@trail.stage
def activate(*, change: RuleChange, by: Who, at: datetime) -> RuleChange:
    """Let a change count from now on, as a second person who saw its dry run. Raises NotDone with every reason."""
    row = _locked(change)
    _refuse(changing.against_activating(row, by), row)
    run = changing.last_dry_run(row)
    _decide(row, RuleChange.ACTIVATED, "", by, at, rests_on=run)
    if row.round is None:
        FrameworkInUse.objects.create(
            framework=row.framework, version=row.framework_version, since=at, change=row
        )  # fmt: skip
    else:
        asks = row.wanted(row.round.settings)
        row.round.framework_version, row.round.datasets = asks.framework_version, list(asks.datasets)
        row.round.notice_days, row.round.scope = asks.notice_days, asks.scope
        row.round.save()
    details = {"of": _reference(row), "before": row.before, "now": in_force.now(row), "dry_run": str(run)}
    trail.record(Event.RULE_CHANGE_ACTIVATED, who=by, at=at, about=row, details=details)
    return row


@trail.stage
def refuse(*, change: RuleChange, reason: str, by: Who, at: datetime) -> RuleChange:
    """Refuse a change, as a second person, and say why. Raises NotDone with every reason."""
    row = _locked(change)
    _refuse([*changing.against_refusing(row, by), *_reason_given(reason, "Say in a sentence why it is refused.")], row)
    _decide(row, RuleChange.REFUSED, reason, by, at)
    details = {"of": _reference(row)}
    trail.record(Event.RULE_CHANGE_TURNED_DOWN, who=by, at=at, about=row, reason=reason.strip(), details=details)
    return row


@trail.stage
def withdraw(*, change: RuleChange, reason: str, by: Who, at: datetime) -> RuleChange:
    """Withdraw a change that nobody decided yet, and say why. Raises NotDone with every reason."""
    row = _locked(change)
    _refuse([*changing.against_withdrawing(row), *_reason_given(reason, "Say in a sentence why it is withdrawn.")], row)
    _decide(row, RuleChange.WITHDRAWN, reason, by, at)
    details = {"of": _reference(row)}
    trail.record(Event.RULE_CHANGE_WITHDRAWN, who=by, at=at, about=row, reason=reason.strip(), details=details)
    return row


def _decide(row: RuleChange, state: str, reason: str, by: Who, at: datetime, *, rests_on: DryRun | None = None) -> None:
    # A machine decides nothing here.
    _ = by.person
    row.state, row.decided_at, row.decided_by, row.decided_because = state, at, by.reference, reason.strip()
    row.rests_on = rests_on
    row.save()


def _locked(change: RuleChange) -> RuleChange:
    """The change and its round, locked until the act ends: nobody asks for a cohort or decides meanwhile."""
    row = RuleChange.objects.select_for_update(no_key=True).get(pk=change.pk)
    if row.round_id is not None:
        of_round = Round.objects.select_for_update(of=("self",), no_key=True).select_related("agreement")
        row.round = of_round.get(pk=row.round_id)
    return row


def _reason_given(reason: str, sentence: str) -> list[Why]:
    said = len(reason.strip())
    if said > LONGEST:
        return [Why("LONG_REASON", f"Say why in at most {LONGEST} characters. It has {said}.")]
    return [] if said >= SHORTEST else [Why("NO_REASON", sentence)]


def _reference(change: RuleChange) -> str:
    return change.round.code if change.round else change.framework


def _refuse(reasons: list[Why], change: RuleChange) -> None:
    if reasons:
        raise NotDone(reasons, record="cohorts.rulechange", reference=str(change.pk or _reference(change))[:60])
