"""Delivery: the attempt is recorded before anything is sent, the outcome after; the unknown is settled by looking.

What stands in the way is kept with the attempt. It is tried again for a day, a little later each time; then, or where
trying again cannot help, a person is asked, and may ask the workers again.
"""

from datetime import datetime
from functools import partial

from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import attempts, doors, outbox, progress
from transfers.carrying import Carriage, Consignment
from transfers.channels import chosen
from transfers.channels.channel import Trouble, Where
from transfers.models import DeliveryAttempt, Submission
from transfers.rules import delivering, lifecycle
from transfers.rules.lifecycle import Stage


class NotDelivered(doors.NotDone):
    """Delivering was refused."""

    event = Event.DELIVERY_REFUSED


@doors.guarded
@trail.stage
def request(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Ask the workers to deliver a sealed submission, or to try again at once; a day begins for them.

    Raises NotDelivered with what they would refuse it for.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, _against_attempt(row), row)
    doors.refuse(NotDelivered, doors.agreement(row, at), row, stopped=doors.guard(row, at))
    outbox.refuse_what_may_not_leave(NotDelivered, row, at)
    row.delivery_requested_by_id, row.delivery_requested_at = by.person, at
    row.delivery_tries, row.next_attempt_at, row.delivery_stopped = 0, None, ""
    row.correlation = trail.correlation()
    row.save()
    trail.record(Event.DELIVERY_REQUESTED, who=by, at=at, about=row)
    return row


@trail.stage
def put_off(*, submission: Submission, by: Who, at: datetime) -> None:
    """Take back that delivery was asked for, after a refusal: a person looks at it, and asks again."""
    row = doors.locked(submission.pk)
    if row.at_stage in (Stage.SEALED, Stage.SENDING) and row.delivery_requested_at is not None:
        _ask_a_person(row, "REFUSED")
        trail.record(Event.DELIVERY_PUT_OFF, who=by, at=at, about=row)


def deliver(*, submission: Submission, by: Who, at: datetime) -> Submission | None:
    """Deliver a sealed submission; once, however often it is asked. None while another is at it, or it is to wait.

    Raises NotDelivered with the reasons it was refused for, and carrying.NotArrived where it did not get through: where
    nobody knows what arrived the attempt then stays open, and the next call looks before anything is sent again.
    """
    with alone(Work.DELIVERING, submission.pk) as nobody_else:
        if not nobody_else:
            return None
        row = Submission.objects.get(pk=submission.pk)
        key = progress.key_of(row.pk)
        try:
            if row.at_stage in (Stage.SENT, Stage.RECEIPTED):
                return row
            # A person may always try; the machine keeps to its times, also where it was told twice.
            if by.user_id is None and row.next_attempt_at is not None and at < row.next_attempt_at:
                return None
            what = Consignment(
                "transfers.submission", row.name, key, row.sealed_files, row.delivery_attempts,
                partial(_attempt, submission=row, by=by), partial(_interrupted, submission=row, by=by),
                partial(_arrived, submission=row, by=by),
            )  # fmt: skip
            return Carriage(what, chosen.channel(), at).carried_out()
        finally:
            progress.forget(key)


@doors.guarded
@trail.stage
def _attempt(*, submission: Submission, where: Where, by: Who, at: datetime) -> DeliveryAttempt:
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, _against_attempt(row), row)
    doors.refuse(NotDelivered, doors.agreement(row, at), row, stopped=doors.guard(row, at))
    doors.refuse(NotDelivered, outbox.changed(row), row)
    outbox.refuse_what_may_not_leave(NotDelivered, row, at)
    row.stage = lifecycle.after("attempt delivery").name
    # From here on the workers see to it that it is known how this ended.
    if row.delivery_requested_at is None:
        row.delivery_requested_at, row.delivery_tries, row.delivery_stopped = at, 0, ""
    row.save()
    attempt: DeliveryAttempt
    attempt, details = attempts.begin(row.delivery_attempts, where, by, at)
    kept = {"content_sha256": row.content_sha256}
    trail.record(Event.DELIVERY_ATTEMPTED, who=by, at=at, about=row, details=details, outside=kept)
    return attempt


@trail.stage
def _interrupted(
    *, submission: Submission, attempt: DeliveryAttempt, trouble: Trouble, settles: bool, files: int, by: Who,
    at: datetime,
) -> None:  # fmt: skip
    row = doors.locked(submission.pk)
    details = attempts.hinder(attempt, trouble, settles=settles, files=files, at=at)
    row.delivery_tries += 1
    asked_at = row.delivery_requested_at or at
    row.next_attempt_at = delivering.next_attempt(asked_at, row.delivery_tries, at) if trouble.again else None
    stops = row.next_attempt_at is None
    if stops:
        _ask_a_person(row, trouble.why.code)
    else:
        row.save()
    trail.record(Event.DELIVERY_INTERRUPTED, who=by, at=at, about=row, details=details)
    if stops:
        trail.record(Event.DELIVERY_PUT_OFF, who=by, at=at, about=row)


@trail.stage
def _arrived(*, submission: Submission, attempt: DeliveryAttempt, checked: str, by: Who, at: datetime) -> Submission:
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, lifecycle.reasons_against("note arrival", row.at_stage), row)
    details = attempts.settle(attempt, row.sealed_files, checked, at)
    row.stage, row.sent_at = lifecycle.after("note arrival").name, at
    row.next_attempt_at, row.delivery_stopped = None, ""
    row.save()
    kept = {"content_sha256": row.content_sha256, "files": row.sealed_files}
    trail.record(Event.SUBMISSION_DELIVERED, who=by, at=at, about=row, details=details, outside=kept)
    return row


def _ask_a_person(row: Submission, code: str) -> None:
    row.delivery_requested_by, row.delivery_requested_at = None, None
    row.next_attempt_at, row.delivery_stopped = None, code
    row.save()


def _against_attempt(row: Submission) -> list[Why]:
    """One that is being sent may be attempted again: what arrived is looked up first."""
    if being_destroyed := doors.against_destroyed(row):
        return being_destroyed
    return [] if row.at_stage is Stage.SENDING else lifecycle.reasons_against("attempt delivery", row.at_stage)
