"""The reasons why what was sent may not be destroyed now, and who may not confirm it."""

from typing import NamedTuple

from connecting_families.audit.refusals import Why
from transfers.rules import lifecycle
from transfers.rules.lifecycle import Stage


class DestructionFacts(NamedTuple):
    """What bears on destroying a submission."""

    stage: Stage
    being_sent: bool
    holds: int
    withdrawals_under_way: int


def against(facts: DestructionFacts) -> list[Why]:
    """Why a submission may not be destroyed now (spec/submission.md, "Destroy")."""
    reasons = lifecycle.reasons_against("destroy", facts.stage)
    if facts.being_sent:
        reasons.append(Why("BEING_SENT", "It is being sent. Wait until it is known what arrived."))
    reasons += held(facts.holds)
    if facts.withdrawals_under_way:
        sentence = "People who objected are being withdrawn from it. Wait until that is delivered to its recipients."
        reasons.append(Why("BEING_WITHDRAWN", sentence))
    return reasons


def held(holds: int) -> list[Why]:
    """A legal hold stops destruction."""
    if not holds:
        return []
    sentence = "A legal hold stands. Information governance lifts it before anything is destroyed."
    return [Why("LEGAL_HOLD", sentence)]


def two_people(asked_by: int, confirms: int) -> list[Why]:
    """Whoever asked does not confirm."""
    if asked_by != confirms:
        return []
    return [Why("FOUR_EYES", "You asked for this destruction. Somebody else must confirm it.")]


def reason_given(reason: str) -> list[Why]:
    """Whoever places or lifts a hold says why."""
    if len(reason.strip()) >= 10:
        return []
    return [Why("NO_REASON", "Write a sentence which says why.")]


def being_destroyed(*, confirmed: bool) -> list[Why]:
    """What is being destroyed gets no new package, attempt, withdrawal, receipt or hold."""
    if not confirmed:
        return []
    return [Why("BEING_DESTROYED", "Two people had what was sent destroyed: nothing is done with it any more.")]
