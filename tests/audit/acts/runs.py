"""Rounds, runs, changes of the rules and replays."""

from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from cohorts import (
    assembly,
    rule_changes,
    trying,
)
from cohorts import replay as replays
from cohorts.models import (
    DryRun,
    Replay,
    RuleChange,
)
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act
from tests.conftest import address_of
from tests.stages.walk import Walk


def request_a_run(walk: Walk) -> None:
    at = walk.now()
    assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)


def assemble(walk: Walk) -> None:
    assembly.assemble(walk.cohort.pk, by=duty("assemble"), at=walk.now())


def give_up(walk: Walk) -> None:
    assembly.give_up(cohort=walk.cohort, why="ValueError", by=duty("assemble"), at=walk.now())


RULES: dict[str, Any] = {
    "framework_version": "2015-04", "datasets": ["PNC"], "notice_days": 28, "scope": "honoured",
    "reason": "It was agreed so.",
}  # fmt: skip


def propose(walk: Walk) -> None:
    rule_changes.propose(round_=walk.cohort.round, **RULES, by=walk.who("prepare"), at=walk.now())


def propose_framework(walk: Walk) -> None:
    asked = {"framework": "SF", "version": "2022-04", "reason": "It was agreed so."}
    rule_changes.propose_framework(**asked, by=walk.who("prepare"), at=walk.now())


def an_unused_framework(walk: Walk) -> None:
    """As if the program had come without SF in use."""
    with psycopg.connect(address_of(connection.settings_dict["NAME"], settings.DATABASE_OWNER)) as owner:
        owner.execute("ALTER TABLE cohorts_frameworkinuse DISABLE TRIGGER USER")
        owner.execute("DELETE FROM cohorts_frameworkinuse WHERE framework = 'SF'")


def ask_to_try(walk: Walk) -> None:
    trying.request(change=RuleChange.objects.get(), by=walk.who("prepare"), at=walk.now())


def to_try(walk: Walk) -> None:
    propose(walk)
    ask_to_try(walk)


def try_out(walk: Walk) -> None:
    trying.try_out(DryRun.objects.get().pk, by=duty("try"), at=walk.now())


def tried(walk: Walk) -> None:
    to_try(walk)
    try_out(walk)
    trying.look(run=DryRun.objects.get(), by=walk.who("approve"), at=walk.now())


def give_up_trying(walk: Walk) -> None:
    trying.give_up(run=DryRun.objects.get(), why="ValueError", by=duty("try"), at=walk.now())


def activate(walk: Walk) -> None:
    rule_changes.activate(change=RuleChange.objects.get(), by=walk.who("approve"), at=walk.now())


def lets_go(act: Callable[..., object]) -> Callable[[Walk], object]:
    """Refusing or withdrawing a change of the rules."""
    return lambda walk: act(
        change=RuleChange.objects.get(), reason="Not in this round.", by=walk.who("approve"), at=walk.now()
    )


def ask_for_a_replay(walk: Walk) -> None:
    replays.request(cohort=walk.cohort, by=walk.who("prepare"), at=walk.now())


def run_again(walk: Walk) -> None:
    replays.run(Replay.objects.get().pk, by=duty("replay"), at=walk.now())


def give_a_replay_up(walk: Walk) -> None:
    replays.give_up(asked=Replay.objects.get(), why="ValueError", by=duty("replay"), at=walk.now())


ACTS = {
    "cohorts.rounds.open_round": Act("assemble", lambda walk: walk.open_round("NEW"), Event.ROUND_OPENED),
    "cohorts.assembly.request": Act("assemble", request_a_run, Event.ASSEMBLY_REQUESTED),
    "cohorts.assembly._freeze": Act("assemble", assemble, Event.COHORT_ASSEMBLED, request_a_run),
    "cohorts.assembly.give_up": Act("assemble", give_up, Event.ASSEMBLY_REFUSED, request_a_run),
    "cohorts.rule_changes.propose": Act("assemble", propose, Event.RULE_CHANGE_PROPOSED),
    "cohorts.rule_changes.propose_framework": Act(
        "assemble", propose_framework, Event.RULE_CHANGE_PROPOSED, an_unused_framework
    ),
    "cohorts.rule_changes.activate": Act("assemble", activate, Event.RULE_CHANGE_ACTIVATED, tried),
    "cohorts.rule_changes.refuse": Act(
        "assemble", lets_go(rule_changes.refuse), Event.RULE_CHANGE_TURNED_DOWN, propose
    ),
    "cohorts.rule_changes.withdraw": Act(
        "assemble", lets_go(rule_changes.withdraw), Event.RULE_CHANGE_WITHDRAWN, propose
    ),
    "cohorts.trying.request": Act("assemble", ask_to_try, Event.DRY_RUN_REQUESTED, propose),
    "cohorts.trying._keep": Act("assemble", try_out, Event.DRY_RUN_MADE, to_try),
    "cohorts.trying.give_up": Act("assemble", give_up_trying, Event.DRY_RUN_FAILED, to_try),
    "cohorts.replay.request": Act("assemble", ask_for_a_replay, Event.REPLAY_REQUESTED),
    "cohorts.replay._run": Act("assemble", run_again, Event.COHORT_REPLAYED, ask_for_a_replay),
    "cohorts.replay.give_up": Act("assemble", give_a_replay_up, Event.REPLAY_REFUSED, ask_for_a_replay),
}
