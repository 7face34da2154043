"""What the workers do for information governance: fetch, make one call, end."""

import logging
from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who, duty
from connecting_families.governance import alarm, checking, checkpoint_mail, sifting, verification, weekly
from connecting_families.governance.models import Verification

logger = logging.getLogger(__name__)


@shared_task
def verify_the_trail(verification_id: int) -> None:
    """Verify the trail, as was asked. A lost database or a killed worker is no answer: the sweep tries again."""
    try:
        verification.run(verification_id, by=duty("verify"), at=timezone.now())
    except (OperationalError, InterfaceError) as error:
        logger.warning("Verifying the trail was interrupted (%s); it is taken up again.", type(error).__name__)
    except Refused as refusal:
        _give_up(verification_id, str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever else it is would happen again: a person is told
        logger.error("Verifying the trail failed: %s.", type(error).__name__)
        _give_up(verification_id, f"The kind of error was {type(error).__name__}.")


def _give_up(verification_id: int, why: str) -> None:
    row = Verification.objects.get(pk=verification_id)
    verification.give_up(verification=row, why=why[:200], by=duty("verify"), at=timezone.now())


@shared_task
def verify_what_is_due() -> None:
    """Find what was asked for and is not done: whoever is still at it keeps it."""
    for verification_id, correlation in Verification.objects.filter(state=Verification.ASKED).values_list(
        "pk", "correlation"
    ):
        with trail.correlated(correlation):
            verify_the_trail.delay(verification_id)


@shared_task
def sift_the_trail() -> None:
    """Go through what is new in the trail for looks that governance should check."""
    _sift(duty("sift"))


@shared_task
def sift_what_was_asked() -> None:
    """Go through the trail for whoever asked for it, or where it failed in the night.

    Where another worker is at it, it is found again later.
    """
    with alone(Work.SIFTING, 0) as nobody_else:
        entry = sifting.asked() if nobody_else else None
        if entry is None:
            return
        with trail.correlated(entry.cid or ""):
            _sift(_who_asked(entry))


def _sift(by: Who) -> None:
    """A lost database is no answer: it is done again. What else fails is on the trail, and after some tries told."""
    try:
        sifting.sift(by=by, at=timezone.now())
    except (OperationalError, InterfaceError) as error:
        logger.warning("Going through the trail was interrupted (%s); it is done again.", type(error).__name__)
    except Exception as error:  # noqa: BLE001 - whatever it is: somebody must be told
        logger.error("Going through the trail failed: %s.", type(error).__name__)
        sifting.fail(why=type(error).__name__, by=duty("sift"), at=timezone.now())


def _who_asked(entry: Entry) -> Who:
    return Who(entry.who, entry.role, entry.actor_id, entry.remote_addr)


@shared_task
def verify_every_night() -> None:
    """Have the trail verified, where nobody asked for it since two in the night; governance's home page tells of it."""
    # Whoever finds it due looks while nobody else does, so that two do not ask one after the other.
    with alone(Work.VERIFYING, 0) as nobody_else:
        at = timezone.now()
        if not nobody_else or not verification.is_due(checking.last_night(at)):
            return
        row = verification.request(by=duty("verify"), at=at)
    verify_the_trail.delay(row.pk)


@shared_task
def check_the_promises() -> None:
    """Check every promise: for whoever asked, or once a night. Where another worker is at it, it is being done."""
    # The lock of the check itself: what another worker has checked by now is not due any more.
    with alone(Work.CHECKING_PROMISES, 0) as nobody_else:
        at, entry = timezone.now(), checking.asked()
        if nobody_else and (entry is not None or checking.is_due(at)):
            _check_the_promises(entry, at)


def _check_the_promises(entry: Entry | None, at: datetime) -> None:
    by = _who_asked(entry) if entry else duty("promises")
    try:
        with trail.correlated((entry.cid or "") if entry else ""):
            checking.check(by=by, at=at)
    except checking.NotChecked:
        logger.info("The promises are being checked already.")
    except (OperationalError, InterfaceError) as error:
        logger.warning("Checking the promises was interrupted (%s); it is taken up again.", type(error).__name__)


@shared_task
def write_to_governance() -> None:
    """Send the weekly mail where it is due."""
    _mail(weekly.send_if_due)


@shared_task
def raise_the_alarm() -> None:
    """Tell governance by mail what a night found, where that is due."""
    _mail(alarm.send_if_due)


@shared_task
def mail_the_newest_checkpoint() -> None:
    """Mail the newest checkpoint of the trail where the time for it has come."""
    _mail(checkpoint_mail.send_if_due)


def _mail(send_if_due: Callable[..., bool]) -> None:
    """What is interrupted is found due again."""
    try:
        send_if_due(by=duty("mail"), at=timezone.now())
    except (OperationalError, InterfaceError) as error:
        logger.warning("A mail was interrupted (%s).", type(error).__name__)
