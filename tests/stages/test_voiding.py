"""Somebody says that a submission which has not left goes nowhere: with a reason, once, and nothing of it is left."""

import threading
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import archive, destruction, retaining, sealing, voiding
from transfers.models import LegalHold, Submission

WHY = "The round was called off."


def void(walk: Walk, reason: str = WHY, name: str = "prepare") -> None:
    voiding.make_void(submission=walk.submission, reason=reason, by=walk.who(name), at=walk.now())


def codes(act: Any, *given: Any, **named: Any) -> list[str]:
    with pytest.raises(Refused) as refusal:
        act(*given, **named)
    return refusal.value.codes


def test_a_draft_that_goes_nowhere_is_void_for_a_reason_and_its_round_has_another(walk_to: WalkTo) -> None:
    walk = walk_to("draft")
    assert codes(void, walk, "So.") == ["NO_REASON"]
    assert walk.submission.stage == "DRAFT"
    void(walk, f"  {WHY} ")
    row = walk.submission
    assert (row.stage, row.void_reason) == ("VOID", WHY)
    entry = Entry.objects.get(event="SUBMISSION_VOIDED")
    assert (entry.who, entry.reference, entry.reason) == ("prepare", row.name, WHY)
    assert entry.additional_data == {"before": "DRAFT"}
    assert "WRONG_STAGE" in codes(walk.do, "put forward")
    assert codes(void, walk) == ["WRONG_STAGE"]
    refused = Entry.objects.filter(event="VOIDING_REFUSED")
    assert [each.additional_data["reasons"] for each in refused.order_by("pk")] == [["NO_REASON"], ["WRONG_STAGE"]]
    # Another is drafted of the same cohort, and goes on from there.
    walk.through("draft", "explain", "put forward", "send back")
    void(walk, name="approve")
    assert [(each.name[-4:], each.stage) for each in Submission.objects.order_by("pk")] == [
        ("0001", "VOID"), ("0002", "VOID")
    ]  # fmt: skip


def test_a_hold_and_a_destruction_stop_it(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    row, by = walk.submission, walk.who("govern")
    retaining.place_hold(submission=row, reason="A court asked for the records.", by=by, at=walk.now())
    assert codes(void, walk, name="govern") == ["LEGAL_HOLD"]
    assert len(archive.left(row.name)) == 3
    retaining.lift_hold(hold=LegalHold.objects.get(), reason="The case is over.", by=by, at=walk.now())
    destruction.ask(submission=row, by=walk.who("prepare"), at=walk.now())
    destruction.confirm(submission=row, by=by, at=walk.now())
    assert codes(void, walk) == ["BEING_DESTROYED"]
    assert walk.submission.stage == "SEALED"


def test_of_a_sealed_one_nothing_is_left(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    assert list(settings.CF_OUTBOX.iterdir())
    void(walk, name="govern")
    assert (walk.submission.stage, archive.left(walk.submission.name)) == ("VOID", [])
    assert list(settings.CF_OUTBOX.iterdir()) == []
    assert codes(walk.do, "deliver") == ["WRONG_STAGE"]
    assert not settings.CF_DELIVERY_FOLDER.exists()


def test_one_that_left_is_not_void(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    assert codes(void, walk) == ["WRONG_STAGE"]
    assert walk.submission.stage == "SENT"


def test_what_becomes_void_while_it_is_sealed_is_not_sealed(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to seal")
    write = sealing._write

    def meanwhile(*given: Any) -> Any:
        def somebody() -> None:
            void(walk)
            connection.close()

        other = threading.Thread(target=somebody)
        other.start()
        other.join(30)
        return write(*given)

    monkeypatch.setattr(sealing, "_write", meanwhile)
    assert codes(walk.do, "seal") == ["WRONG_STAGE"]
    row = walk.submission
    assert (row.stage, row.void_reason) == ("VOID", WHY)
    assert (archive.left(row.name), list(settings.CF_OUTBOX.iterdir())) == ([], [])
