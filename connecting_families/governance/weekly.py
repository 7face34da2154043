"""The weekly mail to information governance: how many of what wait, and when the trail was last verified.

Counts only. A mail lies in inboxes and on telephones: no name, no reference, nothing of one person is in it.
"""

from datetime import datetime, time, timedelta

from django.conf import settings

from cohorts import queries
from cohorts.rules.answer import Clock, clock
from cohorts.rules.clocks import LONDON
from connecting_families.audit import seal
from connecting_families.audit.trail import Who
from connecting_families.governance.mailing import Mail
from connecting_families.governance.models import Verification
from transfers import certificates, council
from transfers.models import Submission, Withdrawal
from transfers.rules.lifecycle import Stage

HOUR = time(7)
"""On Mondays, in London."""
OVER = {Stage.SENT, Stage.RECEIPTED, Stage.VOID}
AGAIN = timedelta(hours=6)
"""After which one that did not get through is tried again."""


def send_if_due(*, by: Who, at: datetime) -> bool:
    """Send this week's mail where it was not sent yet; whether it was sent now."""
    if not settings.CF_GOVERNANCE_MAIL:
        return False
    with Mail.WEEKLY.alone() as nobody_else:
        if not nobody_else or not _is_due(at):
            return False
        subject = f"Connecting Families: what waits on {_day(at)}"
        return Mail.WEEKLY.send(subject, lines(at), settings.CF_GOVERNANCE_MAIL, by=by, at=at)


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
    last = Mail.WEEKLY.last_sent()
    return (last is None or last.timestamp < begun) and not Mail.WEEKLY.failed_within(AGAIN, at)


def _day(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%-d %B %Y}"
