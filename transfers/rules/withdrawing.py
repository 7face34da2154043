"""Withdrawing: from what somebody is withdrawn who objects late, by when that must be done, and when it is overdue."""

from datetime import datetime, timedelta
from enum import Enum

from connecting_families.audit.refusals import Why
from transfers.rules import destroying
from transfers.rules.lifecycle import Stage

DELIVERED_WITHIN = timedelta(days=1)
ACKNOWLEDGED_WITHIN = timedelta(days=7)
"""After it was delivered."""


class State(Enum):
    """Where a withdrawal stands; the value is what people read."""

    TO_SEAL = "To be sealed"
    TO_DELIVER = "To be delivered"
    DELIVERED = "Delivered, not acknowledged yet"
    ACKNOWLEDGED = "Acknowledged"


def state(sealed_at: datetime | None, sent_at: datetime | None, acknowledged_at: datetime | None) -> State:
    """Where it stands, by what was done."""
    if acknowledged_at:
        return State.ACKNOWLEDGED
    if sent_at:
        return State.DELIVERED
    return State.TO_DELIVER if sealed_at else State.TO_SEAL


def overdue(made_at: datetime, sent_at: datetime | None, acknowledged_at: datetime | None, at: datetime) -> str:
    """What should have been done by this instant and was not; empty where nothing is late."""
    if acknowledged_at:
        return ""
    if sent_at is None:
        return "Not delivered within a day" if at - made_at > DELIVERED_WITHIN else ""
    return "Not acknowledged within a week" if at - sent_at > ACKNOWLEDGED_WITHIN else ""


def against_withdrawing(
    stage: Stage, *, being_sent: bool, may_have_arrived: bool, being_destroyed: bool = False
) -> list[Why]:
    """Why nobody is withdrawn from a submission; nothing where people of it may lie with its recipients.

    A submission that went out in part and goes on no more is one of those (in doubt it was sent). One that workers are
    still at waits: what arrived is looked up first.
    """
    if being_destroyed:
        return destroying.being_destroyed(confirmed=True)
    if stage in (Stage.SENT, Stage.RECEIPTED):
        return []
    if stage is Stage.SENDING and may_have_arrived:
        if not being_sent:
            return []
        return [Why("BEING_SENT", "It is being sent. Who objects now is withdrawn once it is known what arrived.")]
    return [Why("NOT_SENT", f"The submission is {stage.value.lower()}. People are withdrawn from what was sent.")]


def delivered_already() -> Why:
    """Nothing is left to be done."""
    return Why("DELIVERED", "The withdrawal is delivered. Its recipient says with a receipt that it was carried out.")


def against_acknowledging(sent_at: datetime | None, rejected: int) -> list[Why]:
    """Why what a recipient says does not acknowledge a withdrawal: it must be delivered, and carried out whole."""
    if sent_at is None:
        return [Why("NOT_DELIVERED", "The withdrawal was not delivered yet.")]
    if rejected:
        return [
            Why(
                "NOT_WITHDRAWN", "A withdrawal is acknowledged once every row of it was carried out, and none rejected."
            )
        ]
    return []
