"""Notices: issued to the person or to a family of theirs, early enough, and covering the round."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cohorts.rules.facts import Notice, OtherFamily
from cohorts.rules.notice import covers, earliest_cut_off, issued_to, notice_missing
from tests.rules.invented import (
    CONSENT,
    CUT_OFF,
    DAY,
    EXACT,
    NARROW,
    PUBLIC_TASK,
    VERSIONS,
    adult,
    consent,
    family,
    membership,
    notice,
    question,
    reasons,
    reasons_of,
)

IN_TIME = CUT_OFF - 28 * DAY
MISSING = ("NOTICE_MISSING",)


@pytest.mark.parametrize(
    ("issued_on", "days", "found"),
    [
        (IN_TIME, 28, ()),
        (IN_TIME + DAY, 28, MISSING),
        (IN_TIME - DAY, 28, ()),
        (CUT_OFF, 0, ()),
        (CUT_OFF + DAY, 0, MISSING),
        (CUT_OFF - 5 * DAY, 5, ()),
        (CUT_OFF - 4 * DAY, 5, MISSING),
    ],
)
def test_a_notice_is_in_time_so_many_days_before_the_cut_off(
    issued_on: date, days: int, found: tuple[str, ...]
) -> None:
    asked = question(notice_days=days)
    issued = (notice(issued_on=issued_on),)
    assert reasons_of(adult(notices=issued), asked, notices=()) == found
    assert ("NOTICE_MISSING" in reasons(family(notices=issued), asked)["P1"]) is bool(found)


def test_no_notice_at_all() -> None:
    assert reasons_of(adult(), notices=(), evidence=()) == (*MISSING, "TOO_FEW_PROBLEMS")


@pytest.mark.parametrize(
    ("stays", "told"),
    [
        ({"joined_on": IN_TIME}, True),
        ({"joined_on": IN_TIME + DAY}, False),
        ({"left_on": IN_TIME + DAY}, True),
        ({"left_on": IN_TIME}, False),
    ],
    ids=["joined that day", "joined the day after", "left the day after", "left that day"],
)
def test_a_family_notice_reaches_who_was_a_member_on_the_day_of_issue(stays: dict[str, Any], *, told: bool) -> None:
    issued = (notice(issued_on=IN_TIME),)
    found = () if told else MISSING
    other = OtherFamily((membership(**stays),), issued, ())
    assert reasons_of(adult(elsewhere=(other,)), notices=()) == found
    returned = (membership(**stays), membership(joined_on=CUT_OFF))
    assert reasons_of(adult(memberships=returned), notices=issued) == found


def test_a_notice_after_the_run_does_not_count_although_it_is_before_the_cut_off() -> None:
    early_run = question(run=datetime(2026, 7, 9, 23, 30, tzinfo=UTC))
    assert reasons_of(adult(notices=(notice(issued_on=date(2026, 7, 10)),)), early_run, notices=()) == ()
    assert reasons_of(adult(notices=(notice(issued_on=date(2026, 7, 11)),)), early_run, notices=()) == MISSING


def test_a_family_notice_of_the_day_of_the_run_counts_and_one_of_the_next_day_does_not() -> None:
    early_run = question(run=datetime(2026, 7, 10, 9, 0, tzinfo=UTC))
    assert reasons_of(adult(), early_run, notices=(notice(issued_on=date(2026, 7, 10)),)) == ()
    found = reasons_of(adult(), early_run, notices=(notice(issued_on=date(2026, 7, 11)),))
    assert found == MISSING


@pytest.mark.parametrize(
    ("version", "changes", "covered"),
    [
        (PUBLIC_TASK, {}, True),
        (NARROW, {}, False),
        (NARROW, {"datasets": ("NPD", "PNC")}, True),
        (EXACT, {}, True),
        (EXACT, {"datasets": ("PNC", "IAPT")}, False),
        (EXACT, {"recipients": frozenset({"ONS", "NIESR"})}, True),
        (PUBLIC_TASK, {"recipients": frozenset({"ONS", "NIESR"})}, False),
        (PUBLIC_TASK._replace(recipients=frozenset()), {}, False),
        (PUBLIC_TASK._replace(recipients=frozenset()), {"recipients": frozenset()}, True),
    ],
    ids=[
        "no datasets named means all",
        "one dataset short",
        "the datasets of the round",
        "exactly",
        "another dataset",
        "both recipients",
        "one recipient short",
        "no recipients named means none",
        "a round without recipients",
    ],
)
def test_a_version_covers_every_dataset_and_recipient(version: Any, changes: dict[str, Any], *, covered: bool) -> None:
    asked = question(notice_versions={**VERSIONS, version.version: version}, **changes)
    assert covers(version, asked) is covered
    facts = family(notices=(notice(version.version),))
    assert ("NOTICE_MISSING" in reasons(facts, asked)["P1"]) is not covered


def test_two_versions_do_not_cover_together() -> None:
    rest = NARROW._replace(version="PN6", datasets=frozenset({"HES"}))
    asked = question(notice_versions={**VERSIONS, "PN6": rest})
    both = (notice("PN4"), notice("PN6"))
    assert reasons_of(adult(notices=both), asked, notices=()) == MISSING


def test_an_earlier_covering_notice_counts_after_a_later_one_that_does_not_cover() -> None:
    both = (notice("PN1"), notice("PN4", date(2026, 2, 1), 2))
    assert reasons_of(adult(notices=both), notices=()) == ()


@pytest.mark.parametrize(
    ("notices", "found"),
    [
        ((Notice("PN1", date(2026, 1, 5), 1), Notice("PN2", date(2026, 1, 6), 2)), ("CONSENT_MISSING",)),
        ((Notice("PN2", date(2026, 1, 5), 9), Notice("PN1", date(2026, 1, 6), 2)), ()),
        ((Notice("PN1", date(2026, 1, 5), 2), Notice("PN2", date(2026, 1, 5), 1)), ()),
        ((Notice("PN1", date(2026, 1, 5), 1), Notice("PN2", date(2026, 1, 5), 2)), ("CONSENT_MISSING",)),
        ((Notice("PN1", date(2026, 1, 5), 1), Notice("PN2", date(2026, 10, 20), 2)), ("CONSENT_MISSING",)),
        ((Notice("PN1", date(2026, 1, 5), 1), Notice("PN2", date(2026, 10, 21), 2)), ()),
    ],
    ids=[
        "by day of issue",
        "not by entry",
        "entered later wins a tie",
        "the other way round",
        "issued on the day of the run",
        "issued after the run",
    ],
)
def test_the_latest_notice_says_whether_consent_is_asked(notices: tuple[Notice, ...], found: tuple[str, ...]) -> None:
    assert reasons_of(adult(notices=notices), notices=()) == found


def test_the_latest_notice_may_come_from_any_family_of_the_person() -> None:
    later = OtherFamily((membership(),), (notice("PN2", date(2026, 3, 1), 2),), ())
    assert reasons_of(adult(elsewhere=(later,))) == ("CONSENT_MISSING",)
    assert reasons_of(adult(elsewhere=(later,), consents=(consent(),))) == ()
    gone = later._replace(memberships=(membership(left_on=date(2026, 3, 1)),))
    assert reasons_of(adult(elsewhere=(gone,))) == ()


def test_an_unknown_version_is_a_fault_not_an_answer() -> None:
    with pytest.raises(KeyError):
        reasons_of(adult(), question(notice_versions={CONSENT.version: CONSENT}))


def test_the_earliest_cut_off_is_the_first_for_which_the_notice_was_in_time() -> None:
    told = family(notices=(notice("PN4", date(2026, 2, 1), 1), notice("PN1", date(2026, 3, 1), 2),
                           notice("PN5", date(2026, 4, 1), 3)))  # fmt: skip
    asked = question()
    issued = issued_to(told.people[0], told, asked.moment)
    earliest = earliest_cut_off(issued, asked)
    assert earliest == date(2026, 3, 29)
    assert not notice_missing(issued, question(cut_off=earliest))
    assert notice_missing(issued, question(cut_off=earliest - DAY))


def test_there_is_no_earliest_cut_off_where_no_notice_covers_the_round() -> None:
    asked = question()
    assert earliest_cut_off([], asked) is None
    assert earliest_cut_off([notice("PN4")], asked) is None
