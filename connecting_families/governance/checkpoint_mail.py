"""The newest checkpoint of the trail by mail, to whoever is to hold it outside: a witness whom no folder reaches.

It holds a count, a root and a signature, and nothing of any entry (audit/seal.py). `verify_trail --checkpoint FILE`
takes the file as it came.
"""

from datetime import datetime, timedelta

from django.conf import settings

from connecting_families.audit import seal
from connecting_families.audit.trail import Who
from connecting_families.governance.mailing import Mail

AGAIN = timedelta(minutes=15)
"""After which one that did not get through is tried again."""
WORDS = (
    "The newest checkpoint of the trail is attached. Keep it where nobody who looks after the database can reach it.",
    "Whoever verifies the trail, here or elsewhere, holds the trail against the file: verify_trail --checkpoint FILE.",
    "",
    "No answer to this mail is read.",
)


def send_if_due(*, by: Who, at: datetime) -> bool:
    """Mail the newest checkpoint where the time for it has come, and there is a newer one; whether it was sent now."""
    if not settings.CF_CHECKPOINT_MAIL:
        return False
    with Mail.CHECKPOINT.alone() as nobody_else:
        newest = seal.newest()
        if not nobody_else or newest is None or not _is_due(seal.file_name(newest), at):
            return False
        name = seal.file_name(newest)
        subject = f"Connecting Families: a checkpoint of {newest.size:,} entries"
        return Mail.CHECKPOINT.send(
            subject, WORDS, settings.CF_CHECKPOINT_MAIL, attached=(name, newest.note.encode()), by=by, at=at, file=name
        )


def _is_due(name: str, at: datetime) -> bool:
    if Mail.CHECKPOINT.failed_within(AGAIN, at):
        return False
    last = Mail.CHECKPOINT.last_sent()
    if last is None:
        return True
    every = timedelta(hours=settings.CF_CHECKPOINT_MAIL_HOURS)
    return at - last.timestamp >= every and (last.additional_data or {}).get("file") != name
