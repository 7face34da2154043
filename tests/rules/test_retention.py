"""By when each copy must be gone, and what may not be destroyed: tables, without a database."""

from datetime import date, timedelta
from typing import Any

import pytest

from transfers.rules import destroying, retention
from transfers.rules.destroying import DestructionFacts
from transfers.rules.lifecycle import Stage
from transfers.rules.retention import RetentionFacts, State

UNTIL, STUDY, DAYS = date(2027, 1, 1), date(2026, 10, 31), 35
KNOWN = RetentionFacts(UNTIL, STUDY, DAYS, None, {"ONS": None}, held=False, was_sent=True)


@pytest.mark.parametrize(
    ("until", "study", "ends", "because"),
    [
        (None, None, None, ""),
        (UNTIL, None, date(2026, 12, 31), "The agreement ends"),
        (None, STUDY, STUDY, "The study ends"),
        (UNTIL, STUDY, STUDY, "The study ends"),
        (date(2026, 6, 1), STUDY, date(2026, 5, 31), "The agreement ends"),
    ],
)
def test_no_copy_outlives_the_earlier_of_agreement_and_study(
    until: date | None, study: date | None, ends: date | None, because: str
) -> None:
    facts = KNOWN._replace(agreement_until=until, study_ends_on=study)
    assert retention.ends_on(facts) == (ends, because)
    assert retention.act_by(facts) == (ends - timedelta(days=DAYS) if ends else None)


@pytest.mark.parametrize(
    ("days_from_act_by", "more", "ours", "backups", "theirs"),
    [
        (-61, {}, State.NOT_YET, State.NOT_YET, State.NOT_YET),
        (-60, {}, State.DUE, State.NOT_YET, State.NOT_YET),
        (0, {}, State.DUE, State.DUE, State.DUE),
        (1, {}, State.OVERDUE, State.DUE, State.DUE),
        (DAYS, {}, State.OVERDUE, State.DUE, State.DUE),
        (DAYS + 1, {}, State.OVERDUE, State.OVERDUE, State.OVERDUE),
        (DAYS + 1, {"held": True}, State.HELD, State.HELD, State.OVERDUE),
        (0, {"recipients": {"ONS": STUDY}}, State.DUE, State.DUE, State.GONE),
        (1, {"gone_on": date(2026, 9, 26)}, State.GONE, State.RUNNING_OUT, State.DUE),
        (DAYS + 1, {"gone_on": date(2026, 9, 26)}, State.GONE, State.GONE, State.OVERDUE),
        (DAYS + 1, {"gone_on": date(2026, 9, 27)}, State.GONE, State.OVERDUE, State.OVERDUE),
    ],
)
def test_how_each_copy_stands(
    days_from_act_by: int, more: dict[str, Any], ours: State, backups: State, theirs: State
) -> None:
    facts = KNOWN._replace(**more)
    act_by = retention.act_by(facts)
    assert act_by == date(2026, 9, 26)
    found = retention.of(facts, act_by + timedelta(days=days_from_act_by))
    assert [copy.state for copy in found.copies] == [ours, backups, theirs]
    assert [copy.gone_by for copy in found.copies] == [act_by, STUDY, STUDY]
    assert found.state is ours


def test_destroyed_on_the_last_day_every_backup_is_gone_when_the_research_ends() -> None:
    act_by = retention.act_by(KNOWN)
    assert act_by is not None
    found = retention.of(KNOWN._replace(gone_on=act_by), STUDY + timedelta(days=1))
    assert found.copies[1].state is State.GONE


def test_where_no_end_is_known_nothing_is_due_and_nothing_was_sent_to_nobody() -> None:
    facts = KNOWN._replace(agreement_until=None, study_ends_on=None, was_sent=False)
    found = retention.of(facts, date(2030, 1, 1))
    assert [copy.state for copy in found.copies] == [State.NO_END, State.NO_END]
    assert retention.is_early(facts, date(2030, 1, 1))
    assert retention.is_early(KNOWN, date(2026, 7, 27))
    assert not retention.is_early(KNOWN, date(2026, 7, 28))


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        (DestructionFacts(Stage.RECEIPTED, being_sent=False, holds=0, withdrawals_under_way=0), []),
        (DestructionFacts(Stage.SENT, being_sent=False, holds=0, withdrawals_under_way=0), []),
        (DestructionFacts(Stage.SENDING, being_sent=True, holds=0, withdrawals_under_way=0), ["BEING_SENT"]),
        (DestructionFacts(Stage.SEALED, being_sent=False, holds=2, withdrawals_under_way=0), ["LEGAL_HOLD"]),
        (
            DestructionFacts(Stage.RECEIPTED, being_sent=False, holds=1, withdrawals_under_way=3),
            ["LEGAL_HOLD", "BEING_WITHDRAWN"],
        ),
        (DestructionFacts(Stage.APPROVED, being_sent=False, holds=0, withdrawals_under_way=0), ["WRONG_STAGE"]),
        (DestructionFacts(Stage.VOID, being_sent=False, holds=0, withdrawals_under_way=0), ["WRONG_STAGE"]),
        (DestructionFacts(Stage.DESTROYED, being_sent=False, holds=0, withdrawals_under_way=0), ["WRONG_STAGE"]),
    ],
)
def test_what_stands_against_it(facts: DestructionFacts, codes: list[str]) -> None:
    assert [why.code for why in destroying.against(facts)] == codes


def test_nobody_confirms_what_they_asked_for() -> None:
    assert [why.code for why in destroying.two_people(7, 7)] == ["FOUR_EYES"]
    assert destroying.two_people(7, 8) == []
