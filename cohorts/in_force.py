"""In force: by which rules new rounds and new cohorts are judged, and what became of the rules since a cohort."""

from typing import NamedTuple

from cohorts import frameworks
from cohorts.models import Cohort, FrameworkInUse, Round, RuleChange, Settings
from cohorts.rules.facts import Framework
from connecting_families.audit.refusals import Why


class Different(NamedTuple):
    """One setting that is another than it was, in words."""

    setting: str
    was: str
    becomes: str


def versions() -> dict[str, str]:
    """The version of each framework that new rounds take: the one which two people put into use last.

    A framework, or a version, that merely came with the program is not among them; nor is one whose file is gone.
    """
    latest = FrameworkInUse.objects.order_by("framework", "-pk").distinct("framework")
    in_use = dict(latest.values_list("framework", "version"))
    return {code: version for code, version in sorted(in_use.items()) if version in frameworks.versions(code)}


def loaded() -> dict[str, Framework]:
    """The frameworks that new rounds may take, by their codes."""
    return {code: frameworks.load(code, version) for code, version in versions().items()}


def now(change: RuleChange) -> dict[str, object]:
    """What is in force of that which a change is about, as `RuleChange.before` keeps it."""
    if change.round is None:
        return {"framework_version": versions().get(change.framework, "")}
    return before(change.round)


def before(round_: Round) -> dict[str, object]:
    """The settings of a round, as `RuleChange.before` keeps them."""
    return {**round_.settings._asdict(), "datasets": list(round_.datasets)}


def cohorts_to_try(change: RuleChange, number: int) -> list[Cohort]:
    """The cohorts on which a change is tried: the last finished ones, the newest first.

    Those of its round; or, for new rounds, of all rounds under its framework, and where there are none, of any round.
    """
    finished = Cohort.objects.filter(state=Cohort.FINISHED, forgotten=None).select_related("round").order_by("-pk")
    if change.round_id is not None:
        return list(finished.filter(round_id=change.round_id)[:number])
    return list(finished.filter(round__framework=change.framework)[:number]) or list(finished[:number])


def differences(was: Settings, becomes: Settings) -> list[Different]:
    """Which settings differ, in words."""
    words = [
        ("Framework version", was.framework_version or "None", becomes.framework_version),
        ("Datasets", ", ".join(was.datasets), ", ".join(becomes.datasets)),
        ("Days of notice", str(was.notice_days), str(becomes.notice_days)),
        ("If somebody objects to one dataset", *(Round.SCOPES.get(it.scope, "") for it in (was, becomes))),
    ]
    return [Different(*each) for each in words if each[1] != each[2]]


def changed_since(cohort: Cohort) -> list[Why]:
    """Why a cohort is no longer what its round asks for: the rules of the round changed since it was asked for."""
    changed = differences(cohort.settings, cohort.round.settings)
    if not changed:
        return []
    named = "; ".join(f"{it.setting}: {it.was}, now {it.becomes}" for it in changed)
    sentence = f"The rules of the round changed since this cohort was asked for ({named}). Assemble another cohort."
    return [Why("RULES_CHANGED", sentence)]
