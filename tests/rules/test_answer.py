"""The clock of an objection, and the birthdays that ask for a second look."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.rules.answer import Clock, ages_to_recheck, answer_due, clock
from cohorts.rules.clocks import age_on, birthday
from tests.rules.invented import DAY


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 1, 30), date(2026, 2, 28)),
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 28), date(2028, 2, 28)),
        (date(2028, 1, 29), date(2028, 2, 29)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2028, 3, 29)),
        (date(2026, 2, 28), date(2026, 3, 28)),
        (date(2026, 3, 31), date(2026, 4, 30)),
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2026, 11, 2), date(2026, 12, 2)),
    ],
)
def test_an_answer_is_due_a_calendar_month_later_or_on_the_last_day_of_that_month(received: date, due: date) -> None:
    assert answer_due(at(received)) == due


def test_the_day_of_receipt_is_that_of_london() -> None:
    assert answer_due(at(date(2026, 7, 10), hour=22)) == date(2026, 8, 10)
    assert answer_due(at(date(2026, 7, 10), hour=23)) == date(2026, 8, 11)
    assert answer_due(at(date(2026, 12, 10), hour=23)) == date(2027, 1, 10)


@pytest.mark.parametrize(
    ("today", "stands"),
    [
        (date(2026, 1, 31), Clock.RUNNING),
        (date(2026, 2, 20), Clock.RUNNING),
        (date(2026, 2, 21), Clock.SOON),
        (date(2026, 2, 27), Clock.SOON),
        (date(2026, 2, 28), Clock.TODAY),
        (date(2026, 3, 1), Clock.OVERDUE),
    ],
)
def test_the_clock_says_where_it_stands(today: date, stands: Clock) -> None:
    assert clock(at(date(2026, 1, 31)), today) is stands


BORN = date(2010, 5, 17)


@pytest.mark.parametrize(
    ("received", "today", "ages"),
    [
        (date(2026, 5, 16), date(2026, 5, 16), ()),
        (date(2026, 5, 16), date(2026, 5, 17), (16,)),
        (date(2026, 5, 17), date(2026, 5, 17), ()),
        (date(2026, 5, 17), date(2028, 5, 16), ()),
        (date(2026, 5, 17), date(2028, 5, 17), (18,)),
        (date(2020, 1, 1), date(2028, 5, 17), (16, 18)),
        (date(2028, 5, 17), date(2040, 1, 1), ()),
    ],
)
def test_a_birthday_since_the_objection_asks_for_a_second_look(
    received: date, today: date, ages: tuple[int, ...]
) -> None:
    assert ages_to_recheck(BORN, at(received), today) == ages


def test_nobody_knows_the_birthday_of_whose_birth_is_not_known_or_lies_ahead() -> None:
    assert ages_to_recheck(None, at(date(2020, 1, 1)), date(2040, 1, 1)) == ()
    assert ages_to_recheck(date.max, at(date(2020, 1, 1)), date(2040, 1, 1)) == ()


def test_who_is_born_on_a_leap_day_is_older_on_the_first_of_march() -> None:
    assert birthday(date(2010, 2, 28), 16) == date(2026, 2, 28)
    assert birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)
    assert birthday(date(2008, 2, 29), 16) == date(2024, 2, 29)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 100))
def test_a_birthday_is_the_first_day_of_an_age(born: date, age: int) -> None:
    assert age_on(birthday(born, age), born) == age
    if age:
        assert age_on(birthday(born, age) - DAY, born) == age - 1
