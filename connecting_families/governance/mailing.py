"""Mail to information governance: the attempt is on the trail before, the outcome after; one worker at a time sends.

A mail lies in inboxes and on telephones: nothing of one person is in any. An attempt of which no outcome is known (we
were killed) is made again: a mail twice is better than none.
"""

import logging
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import QuerySet

from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Who

logger = logging.getLogger(__name__)


class Mail(Enum):
    """What is sent: its lock, its record on the trail, and the events of an attempt, of its end, and of its failing."""

    WEEKLY = (0, "weekly.mail", Event.WEEKLY_MAIL_ATTEMPTED, Event.WEEKLY_MAIL_SENT, Event.WEEKLY_MAIL_FAILED)
    ALARM = (1, "alarm.mail", Event.ALARM_MAIL_ATTEMPTED, Event.ALARM_MAIL_SENT, Event.ALARM_MAIL_FAILED)
    CHECKPOINT = (
        2, "checkpoint.mail", Event.CHECKPOINT_MAIL_ATTEMPTED, Event.CHECKPOINT_MAIL_SENT, Event.CHECKPOINT_MAIL_FAILED,
    )  # fmt: skip

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else is sending it: two who find it due send one."""
        with alone(Work.MAILING, self.value[0]) as nobody_else:
            yield nobody_else

    def last_sent(self) -> Entry | None:
        """The entry of when it was sent last, with what was noted of it."""
        found: Entry | None = self._entries(self.value[3]).order_by("-timestamp", "-pk").first()
        return found

    def failed_within(self, time: timedelta, at: datetime) -> bool:
        """Whether it did not get through just now."""
        return bool(self._entries(self.value[4]).filter(timestamp__gt=at - time).exists())

    def send(
        self, subject: str, lines: Sequence[str], to: Sequence[str], *, attached: tuple[str, bytes] | None = None,
        by: Who, at: datetime, **noted: object,
    ) -> bool:  # fmt: skip
        """Send it, within `alone`; whether it got through. `noted` is kept with the entry that it was sent."""
        message = EmailMessage(subject, "\n".join(lines) + "\n", settings.CF_MAIL_FROM, to)
        if attached is not None:
            # As bytes: on its way nobody changes the ends of lines, which are signed.
            message.attach(*attached, "application/octet-stream")
        _, record, attempted, sent, failed = self.value
        _note(attempted, record, by, at)
        try:
            message.send()
        except (smtplib.SMTPException, OSError) as error:
            logger.warning("A mail (%s) did not get through (%s).", record, type(error).__name__)
            _note(failed, record, by, at, why=type(error).__name__)
            return False
        _note(sent, record, by, at, to=len(to), **noted)
        return True

    def _entries(self, event: Event) -> QuerySet[Entry]:
        found: QuerySet[Entry] = Entry.objects.filter(record=self.value[1], event=event.name)
        return found


def _note(event: Event, record: str, by: Who, at: datetime, **details: object) -> None:
    with trail.act():
        trail.record(event, who=by, at=at, record=record, details=details)
