"""Delivery: the attempt is recorded before anything is sent, the outcome after; the unknown is settled by looking."""

from datetime import datetime
from pathlib import Path

from django.conf import settings

from cohorts import queries
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import doors, outbox
from transfers.channels import folder
from transfers.channels.folder import Sent
from transfers.models import DeliveryAttempt, Submission
from transfers.rules import lifecycle
from transfers.rules.gates import unmatched_objections
from transfers.rules.lifecycle import Stage


class NotDelivered(doors.NotDone):
    """Delivering was refused, or did not succeed."""

    event = Event.DELIVERY_REFUSED


@doors.guarded
@trail.stage
def request(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Ask the workers to deliver a sealed submission. Raises NotDelivered with what they would refuse it for."""
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, lifecycle.reasons_against("attempt delivery", row.at_stage), row)
    doors.refuse(NotDelivered, _standing(row, at), row, stopped=doors.guard(row, at))
    outbox.refuse_what_may_not_leave(NotDelivered, row, at)
    row.delivery_requested_by_id, row.delivery_requested_at = by.person, at
    row.correlation = trail.correlation()
    row.save()
    trail.record(Event.DELIVERY_REQUESTED, who=by, at=at, about=row)
    return row


@trail.stage
def put_off(*, submission: Submission, by: Who, at: datetime) -> None:
    """Take back that delivery was asked for, after a refusal: a person looks at it, and asks again."""
    row = doors.locked(submission.pk)
    if row.at_stage in (Stage.SEALED, Stage.SENDING) and row.delivery_requested_at is not None:
        row.delivery_requested_by, row.delivery_requested_at = None, None
        row.save()
        trail.record(Event.DELIVERY_PUT_OFF, who=by, at=at, about=row)


def deliver(*, submission: Submission, by: Who, at: datetime) -> Submission | None:
    """Deliver a sealed submission to the folder; once, however often it is asked. None while another is at it.

    Raises NotDelivered with the reasons, and OSError where the folder cannot take it: the attempt then stays open,
    and the next call looks what arrived before anything is sent again.
    """
    with alone(Work.DELIVERING, submission.pk) as nobody_else:
        if not nobody_else:
            return None
        row = Submission.objects.get(pk=submission.pk)
        if row.at_stage is Stage.SENT:
            return row
        to: Path = settings.CF_DELIVERY_FOLDER
        files = _files(row)
        attempt = row.delivery_attempts.filter(outcome="").last()
        if attempt is None or not all(folder.has_arrived(to, file) for file in files):
            attempt = _attempt(submission=row, by=by, at=at)
            for file in files:
                if not folder.has_arrived(to, file):
                    folder.put(settings.CF_OUTBOX / file.name, to, file)
        return _arrived(submission=row, attempt=attempt, by=by, at=at)


@doors.guarded
@trail.stage
def _attempt(*, submission: Submission, by: Who, at: datetime) -> DeliveryAttempt:
    row = doors.locked(submission.pk)
    if row.at_stage is not Stage.SENDING:
        doors.refuse(NotDelivered, lifecycle.reasons_against("attempt delivery", row.at_stage), row)
    doors.refuse(NotDelivered, _standing(row, at), row, stopped=doors.guard(row, at))
    doors.refuse(NotDelivered, _changed_in_the_outbox(row), row)
    outbox.refuse_what_may_not_leave(NotDelivered, row, at)
    for earlier in row.delivery_attempts.filter(outcome=""):
        earlier.outcome, earlier.settled_at = "failed", at
        earlier.save()
    row.stage = lifecycle.after("attempt delivery").name
    # From here on the workers see to it that it is known how this ended.
    row.delivery_requested_at = row.delivery_requested_at or at
    row.save()
    attempt = DeliveryAttempt.objects.create(
        submission=row, channel="folder", attempted_by=by.reference, attempted_at=at
    )
    trail.record(Event.DELIVERY_ATTEMPTED, who=by, at=at, about=row, details={"attempt": attempt.pk})
    return attempt


@trail.stage
def _arrived(*, submission: Submission, attempt: DeliveryAttempt, by: Who, at: datetime) -> Submission:
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, lifecycle.reasons_against("note arrival", row.at_stage), row)
    attempt.outcome, attempt.settled_at = "delivered", at
    attempt.save()
    row.stage, row.sent_at = lifecycle.after("note arrival").name, at
    row.save()
    trail.record(
        Event.SUBMISSION_DELIVERED, who=by, at=at, about=row,
        details={"attempt": attempt.pk, "files": row.sealed_files},
    )  # fmt: skip
    return row


def _files(row: Submission) -> list[Sent]:
    return [Sent(file["name"], file["bytes"], file["sha256"]) for file in row.sealed_files]


def _changed_in_the_outbox(row: Submission) -> list[Why]:
    changed = [file.name for file in _files(row) if not folder.has_arrived(settings.CF_OUTBOX, file)]
    if not changed:
        return []
    return [Why("PACKAGE_CHANGED", f"Not the files that were sealed, or no longer there: {', '.join(changed)}.")]


def _standing(row: Submission, at: datetime) -> list[Why]:
    return [*doors.agreement(row, at), *unmatched_objections(queries.standing_unmatched_objections(at))]
