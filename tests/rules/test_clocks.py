"""The two clocks, and the calendar."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cohorts.rules.clocks import age_on, days_before, moment, months_before, stands

DAY = date(2026, 9, 30)


@pytest.mark.parametrize(
    ("run", "today"),
    [
        (datetime(2026, 1, 10, 23, 30, tzinfo=UTC), date(2026, 1, 10)),
        (datetime(2026, 7, 10, 22, 59, 59, tzinfo=UTC), date(2026, 7, 10)),
        (datetime(2026, 7, 10, 23, 0, tzinfo=UTC), date(2026, 7, 11)),
        (datetime(2026, 7, 11, 8, 0, tzinfo=timezone(timedelta(hours=9))), date(2026, 7, 11)),
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
    ],
    ids=[
        "winter",
        "summer, before midnight",
        "summer, midnight",
        "another offset",
        "last summer night",
        "first winter",
    ],
)
def test_the_date_of_a_run_is_that_of_london(run: datetime, today: date) -> None:
    at = moment(DAY, run)
    assert at.today == today
    assert at.run == run
    assert at.run.tzinfo is UTC
    assert at.cut_off == DAY


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        moment(DAY, datetime(2026, 7, 10, 9, 0))  # noqa: DTZ001 - naive is what is refused


def test_a_cut_off_with_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time"):
        moment(datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 7, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("first", "after", "holds"),
    [
        (DAY, None, True),
        (date(2026, 10, 1), None, False),
        (date(2026, 9, 29), date(2026, 10, 1), True),
        (date(2026, 9, 29), DAY, False),
        (DAY, DAY, False),
        (DAY, date(2026, 10, 1), True),
    ],
)
def test_an_interval_stands_from_its_first_day_until_the_day_before_its_last(
    first: date, after: date | None, *, holds: bool
) -> None:
    assert stands(first, after, DAY) is holds


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2010, 9, 30), date(2026, 9, 29), 15),
        (date(2010, 9, 30), date(2026, 9, 30), 16),
        (date(2008, 2, 29), date(2024, 2, 29), 16),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2026, 9, 30), date(2026, 9, 30), 0),
        (date(2026, 10, 1), date(2026, 9, 30), -1),
    ],
)
def test_age_in_whole_years(born: date, day: date, age: int) -> None:
    assert age_on(day, born) == age


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 9, 30), 12, date(2025, 9, 30)),
        (date(2026, 8, 31), 6, date(2026, 2, 28)),
        (date(2024, 8, 31), 6, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 1, 31), 2, date(2025, 11, 30)),
        (date(2026, 3, 15), 0, date(2026, 3, 15)),
        (date(2026, 12, 31), 12, date(2025, 12, 31)),
    ],
)
def test_calendar_months_are_clipped_to_the_end_of_the_month(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_days_before() -> None:
    assert days_before(date(2024, 3, 1), 1) == date(2024, 2, 29)
