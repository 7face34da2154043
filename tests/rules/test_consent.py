"""Consent to research: for the version that asked or a later one, given and not withdrawn by the run."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.rules.invented import (
    CONSENT,
    RUN,
    SECOND,
    VERSIONS,
    adult,
    consent,
    notice,
    question,
    reasons_of,
)

TWIN = CONSENT._replace(version="PN7")
ASKED = question(notice_versions={**VERSIONS, "PN7": TWIN})
TOLD = (notice("PN2", date(2026, 1, 6), 2),)


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, True),
        ({"given_on": date(2026, 10, 20)}, True),
        ({"given_on": date(2026, 10, 21)}, False),
        ({"withdrawn_at": RUN + SECOND}, True),
        ({"withdrawn_at": RUN}, False),
        ({"withdrawn_at": RUN - SECOND}, False),
        ({"version": "PN3"}, True),
        ({"version": "PN1"}, False),
        ({"version": "PN7"}, False),
        ({"purpose": "service"}, False),
    ],
    ids=[
        "given before",
        "given on the day of the run",
        "given after the run",
        "withdrawn after the run",
        "withdrawn at the run",
        "withdrawn before",
        "a later version",
        "an earlier version",
        "another version of the same day",
        "consent to a service",
    ],
)
def test_a_consent_stands_at_the_run(changes: dict[str, Any], *, stands: bool) -> None:
    found = reasons_of(adult(notices=TOLD, consents=(consent(**changes),)), ASKED)
    assert found == (() if stands else ("CONSENT_MISSING",))


def test_no_consent_at_all() -> None:
    assert reasons_of(adult(notices=TOLD)) == ("CONSENT_MISSING",)


def test_nobody_needs_consent_who_was_last_told_otherwise() -> None:
    assert reasons_of(adult(notices=(*TOLD, notice("PN3", date(2026, 5, 1), 3)))) == ()


def test_consent_given_after_midnight_in_london_stands_though_utc_is_a_day_behind() -> None:
    person = adult(notices=TOLD, consents=(consent(given_on=date(2026, 7, 11)),))
    just_before = question(date(2026, 6, 30), datetime(2026, 7, 10, 22, 59, 59, tzinfo=UTC))
    at_midnight = question(date(2026, 6, 30), datetime(2026, 7, 10, 23, 0, tzinfo=UTC))
    assert "CONSENT_MISSING" in reasons_of(person, just_before)
    assert "CONSENT_MISSING" not in reasons_of(person, at_midnight)


def test_a_consent_without_any_notice_helps_nobody() -> None:
    assert reasons_of(adult(consents=(consent(datasets=("PNC",)),)), notices=()) == ("NOTICE_MISSING",)


def test_one_consent_that_stands_is_enough() -> None:
    both = (consent(withdrawn_at=RUN), consent(version="PN3"))
    assert reasons_of(adult(notices=TOLD, consents=both)) == ()
