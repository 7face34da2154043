"""Protection marks, read at the date of the run in London."""

from datetime import UTC, date, datetime

import pytest

from cohorts.rules.facts import Protection
from tests.rules.invented import CUT_OFF, DAY, LONG_AGO, adult, question, reasons_of

TODAY = date(2026, 10, 20)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("adoption", "PROTECTED_IDENTITY"),
        ("witness_protection", "PROTECTED_IDENTITY"),
        ("other_court_order", "PROTECTED_IDENTITY"),
        ("refuge", "PROTECTED_ADDRESS"),
        ("sensitive_address", "PROTECTED_ADDRESS"),
    ],
)
def test_every_kind_of_mark_keeps_a_person_out(kind: str, code: str) -> None:
    assert reasons_of(adult(protections=(Protection(kind, LONG_AGO, None),))) == (code,)


@pytest.mark.parametrize(
    ("from_on", "to_on", "holds"),
    [
        (TODAY, None, True),
        (TODAY + DAY, None, False),
        (LONG_AGO, TODAY + DAY, True),
        (LONG_AGO, TODAY, False),
        (LONG_AGO, CUT_OFF + DAY, False),
    ],
    ids=["from today", "from tomorrow", "until tomorrow", "until today", "stood on the cut-off only"],
)
def test_a_mark_stands_at_the_run_not_on_the_cut_off(from_on: date, to_on: date | None, *, holds: bool) -> None:
    found = reasons_of(adult(protections=(Protection("refuge", from_on, to_on),)))
    assert found == (("PROTECTED_ADDRESS",) if holds else ())


def test_a_mark_that_begins_at_midnight_in_london_stands_in_the_last_hour_of_the_utc_day() -> None:
    late = question(run=datetime(2026, 7, 10, 23, 30, tzinfo=UTC), cut_off=date(2026, 6, 30))
    assert "PROTECTED_ADDRESS" in reasons_of(adult(protections=(Protection("refuge", date(2026, 7, 11), None),)), late)


def test_both_kinds_give_both_reasons() -> None:
    marks = (Protection("refuge", LONG_AGO, None), Protection("adoption", LONG_AGO, None))
    assert reasons_of(adult(protections=marks)) == ("PROTECTED_IDENTITY", "PROTECTED_ADDRESS")
