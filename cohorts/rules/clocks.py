"""The two clocks of a run, and the calendar that every rule shares."""

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cohorts.rules.facts import Moment

LONDON = ZoneInfo("Europe/London")


def moment(cut_off: date, run: datetime) -> Moment:
    """The moment of a run: its cut-off date (whole day), its instant in UTC, and the date of that instant in London.

    Raises ValueError where the cut-off carries a time or the instant carries no offset.
    """
    if isinstance(cut_off, datetime):
        raise ValueError("The cut-off is a date, without a time.")
    if run.utcoffset() is None:
        raise ValueError("The instant of a run needs an offset from UTC.")
    return Moment(cut_off=cut_off, run=run.astimezone(UTC), today=run.astimezone(LONDON).date())


def stands(first: date, after: date | None, day: date) -> bool:
    """Whether an interval from `first` until the day before `after` (None: open) holds on a day."""
    return first <= day and (after is None or after > day)


def age_on(day: date, born: date) -> int:
    """Age in whole years, negative before birth; born on 29 February: a year older on 1 March in a common year."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@lru_cache(maxsize=256)
def days_before(day: date, days: int) -> date:
    """The day so many days earlier."""
    return day - timedelta(days=days)


@lru_cache(maxsize=256)
def months_before(day: date, months: int) -> date:
    """The same day so many calendar months earlier, or the last day of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def months_after(day: date, months: int) -> date:
    """The same day so many calendar months later, or the last day of that month where it is shorter."""
    return months_before(day, -months)


def birthday(born: date, age: int) -> date:
    """The first day of this age; of somebody born on 29 February it is 1 March in a common year."""
    year = born.year + age
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return born.replace(year=year)
