"""Answer: by when must an objection or a request be answered, and whose birthday asks for a second look at one?"""

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final

from cohorts.rules.clocks import LONDON, birthday, months_after

MONTHS: Final = 1
"""Calendar months in which an objection or a request is answered (Article 12(3) UK GDPR)."""
MORE_MONTHS: Final = 2
"""By so many the month of a request may be extended, where the person is told why within it (the same article)."""

SOON: Final = timedelta(days=7)
RECHECK_AGES: Final = (16, 18)
"""At these ages a person may see differently what a parent or a representative objected to for them."""


class Clock(Enum):
    """Where the clock of an objection or a request stands; the value is what people read."""

    RUNNING = "In time"
    SOON = "Due within 7 days"
    TODAY = "Due today"
    OVERDUE = "Overdue"


def answer_due(received_at: datetime, *, extended: bool = False) -> date:
    """The last day on which an answer is in time: one calendar month after the day on which it came in London.

    Three, where it was extended. Where that month has no such day it is its last one: received on 31 January, due on 28
    or 29 February.
    """
    return months_after(received_at.astimezone(LONDON).date(), MONTHS + (MORE_MONTHS if extended else 0))


def clock(received_at: datetime, today: date, *, extended: bool = False) -> Clock:
    """Where the clock stands on a day in London."""
    due = answer_due(received_at, extended=extended)
    if due < today:
        return Clock.OVERDUE
    if due == today:
        return Clock.TODAY
    return Clock.SOON if due - today <= SOON else Clock.RUNNING


def ages_to_recheck(born: date | None, received_at: datetime, today: date) -> tuple[int, ...]:
    """The ages of RECHECK_AGES that a person reached after the objection came, and by today.

    Only an objection that somebody else made for them asks for it: that is for the caller to know.
    """
    if born is None or born > today:
        return ()
    received = received_at.astimezone(LONDON).date()
    return tuple([age for age in RECHECK_AGES if received < birthday(born, age) <= today])
