"""Verifying the trail when somebody asks for it on a page: the workers do it, and what came of it is kept."""

import functools
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from connecting_families.alone import Work, alone
from connecting_families.audit import signing, trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who
from connecting_families.audit.verify import Report, held_in, verify
from connecting_families.governance.models import Verification
from connecting_families.governance.progress import Progress, progress_said, say_progress


@trail.stage
def request(*, by: Who, at: datetime) -> Verification:
    """Ask for the trail to be verified; where that was asked for already, the one that is under way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [Work.VERIFYING.value])
    row = Verification.objects.filter(state=Verification.ASKED).first()
    if row is None:
        asked = {"asked_at": at, "asked_by": by.reference, "correlation": trail.correlation()}
        row = Verification.objects.create(**asked)
        trail.record(Event.VERIFICATION_REQUESTED, who=by, at=at, about=row)
    return row


def run(verification_id: int, *, by: Who, at: datetime) -> Verification | None:
    """Verify the trail as was asked; None where that is done, or another worker is at it.

    Raises TrailRefused where the key, or a checkpoint that is held outside, cannot be read.
    """
    with alone(Work.VERIFYING, verification_id) as nobody_else:
        row = Verification.objects.get(pk=verification_id)
        if not nobody_else or row.state != Verification.ASKED:
            return None
        held = [each for file in sorted(settings.CF_CHECKPOINTS.glob("checkpoint-*.txt")) for each in held_in(file)]
        keys = signing.verifier_keys()
        began = time.monotonic()
        report = verify(held=held, keys=keys, at=at, each=functools.partial(_say, row))
        ended = at + timedelta(seconds=time.monotonic() - began)
        return end(verification=row, report=report, vkey=str(keys[0]), by=by, at=ended)


@trail.stage
def end(*, verification: Verification, report: Report, vkey: str, by: Who, at: datetime) -> Verification:
    """Keep what came of it: the trail is whole, or what is not as it was sealed."""
    row = Verification.objects.select_for_update().get(pk=verification.pk)
    row.state = Verification.BROKEN if report.faults else Verification.WHOLE
    row.ended_at, row.vkey = at, vkey
    row.sealed, row.checkpoints, row.held, row.waiting = report[:4]
    row.faults = [fault._asdict() for fault in report.faults]
    row.save()
    trail.record(
        Event.TRAIL_BROKEN if report.faults else Event.TRAIL_VERIFIED, who=by, at=at, about=row,
        details={"sealed": report.sealed, "held": report.held, "faults": [each.code for each in report.faults]},
    )  # fmt: skip
    return row


@trail.stage
def give_up(*, verification: Verification, why: str, by: Who, at: datetime) -> None:
    """Note that verifying ended without an answer; where another worker gave one, that stands.

    `why` is a sentence of ours, or names the kind of error alone.
    """
    row = Verification.objects.select_for_update().get(pk=verification.pk)
    if row.state != Verification.ASKED:
        return
    row.state, row.ended_at, row.failure = Verification.FAILED, at, why
    row.save()
    trail.record(Event.TRAIL_REFUSED, who=by, at=at, about=row, details={"failure": why})


def is_due(since: datetime) -> bool:
    """Whether nobody has asked for it since then."""
    return not Verification.objects.filter(asked_at__gte=since).exists()


def last() -> Verification | None:
    """The newest one that has ended."""
    return Verification.objects.exclude(state=Verification.ASKED).order_by("-pk").first()


def progress(row: Verification) -> Progress | None:
    """How many of the sealed entries the worker has verified that is at it; None while none is."""
    return progress_said(_name(row))


def _say(row: Verification, done: int, total: int) -> None:
    say_progress(_name(row), done, total)


def _name(row: Verification) -> str:
    return f"verify-trail-{row.pk}-"
