"""Attempts: how one is begun, what stood in its way, and how it is settled; each inside the act of the stage that asks.

What comes back is what the trail is told of it.
"""

from datetime import datetime
from typing import Any

from connecting_families.audit.trail import Who
from transfers.channels.channel import Trouble, Where
from transfers.models import Attempt


def begin(attempts: Any, where: Where, by: Who, at: datetime) -> tuple[Any, dict[str, Any]]:
    """A new one among those of a submission or a withdrawal. What is still open failed: what it left was looked up."""
    for earlier in attempts.filter(outcome=""):
        earlier.outcome, earlier.settled_at = "failed", at
        earlier.save()
    attempt = attempts.create(
        channel=where.channel, host=where.host, host_key=where.host_key, attempted_by=by.reference, attempted_at=at
    )
    return attempt, {"attempt": attempt.pk, **where._asdict()}


def hinder(attempt: Attempt, trouble: Trouble, *, settles: bool, files: int, at: datetime) -> dict[str, Any]:
    """Note what stood in the way, and how many files were seen to lie there; with `settles`, that it failed."""
    attempt.reason, attempt.files_arrived = trouble.why.code, max(files, attempt.files_arrived)
    if settles:
        attempt.outcome, attempt.settled_at = "failed", at
    attempt.save()
    return {
        "attempt": attempt.pk, "reasons": [attempt.reason], "files_arrived": files, "outcome": attempt.outcome
    }  # fmt: skip


def settle(attempt: Attempt, sealed_files: list[dict[str, Any]], checked: str, at: datetime) -> dict[str, Any]:
    """Note that every file has arrived, and how they were compared."""
    attempt.outcome, attempt.settled_at, attempt.files_arrived = "delivered", at, len(sealed_files)
    attempt.save()
    return {"attempt": attempt.pk, "files": sealed_files, "compared_by": checked}
