"""What came to light where something ends, each by itself: holds, withdrawals and runs around a destruction."""

from typing import Any

import pytest

from cohorts import objections
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance.promises import ends
from tests.gates.interrupted import lying
from tests.gates.test_side_by_side import confirmed
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.test_destruction import carry_out, codes
from tests.stages.walk import ORDER, Walk
from transfers import archive, carrying, delivery, destruction, retaining, withdrawal
from transfers.channels import folder
from transfers.models import Submission

WHY = "A court asked for the records."


def object_to(walk: Walk, reference: str) -> None:
    at = walk.now()
    objections.receive(person=person_of(reference), received_at=at, by=walk.who("worker"), at=at)


def withdraw(walk: Walk, row: Submission) -> None:
    made = withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())
    assert made is not None
    assert withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now()) is not None


def test_who_objects_while_a_confirmed_destruction_is_held_is_taken_out(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    row = walk.submission
    confirmed(walk)
    hold = retaining.place_hold(submission=row, reason=WHY, by=walk.who("govern"), at=walk.now())
    object_to(walk, "P1")
    assert codes(lambda: carry_out(walk)) == ["LEGAL_HOLD", "BEING_WITHDRAWN"]
    retaining.lift_hold(hold=hold, reason="The case is over.", by=walk.who("govern"), at=walk.now())
    walk.minutes += 61
    # The hold is gone, and still nobody told the recipient.
    assert codes(lambda: carry_out(walk)) == ["BEING_WITHDRAWN"]
    assert archive.key_file(row.name).exists()
    withdraw(walk, row)
    walk.minutes += 61
    assert carry_out(walk) is not None
    assert codes(lambda: withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())) == ["BEING_DESTROYED"]


def test_what_went_out_in_part_is_destroyed_once_who_objected_is_taken_out(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to deliver")
    real = folder.put

    def breaks(*given: Any) -> None:
        real(*given)
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(folder, "put", breaks)
        with pytest.raises(carrying.NotArrived):
            delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    object_to(walk, "P1")
    walk.minutes += 10
    with pytest.raises(delivery.NotDelivered):
        delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    # It was looked what arrived, and nothing more may: that attempt is over.
    attempt = walk.submission.delivery_attempts.get()
    assert (attempt.outcome, attempt.files_arrived, walk.submission.delivery_stopped) == ("failed", 1, "REFUSED")
    assert codes(lambda: destruction.ask(submission=walk.submission, by=walk.who("prepare"), at=walk.now())) == [
        "BEING_WITHDRAWN"
    ]
    withdraw(walk, walk.submission)
    confirmed(walk)
    assert carry_out(walk) is not None
    assert walk.submission.stage == "DESTROYED"


def test_a_hold_keeps_our_copy_of_what_became_void(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    row = walk.submission
    hold = retaining.place_hold(submission=row, reason=WHY, by=walk.who("govern"), at=walk.now())
    object_to(walk, "P1")
    with pytest.raises(Refused):
        walk.do("ask to deliver")
    assert (walk.submission.stage, lying(), destruction.clear_away()) == ("VOID", [], [])
    assert archive.left(row.name) == [
        f"{row.name}{end}" for end in ("-identifiers.archive", "-programme.archive", ".key")
    ]
    assert retaining.kept() == [row]
    # With another submission of the round would go who was in this one.
    walk.assemble(row.round)
    walk.through(*ORDER[1:])
    assert codes(lambda: destruction.ask(submission=walk.submission, by=walk.who("prepare"), at=walk.now())) == [
        "LEGAL_HOLD"
    ]
    retaining.lift_hold(hold=hold, reason="The case is over.", by=walk.who("govern"), at=walk.now())
    assert destruction.clear_away() == [row.name]
    assert (archive.left(row.name), retaining.kept()) == ([], [walk.submission])
    confirmed(walk)
    assert carry_out(walk) is not None
    assert "DESTROYED_UNDER_HOLD" not in [why.code for why in ends.check(walk.now())]
