"""What of a family's evidence counts today, why the rest does not, and what is missing."""

from datetime import UTC, date, datetime

import pytest

from cohorts.rules.evidence import missing_to_flag, signs
from cohorts.rules.facts import Evidence, FamilyFacts
from tests.rules.invented import CUT_OFF, DAY, LONG_AGO, RUN, adult, child, evidence, family, membership, objection
from tests.rules.invented import question as asked


def why_not(piece: Evidence, people: FamilyFacts | None = None) -> str:
    (sign,) = signs((people or family())._replace(evidence=(piece,)), asked())
    assert sign.counts is (sign.why_not == "")
    return sign.why_not


@pytest.mark.parametrize(
    ("piece", "why"),
    [
        (evidence("A.2"), ""),
        (evidence("A.2", "P2"), ""),
        (evidence("A.1", observed_on=date(2025, 9, 30)), "Longer ago than 12 months"),
        (evidence("A.1", observed_on=date(2025, 10, 1)), ""),
        (evidence("A.2", observed_on=CUT_OFF + DAY), "Observed later than today"),
        (evidence("A.2", in_error_at=RUN), "Recorded in error"),
        (evidence("A.2", in_error_at=datetime(2027, 1, 1, tzinfo=UTC)), ""),
        (evidence("A.2", "P7"), "Of somebody who is not in the family today"),
    ],
)
def test_evidence_that_does_not_count_says_why(piece: Evidence, why: str) -> None:
    assert why_not(piece) == why


def test_evidence_of_who_objects_does_not_count() -> None:
    people = family(adult(objections=(objection(),)), child())
    assert why_not(evidence("A.2", "P1"), people) == "Of somebody who objects, is protected, or was not told in time"
    assert why_not(evidence("A.2", "P2"), people) == ""


def test_signs_come_in_the_order_of_the_framework_the_newest_first_and_foreign_ones_are_left_out() -> None:
    pieces = (
        evidence("B.1"),
        evidence("A.2", observed_on=LONG_AGO),
        evidence("Z.9"),
        evidence("A.2", observed_on=CUT_OFF),
    )
    found = [(sign.indicator.code, sign.evidence.observed_on) for sign in signs(family(evidence=pieces), asked())]
    assert found == [("A.2", CUT_OFF), ("A.2", LONG_AGO), ("B.1", CUT_OFF - 10 * DAY)]


def test_what_is_missing_is_said_in_words() -> None:
    assert missing_to_flag(family(), asked()) == []
    one = family(evidence=(evidence("A.2"),))
    assert missing_to_flag(one, asked()) == ["1 more headline problem needs to be evidenced."]
    none = family(adult(), evidence=())
    assert missing_to_flag(none, asked()) == [
        "No dependent child lives in the household: a child under 16, or under 19 and in education or unemployed.",
        "2 more headline problems need to be evidenced.",
    ]
    gone = family(adult(memberships=(membership(left_on=CUT_OFF),)))
    assert missing_to_flag(gone, asked())[0] == "Nobody is in the family today."
