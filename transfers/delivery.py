"""Delivery: the attempt is recorded before anything is sent, the outcome after; the unknown is settled by looking.

What stands in the way is kept with the attempt. It is tried again for a day, a little later each time; then, or where
trying again cannot help, a person is asked, and may ask the workers again.
"""

from datetime import datetime

from cohorts import queries
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import doors, outbox, progress
from transfers.carrying import Carriage
from transfers.channels import chosen
from transfers.channels.channel import Trouble, Where
from transfers.models import DeliveryAttempt, Submission
from transfers.rules import delivering, lifecycle
from transfers.rules.gates import unmatched_objections
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
    doors.refuse(NotDelivered, _standing(row, at), row, stopped=doors.guard(row, at))
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
        if row.at_stage in (Stage.SENT, Stage.RECEIPTED):
            progress.forget(progress.key_of(row.pk))
            return row
        # A person may always try; the machine keeps to its times, also where it was told twice.
        if by.user_id is None and row.next_attempt_at is not None and at < row.next_attempt_at:
            return None
        return Carriage(_Packages(row, by), chosen.channel(), at).carried_out()


class _Packages:
    """The sealed files of a submission, as they are carried."""

    record = "transfers.submission"

    def __init__(self, row: Submission, by: Who) -> None:
        self.row, self.by = row, by
        self.name, self.sealed_files, self.key = row.name, row.sealed_files, progress.key_of(row.pk)

    def open_attempt(self) -> DeliveryAttempt | None:
        return self.row.delivery_attempts.filter(outcome="").last()

    def attempt(self, where: Where, at: datetime) -> DeliveryAttempt:
        return _attempt(submission=self.row, where=where, by=self.by, at=at)

    def interrupted(
        self, attempt: DeliveryAttempt, trouble: Trouble, *, settles: bool, files: int, at: datetime
    ) -> None:
        _interrupted(
            submission=self.row, attempt=attempt, trouble=trouble, settles=settles, files=files, by=self.by, at=at
        )

    def arrived(self, attempt: DeliveryAttempt, checked: str, at: datetime) -> Submission:
        return _arrived(submission=self.row, attempt=attempt, checked=checked, by=self.by, at=at)


@doors.guarded
@trail.stage
def _attempt(*, submission: Submission, where: Where, by: Who, at: datetime) -> DeliveryAttempt:
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, _against_attempt(row), row)
    doors.refuse(NotDelivered, _standing(row, at), row, stopped=doors.guard(row, at))
    doors.refuse(NotDelivered, outbox.changed(row), row)
    outbox.refuse_what_may_not_leave(NotDelivered, row, at)
    for earlier in row.delivery_attempts.filter(outcome=""):
        earlier.outcome, earlier.settled_at = "failed", at
        earlier.save()
    row.stage = lifecycle.after("attempt delivery").name
    # From here on the workers see to it that it is known how this ended.
    if row.delivery_requested_at is None:
        row.delivery_requested_at, row.delivery_tries, row.delivery_stopped = at, 0, ""
    row.save()
    attempt = DeliveryAttempt.objects.create(
        submission=row, channel=where.channel, host=where.host, host_key=where.host_key,
        attempted_by=by.reference, attempted_at=at,
    )  # fmt: skip
    trail.record(Event.DELIVERY_ATTEMPTED, who=by, at=at, about=row, details={"attempt": attempt.pk, **where._asdict()})
    return attempt


@trail.stage
def _interrupted(
    *, submission: Submission, attempt: DeliveryAttempt, trouble: Trouble, settles: bool, files: int, by: Who,
    at: datetime,
) -> None:  # fmt: skip
    row = doors.locked(submission.pk)
    code = trouble.why.code
    attempt.reason, attempt.files_arrived = code, max(files, attempt.files_arrived)
    if settles:
        attempt.outcome, attempt.settled_at = "failed", at
    attempt.save()
    row.delivery_tries += 1
    asked_at = row.delivery_requested_at or at
    row.next_attempt_at = delivering.next_attempt(asked_at, row.delivery_tries, at) if trouble.again else None
    stops = row.next_attempt_at is None
    if stops:
        _ask_a_person(row, code)
    else:
        row.save()
    details = {"attempt": attempt.pk, "reasons": [code], "files_arrived": files, "outcome": attempt.outcome}
    trail.record(Event.DELIVERY_INTERRUPTED, who=by, at=at, about=row, details=details)
    if stops:
        trail.record(Event.DELIVERY_PUT_OFF, who=by, at=at, about=row)


@trail.stage
def _arrived(*, submission: Submission, attempt: DeliveryAttempt, checked: str, by: Who, at: datetime) -> Submission:
    row = doors.locked(submission.pk)
    doors.refuse(NotDelivered, lifecycle.reasons_against("note arrival", row.at_stage), row)
    attempt.outcome, attempt.settled_at, attempt.files_arrived = "delivered", at, len(row.sealed_files)
    attempt.save()
    row.stage, row.sent_at = lifecycle.after("note arrival").name, at
    row.next_attempt_at, row.delivery_stopped = None, ""
    row.save()
    trail.record(
        Event.SUBMISSION_DELIVERED, who=by, at=at, about=row,
        details={"attempt": attempt.pk, "files": row.sealed_files, "compared_by": checked},
    )  # fmt: skip
    return row


def _ask_a_person(row: Submission, code: str) -> None:
    row.delivery_requested_by, row.delivery_requested_at = None, None
    row.next_attempt_at, row.delivery_stopped = None, code
    row.save()


def _against_attempt(row: Submission) -> list[Why]:
    """One that is being sent may be attempted again: what arrived is looked up first."""
    return [] if row.at_stage is Stage.SENDING else lifecycle.reasons_against("attempt delivery", row.at_stage)


def _standing(row: Submission, at: datetime) -> list[Why]:
    return [*doors.agreement(row, at), *unmatched_objections(queries.standing_unmatched_objections(at))]
