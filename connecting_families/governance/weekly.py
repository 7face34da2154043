"""The weekly mail to information governance: how many of what wait, and when the trail was last verified.

Counts only. A mail lies in inboxes and on telephones: no name, no reference, nothing of one person is in it.
"""

import logging
import smtplib
from datetime import datetime, time, timedelta

from django.conf import settings
from django.core.mail import EmailMessage

from cohorts import queries
from cohorts.rules.answer import Clock, clock
from cohorts.rules.clocks import LONDON
from connecting_families.alone import Work, alone
from connecting_families.audit import seal, trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who
from connecting_families.governance.models import Verification
from transfers import certificates, council
from transfers.models import Submission, Withdrawal
from transfers.rules.lifecycle import Stage

logger = logging.getLogger(__name__)

HOUR = time(7)
"""On Mondays, in London."""
RECORD = "weekly.mail"
OVER = {Stage.SENT, Stage.RECEIPTED, Stage.VOID}
AGAIN = timedelta(hours=6)
"""After which one that did not get through is tried again."""


def send_if_due(*, by: Who, at: datetime) -> bool:
    """Send this week's mail where it was not sent yet; whether it was sent now.

    The attempt is recorded before, the outcome after; one at a time, so that two who find it due send one. An attempt
    of which no outcome is known (we were killed) is made again.
    """
    if not settings.CF_GOVERNANCE_MAIL:
        return False
    with alone(Work.MAILING, 0) as nobody_else:
        if not nobody_else or not _is_due(at):
            return False
        message = EmailMessage(
            f"Connecting Families: what waits on {_day(at)}",
            "\n".join(lines(at)) + "\n",
            settings.CF_MAIL_FROM,
            settings.CF_GOVERNANCE_MAIL,
        )
        _note(Event.WEEKLY_MAIL_ATTEMPTED, by, at)
        try:
            message.send()
        except (smtplib.SMTPException, OSError) as error:
            logger.warning("The weekly mail did not get through (%s).", type(error).__name__)
            _note(Event.WEEKLY_MAIL_FAILED, by, at, why=type(error).__name__)
            return False
        _note(Event.WEEKLY_MAIL_SENT, by, at, to=len(settings.CF_GOVERNANCE_MAIL))
    return True


def lines(at: datetime) -> list[str]:
    """What stands in it."""
    today = at.astimezone(LONDON).date()
    undecided = queries.undecided_objections(at)
    overdue = sum(1 for row in undecided if clock(row.received_at, today) is Clock.OVERDUE)
    waiting = Submission.objects.exclude(stage__in=[stage.name for stage in OVER]).count()
    verified = Verification.objects.exclude(ended_at=None).order_by("-ended_at").first()
    ending = len(certificates.ending(at)) + len(council.ending(at))
    return [
        f"Objections to decide: {undecided.count()}, of which overdue: {overdue}.",
        f"Objections that name nobody on file: {queries.standing_unmatched_objections(at)}.",
        f"Objections to look at again after a birthday: {len(queries.rechecks_due(at))}.",
        f"Submissions that wait for somebody: {waiting}.",
        f"Withdrawals that are not acknowledged yet: {Withdrawal.objects.filter(acknowledged_at=None).count()}.",
        f"Keys and certificates to replace: {ending}.",
        seal.state(at),
        f"The trail was last verified on {_day(verified.ended_at)}: {Verification.STATES[verified.state].lower()}."
        if verified and verified.ended_at
        else "The trail was not verified on a page yet.",
        "",
        "Sign in to see which. No answer to this mail is read.",
    ]


def _is_due(at: datetime) -> bool:
    """Whether the mail of the week of this instant was not sent, nor tried just now."""
    here = at.astimezone(LONDON)
    monday = datetime.combine(here.date() - timedelta(days=here.weekday()), HOUR, LONDON)
    begun = monday if here >= monday else monday - timedelta(days=7)
    of_mails = trail.entries().filter(record=RECORD)
    if of_mails.filter(event=Event.WEEKLY_MAIL_SENT.name, timestamp__gte=begun).exists():
        return False
    return not of_mails.filter(event=Event.WEEKLY_MAIL_FAILED.name, timestamp__gt=at - AGAIN).exists()


def _note(event: Event, by: Who, at: datetime, **details: object) -> None:
    with trail.act():
        trail.record(event, who=by, at=at, record=RECORD, details=details)


def _day(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%-d %B %Y}"
