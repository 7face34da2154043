"""What the workers do for transfers: fetch, make one call, end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import shared_task
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from connecting_families.audit import restored, trail
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from transfers import carrying, delivery, destruction, inbox, sealing
from transfers import withdrawal as withdrawing
from transfers.models import Submission, Withdrawal
from transfers.rules.lifecycle import Stage

logger = logging.getLogger(__name__)


@contextmanager
def _attended(what: str, put_off: Callable[[], None] | None = None) -> Iterator[None]:
    """Warn of what stood in the way, by numbers and codes alone; it is on the trail, and a sweep looks again.

    What was refused is put off, until a person asks again; what was tried and did not arrive is not.
    """
    try:
        yield
    except carrying.NotArrived as trouble:
        logger.warning("%s did not get through: %s", what, ", ".join(trouble.codes))
    except Refused as refusal:
        if put_off is not None:
            put_off()
        logger.warning("%s was refused: %s", what, ", ".join(refusal.codes))
    except (DatabaseError, InterfaceError, OSError) as error:
        logger.warning("%s was interrupted (%s).", what, type(error).__name__)


def _closed(what: str) -> bool:
    """Whether this waits, because the records were restored and do not know yet what came after the backup."""
    if restored.against():
        logger.warning("%s waits until a restore is ended.", what)
        return True
    return False


@shared_task
def seal(submission_id: int) -> None:
    """Seal a submission for which that was asked; a refusal is on the trail, a lost database is tried again."""
    if _closed(f"Sealing submission {submission_id}"):
        return
    row, by = Submission.objects.get(pk=submission_id), duty("seal")
    with _attended(
        f"Sealing submission {submission_id}", lambda: sealing.put_off(submission=row, by=by, at=timezone.now())
    ):
        sealing.seal(submission=row, by=by, at=timezone.now())


@shared_task
def deliver(submission_id: int) -> None:
    """Deliver a submission for which that was asked; what is not known is looked at again by the sweep."""
    if _closed(f"Delivering submission {submission_id}"):
        return
    row, by = Submission.objects.get(pk=submission_id), duty("deliver")
    with _attended(
        f"Delivering submission {submission_id}", lambda: delivery.put_off(submission=row, by=by, at=timezone.now())
    ):
        delivery.deliver(submission=row, by=by, at=timezone.now())


@shared_task
def seal_what_is_due() -> None:
    """Find what was to be sealed and is not: whoever is still at one keeps it."""
    due = Submission.objects.filter(stage=Stage.APPROVED.name, sealing_requested_at__isnull=False)
    for submission_id, correlation in due.values_list("pk", "correlation"):
        with trail.correlated(correlation):
            seal.delay(submission_id)


@shared_task
def deliver_what_is_due() -> None:
    """Find what was to be delivered, or was begun, and of which it is not known that it arrived; if it is time."""
    due = Submission.objects.filter(
        stage__in=[Stage.SEALED.name, Stage.SENDING.name], delivery_requested_at__isnull=False
    ).exclude(next_attempt_at__gt=timezone.now())
    for submission_id, correlation in due.values_list("pk", "correlation"):
        with trail.correlated(correlation):
            deliver.delay(submission_id)


@shared_task
def empty_the_inbox() -> None:
    """Take in the receipts that have arrived; whatever else lies there is refused and removed."""
    # A receipt of something that is not known yet to have been sent would be refused, and be gone.
    if not _closed("What has arrived"):
        inbox.empty(by=duty("receive"), now=timezone.now)


@shared_task
def withdraw(withdrawal_id: int) -> None:
    """Seal and deliver a withdrawal; what stands in the way is on the trail, and it is tried again."""
    if _closed(f"Withdrawal {withdrawal_id}"):
        return
    row = Withdrawal.objects.get(pk=withdrawal_id)
    with _attended(f"Withdrawal {withdrawal_id}"):
        withdrawing.carry_out(withdrawal=row, by=duty("withdraw"), at=timezone.now())


@shared_task
def withdraw_from(submission_id: int) -> None:
    """Withdraw whoever objected since from one submission that was sent."""
    row = Submission.objects.get(pk=submission_id)
    with _attended(f"Withdrawing from submission {submission_id}"):
        withdrawing.make(submission=row, by=duty("withdraw"), at=timezone.now())


@shared_task
def withdraw_who_is_late() -> None:
    """Look for who objected since in whatever was sent, each by itself, and see to it that the recipients are told."""
    if _closed("Withdrawing"):
        return
    for row in withdrawing.sent_submissions():
        withdraw_from.delay(row.pk)
    for withdrawal_id, correlation in withdrawing.due(timezone.now()):
        with trail.correlated(correlation):
            withdraw.delay(withdrawal_id)


@shared_task
def destroy(submission_id: int) -> None:
    """Destroy what two people had destroyed; what stands in the way is on the trail, and it is tried again."""
    row = Submission.objects.get(pk=submission_id)
    with _attended(f"Destroying submission {submission_id}"):
        destruction.carry_out(submission=row, by=duty("destroy"), at=timezone.now())


@shared_task
def destroy_what_is_due() -> None:
    """Find what was confirmed and is not destroyed, each by itself; and clear away what void submissions left."""
    for submission_id, correlation in destruction.due(timezone.now()):
        with trail.correlated(correlation):
            destroy.delay(submission_id)
    for name in destruction.clear_away():
        logger.warning("What was left of the void submission %s is cleared away.", name)
