"""Backups, and what a restore leaves to be done again."""

from datetime import timedelta

from django.test import override_settings

from connecting_families.audit import journal, restored
from connecting_families.audit.events import Event
from connecting_families.audit.models import LostAct, Restore
from connecting_families.governance import repeating
from tests.audit.acts.act import Act
from tests.stages.walk import Walk


def say_that_it_was_restored(walk: Walk) -> None:
    """Of a moment before everything, by a journal of one objection of which the records know nothing."""
    at, line = walk.now(), walk.folder / f"journal-{walk.minutes}"
    with override_settings(CF_JOURNAL=line, CF_CHECKPOINT_KEY=walk.folder / "checkpoint-key.pem"):
        facts: dict[str, object] = {
            "objection": "LOST", "person": "P1", "known": [], "family": None, "made_by": "self", "channel": "",
            "received_at": at.isoformat(), "datasets": [],
        }  # fmt: skip
        kinds: tuple[tuple[str, dict[str, object]], ...] = (
            ("OBJECTION_RECEIVED", facts),
            ("OBJECTION_LIFTED", {"objection": "LOST"}),
            ("PERSON_ERASED", {}),
        )
        journal.append([
            journal.Note(event, event, "cohorts.objection", "LOST", "0" * 32, at.isoformat(), "worker", "", about)
            for event, about in kinds
        ])  # fmt: skip
        origin = restored.Origin("", "", at - timedelta(days=1))
        restored.note(origin=origin, reason="A disk failed.", by=walk.who("govern"), at=walk.now())


def _waiting(event: str) -> LostAct:
    return LostAct.objects.get(event=event, state=LostAct.WAITING)


def repeat(walk: Walk) -> None:
    repeating.repeat(act=_waiting("OBJECTION_RECEIVED"), by=walk.who("govern"), at=walk.now())


def hinder(walk: Walk) -> None:
    row = _waiting("PERSON_ERASED")
    repeating._hinder(act=row, codes=["WAS_ERASED"], by=walk.who("govern"), at=walk.now())


def answer(walk: Walk) -> None:
    row = _waiting("OBJECTION_LIFTED")
    repeating.answer(act=row, text="They want it to stand.", by=walk.who("govern"), at=walk.now())


def answer_all(walk: Walk) -> None:
    say_that_it_was_restored(walk)
    for row in LostAct.objects.all():
        repeating.answer(act=row, text="Seen to.", by=walk.who("govern"), at=walk.now())


def end(walk: Walk) -> None:
    repeating.end(restore=Restore.objects.get(), by=walk.who("govern"), at=walk.now())


ACTS = {
    "connecting_families.audit.restored.note": Act("assemble", say_that_it_was_restored, Event.DATABASE_RESTORED),
    "connecting_families.governance.repeating.repeat": Act(
        "assemble", repeat, Event.LOST_ACT_REPEATED, say_that_it_was_restored
    ),
    "connecting_families.governance.repeating._hinder": Act(
        "assemble", hinder, Event.LOST_ACT_NOT_REPEATED, say_that_it_was_restored
    ),
    "connecting_families.governance.repeating.answer": Act(
        "assemble", answer, Event.LOST_ACT_ANSWERED, say_that_it_was_restored
    ),
    "connecting_families.governance.repeating.end": Act("assemble", end, Event.RESTORE_ENDED, answer_all),
}
