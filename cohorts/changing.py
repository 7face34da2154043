"""What speaks against a change of the rules: against proposing it, trying it, activating it and letting it go."""

from cohorts import frameworks, in_force, round_settings
from cohorts.models import DryRun, Round, RuleChange
from cohorts.rules.reasons import RULE_SET
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who

ONE_AT_A_TIME = Why(
    "ONE_CHANGE_AT_A_TIME", "Another change of the same is proposed already. Decide or withdraw that one first."
)


def being_changed(round_: Round | None, framework: str) -> list[Why]:
    """Why nothing may be proposed for a round, or (none) for new rounds under a framework: something is already."""
    proposed = RuleChange.objects.filter(state=RuleChange.PROPOSED, round=round_, framework=framework)
    return [ONE_AT_A_TIME] if proposed.exists() else []


def against_framework(framework: str, version: str) -> list[Why]:
    """Why nobody can propose that new rounds take this version of a framework."""
    if in_force.versions().get(framework) == version:
        return [Why("NOTHING_CHANGES", f"New rounds take the version {version} already.")]
    return [*version_wrong(RuleChange(framework=framework, framework_version=version)), *being_changed(None, framework)]


def settings_wrong(change: RuleChange) -> list[Why]:
    """What speaks against what a change wants, as the registers are now."""
    reasons = version_wrong(change)
    if change.round is not None:
        kept = change.before["datasets"]
        reasons += round_settings.days_and_scope_wrong(change.notice_days or 0, change.scope)
        reasons += round_settings.datasets_wrong(change.datasets, change.round.cut_off, kept=kept)
        reasons += round_settings.not_agreed(
            [code for code in change.datasets if code not in kept], change.round.agreement
        )
    return reasons


def version_wrong(change: RuleChange) -> list[Why]:
    """What speaks against the version of the framework that a change wants: there is no file of it."""
    known = frameworks.versions(change.framework)
    if change.framework_version in known:
        return []
    have = f"There are {', '.join(known)}." if known else "There is none at all."
    sentence = f"There is no version {change.framework_version} of framework {change.framework}. {have}"
    return [Why("UNKNOWN_VERSION", sentence)]


def against_trying(change: RuleChange) -> list[Why]:
    """Why this change cannot be tried now."""
    if decided := _decided(change):
        return decided
    reasons = [*_moved_on(change), *version_wrong(change)]
    if not in_force.cohorts_to_try(change, 1):
        reasons.append(Why("NO_COHORT", "There is no finished cohort to try it on. Assemble one first."))
    return reasons


def against_activating(change: RuleChange, by: Who) -> list[Why]:
    """Why this person cannot activate this change now; the page shows the same."""
    if decided := _decided(change):
        return decided
    reasons = [*_four_eyes(change, by, "activate it"), *_moved_on(change), *settings_wrong(change)]
    run = last_dry_run(change)
    if run is None:
        return [*reasons, Why("NOT_TRIED", "Nobody tried this change yet. Ask for a dry run, and look what it says.")]
    if run.cohorts[:1] != [cohort.pk for cohort in in_force.cohorts_to_try(change, 1)] or run.rule_set != RULE_SET:
        sentence = "The last dry run knows nothing of the newest cohort, or of the rules as they are. Try it again."
        reasons.append(Why("TRIED_TOO_LONG_AGO", sentence))
    if not looked_at(run, by):
        reasons.append(Why("NOT_LOOKED_AT", "Open the outcome of the last dry run first, and look who comes and goes."))
    return reasons


def against_refusing(change: RuleChange, by: Who) -> list[Why]:
    """Why this person cannot refuse this change."""
    return _decided(change) or _four_eyes(change, by, "refuse it; you may withdraw it")


def against_withdrawing(change: RuleChange) -> list[Why]:
    """Why this change cannot be withdrawn."""
    return _decided(change)


def last_dry_run(change: RuleChange) -> DryRun | None:
    """The dry run of a change that was finished last."""
    return change.dry_runs.filter(state=DryRun.FINISHED).order_by("-pk").first()


def looked_at(run: DryRun, by: Who) -> bool:
    """Whether this person opened the outcome of a dry run."""
    own = trail.entries_about([(run._meta.label_lower, str(run))]).filter(who=by.reference)
    return own.filter(event=Event.DRY_RUN_VIEWED.name).exists()


def _decided(change: RuleChange) -> list[Why]:
    if change.state == RuleChange.PROPOSED:
        return []
    return [Why("DECIDED_ALREADY", f"This change is {RuleChange.STATES[change.state].lower()} already.")]


def _four_eyes(change: RuleChange, by: Who, what: str) -> list[Why]:
    if by.reference != change.proposed_by:
        return []
    return [Why("FOUR_EYES", f"You proposed this change. Somebody else must {what}.")]


def _moved_on(change: RuleChange) -> list[Why]:
    if in_force.now(change) == change.before:
        return []
    sentence = "Since this was proposed, another change came into force. Withdraw this one, and propose it anew."
    return [Why("RULES_MOVED_ON", sentence)]
