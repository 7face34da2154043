"""The group of a family, and the days between which the programme worked with it."""

from datetime import date

import pytest

from cohorts.rules.facts import Engagement
from cohorts.rules.inclusion import decide
from cohorts.rules.programme import programme_of
from tests.rules.invented import CUT_OFF, DAY, engagement, family, question

JAN, FEB, MAR, JUN = (date(2026, month, 1) for month in (1, 2, 3, 6))


@pytest.mark.parametrize(
    ("engagements", "expected"),
    [
        ((), ("COMPARISON", None, None)),
        ((engagement(CUT_OFF + DAY),), ("COMPARISON", None, None)),
        ((engagement(CUT_OFF),), ("PROGRAMME", CUT_OFF, None)),
        ((engagement(JAN, CUT_OFF),), ("PROGRAMME", JAN, CUT_OFF)),
        ((engagement(JAN, CUT_OFF + DAY),), ("PROGRAMME", JAN, None)),
        ((engagement(JAN, FEB), engagement(MAR, JUN)), ("PROGRAMME", JAN, JUN)),
        ((engagement(MAR, JUN), engagement(JAN, FEB)), ("PROGRAMME", JAN, JUN)),
        ((engagement(JAN, JUN), engagement(FEB, MAR)), ("PROGRAMME", JAN, MAR)),
        ((engagement(JAN), engagement(FEB, MAR)), ("PROGRAMME", JAN, None)),
        ((engagement(JAN, FEB), engagement(MAR)), ("PROGRAMME", JAN, None)),
        ((engagement(JAN, FEB), engagement(JAN, MAR)), ("PROGRAMME", JAN, MAR)),
        ((engagement(JAN, FEB), engagement(JAN)), ("PROGRAMME", JAN, None)),
        ((engagement(JAN, FEB), engagement(CUT_OFF + DAY)), ("PROGRAMME", JAN, FEB)),
    ],
    ids=[
        "none",
        "starts after the cut-off",
        "starts on it",
        "ends on it",
        "ends after it",
        "the latest one's end",
        "in any order",
        "the latest by start",
        "an earlier one still open",
        "the latest one open",
        "of one day the later end",
        "of one day the open one",
        "one to come does not tell",
    ],
)
def test_group_and_days(engagements: tuple[Engagement, ...], expected: tuple[str, date | None, date | None]) -> None:
    facts = family(engagements=engagements)
    assert programme_of(facts, CUT_OFF) == expected
    for decision in decide(facts, question()):
        assert (decision.group, decision.programme_start, decision.programme_end) == expected
