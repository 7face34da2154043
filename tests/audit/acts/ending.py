"""By when what was sent must be gone, and its destruction."""

from collections.abc import Callable
from typing import Any

from cohorts.models import Agreement
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act
from tests.stages.walk import RUN, Walk
from transfers import destruction, retaining
from transfers.models import LegalHold

WHY = "A court asked for the records."


def by(name: str, stage: Callable[..., Any], **more: Any) -> Callable[[Walk], None]:
    def act(walk: Walk) -> None:
        stage(submission=walk.submission, by=walk.who(name), at=walk.now(), **more)

    return act


ask = by("prepare", destruction.ask)
confirm = by("govern", destruction.confirm)
hold = by("govern", retaining.place_hold, reason=WHY)


def machine(stage: Callable[..., Any], **more: Any) -> Callable[[Walk], None]:
    def act(walk: Walk) -> None:
        stage(submission=walk.submission, by=duty("destroy"), at=walk.now(), **more)

    return act


destroy_key = machine(destruction._destroy_key)


def asked_and_confirmed(walk: Walk) -> None:
    ask(walk)
    confirm(walk)


def without_its_key(walk: Walk) -> None:
    asked_and_confirmed(walk)
    destroy_key(walk)
    destruction._remove_files(walk.submission)


def put_off(walk: Walk) -> None:
    refusal = destruction.NotDestroyed([Why("FILES_LEFT", "Something is there still.")])
    machine(destruction._put_off, refusal=refusal)(walk)


def lift(walk: Walk) -> None:
    retaining.lift_hold(hold=LegalHold.objects.get(), reason="The case is over.", by=walk.who("govern"), at=walk.now())


def enter_study_end(walk: Walk) -> None:
    agreement = Agreement.objects.get(reference="DSA")
    day = RUN.date()
    retaining.enter_study_end(
        agreement=agreement, ends_on=day, source="Letter 7", by=walk.who("prepare"), at=walk.now()
    )


certify = by(
    "prepare", retaining.enter_recipients_certificate, recipient="ONS", reference="D-1", destroyed_on=RUN.date(),
    sha256="0" * 64,
)  # fmt: skip

ACTS = {
    "transfers.retaining.enter_study_end": Act("assemble", enter_study_end, Event.STUDY_END_ENTERED),
    "transfers.retaining.enter_recipients_certificate": Act("deliver", certify, Event.RECIPIENT_DESTROYED),
    "transfers.retaining.place_hold": Act("deliver", hold, Event.HOLD_PLACED),
    "transfers.retaining.lift_hold": Act("deliver", lift, Event.HOLD_LIFTED, hold),
    "transfers.destruction.ask": Act("deliver", ask, Event.DESTRUCTION_ASKED),
    "transfers.destruction.take_back": Act(
        "deliver", by("prepare", destruction.take_back), Event.DESTRUCTION_TAKEN_BACK, ask
    ),
    "transfers.destruction.confirm": Act("deliver", confirm, Event.DESTRUCTION_CONFIRMED, ask),
    "transfers.destruction._destroy_key": Act("deliver", destroy_key, Event.ARCHIVE_KEY_DESTROYED, asked_and_confirmed),
    "transfers.destruction._finish": Act(
        "deliver", machine(destruction._finish), Event.SUBMISSION_DESTROYED, without_its_key
    ),
    "transfers.destruction._put_off": Act("deliver", put_off, Event.DESTRUCTION_PUT_OFF, asked_and_confirmed),
}
