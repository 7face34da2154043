"""The register of questions and requests: which wait, which are late, and how many were answered in time."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from cohorts.models import RightsRequest
from cohorts.rules.answer import Clock, answer_due, clock
from cohorts.rules.clocks import LONDON


class Counts(NamedTuple):
    """How many came in, wait for an answer, wait past their day, and were answered: in time, and late."""

    received: int
    open: int
    overdue: int
    answered_in_time: int
    answered_late: int


def counts(at: datetime, *, since: date | None = None) -> Counts:
    """Of all requests that were received by an instant (from a day in London on): what became of them by then."""
    today, rows = at.astimezone(LONDON).date(), RightsRequest.objects.filter(received_at__lte=at)
    found = [row for row in rows if since is None or row.received_at.astimezone(LONDON).date() >= since]
    answered = [row for row in found if row.answered_at is not None and row.answered_at <= at]
    waiting = [row for row in found if row.answered_at is None or row.answered_at > at]
    in_time = sum(answered_in_time(row) for row in answered)
    overdue = sum(stands(row, today) is Clock.OVERDUE for row in waiting)
    return Counts(len(found), len(waiting), overdue, in_time, len(answered) - in_time)


def waiting() -> QuerySet[RightsRequest]:
    """What waits for an answer, the oldest first."""
    return RightsRequest.objects.filter(answered_at=None).order_by("received_at", "reference")


def due_soon(today: date) -> int:
    """How many wait of which the last day is one of the next seven."""
    return sum(stands(row, today) in (Clock.SOON, Clock.TODAY) for row in waiting())


def not_closed() -> QuerySet[RightsRequest]:
    """What waits for an answer, and what was answered and is not closed: the oldest first."""
    return RightsRequest.objects.filter(closed_at=None).order_by("received_at", "reference")


def to_close() -> QuerySet[RightsRequest]:
    """What was answered and is not closed, the oldest first."""
    return RightsRequest.objects.filter(closed_at=None).exclude(answered_at=None).order_by("received_at", "reference")


def closed() -> QuerySet[RightsRequest]:
    """What is closed, the last first."""
    return RightsRequest.objects.exclude(closed_at=None).order_by("-closed_at", "-id")


def of_team(team: str | None) -> QuerySet[RightsRequest]:
    """What a team follows (None: every team), the last that came first."""
    rows = RightsRequest.objects.order_by("-received_at", "-id")
    return rows if team is None else rows.filter(team=team).exclude(team="")


def due(row: RightsRequest) -> date:
    """The last day on which a request is answered in time."""
    return answer_due(row.received_at, extended=row.extended)


def stands(row: RightsRequest, today: date) -> Clock:
    """Where the clock of a request stands on a day in London."""
    return clock(row.received_at, today, extended=row.extended)


def answered_in_time(row: RightsRequest) -> bool:
    """Whether the person had the answer by its day. That it was extended too late helps nobody: that is refused."""
    return row.told_on is not None and row.told_on <= due(row)
