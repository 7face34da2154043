"""Retention: the day by which each copy of what was sent must be gone (promise 11; spec/submission.md, "Destroy").

Families were promised that the data is destroyed after the research is complete, and the agreements bind everybody. So
no copy may live longer than the earlier of two days: the last day of the agreement, and the last day of the study. A
backup lives on for some days after what it holds was deleted: we destroy so many days earlier.
"""

from datetime import date, timedelta
from enum import Enum
from typing import NamedTuple

SOON = timedelta(days=60)
"""Before the day by which we must act: time for two people, and to ask the recipients for their certificates."""


class RetentionFacts(NamedTuple):
    """What is known of a submission's end; an agreement is in force until the day before `agreement_until`.

    `gone_on`: the day on which our copies were destroyed. `recipients`: all who got it, with the days on which they
    destroyed it, as far as they said so.
    """

    agreement_until: date | None
    study_ends_on: date | None
    backup_days: int
    gone_on: date | None
    recipients: dict[str, date | None]
    held: bool
    was_sent: bool


class State(Enum):
    """How a copy stands; the value is what people read."""

    NO_END = "No end is known"
    NOT_YET = "Not yet due"
    DUE = "Due"
    OVERDUE = "Overdue"
    HELD = "Held"
    RUNNING_OUT = "Running out"
    GONE = "Gone"


class Copy(NamedTuple):
    """One copy: what it is, the day by which it must be gone (None: no end is known), and how that stands."""

    what: str
    gone_by: date | None
    state: State


class Retention(NamedTuple):
    """The whole of one submission: the research's last day, the day by which we must destroy, and every copy.

    `because` says from what the last day follows.
    """

    ends_on: date | None
    because: str
    act_by: date | None
    copies: list[Copy]

    @property
    def state(self) -> State:
        """How our own copy stands."""
        return self.copies[0].state


def ends_on(facts: RetentionFacts) -> tuple[date | None, str]:
    """The last day on which any copy may be there, and why."""
    days = []
    if facts.agreement_until is not None:
        days.append((facts.agreement_until - timedelta(days=1), "The agreement ends"))
    if facts.study_ends_on is not None:
        days.append((facts.study_ends_on, "The study ends"))
    return min(days, key=lambda each: each[0]) if days else (None, "")


def act_by(facts: RetentionFacts) -> date | None:
    """The last day on which we may destroy, so that no backup is older than the end allows. None: no end is known."""
    last, _ = ends_on(facts)
    return last - timedelta(days=facts.backup_days) if last else None


def of(facts: RetentionFacts, today: date) -> Retention:
    """Every copy of a submission as at a day."""
    last, because = ends_on(facts)
    ours = act_by(facts)
    copies = [Copy("Our own copy, and who was in it", ours, _ours(facts, ours, today))]
    copies.append(Copy("Backups of the database", last, _backups(facts, last, today)))
    if facts.was_sent:
        copies += [
            Copy(f"What {name} was sent", last, State.GONE if gone else _theirs(last, today))
            for name, gone in facts.recipients.items()
        ]
    return Retention(last, because, ours, copies)


def is_early(facts: RetentionFacts, today: date) -> bool:
    """Whether the research may go on, as far as is known: whoever objects later could not be withdrawn any more."""
    ours = act_by(facts)
    return ours is None or today < ours - SOON


def _ours(facts: RetentionFacts, by: date | None, today: date) -> State:
    if facts.gone_on is not None:
        return State.GONE
    if facts.held:
        return State.HELD
    return _theirs(by, today)


def _backups(facts: RetentionFacts, by: date | None, today: date) -> State:
    if facts.gone_on is None:
        return State.HELD if facts.held else _theirs(by, today)
    expired = facts.gone_on + timedelta(days=facts.backup_days)
    if today > expired:
        return State.GONE
    return State.OVERDUE if by is not None and today > by else State.RUNNING_OUT


def _theirs(by: date | None, today: date) -> State:
    if by is None:
        return State.NO_END
    if today > by:
        return State.OVERDUE
    return State.DUE if today >= by - SOON else State.NOT_YET
