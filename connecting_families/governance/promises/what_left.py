"""What left, or may have left, the council: the submissions that were sealed, and the attempts to send them."""

from itertools import chain
from typing import Any

from django.db.models import QuerySet

from transfers.models import Attempt, DeliveryAttempt, Submission, WithdrawalAttempt
from transfers.rules.lifecycle import Stage

FILES = {"identifiers": "identifiers.csv", "programme": "programme.csv"}


def sealed() -> QuerySet[Submission]:
    """Every submission of which sealed packages were made and not taken away again, the newest first."""
    found = Submission.objects.exclude(sealed_at=None).exclude(stage=Stage.VOID.name)
    return found.select_related("round__agreement", "cohort").order_by("-pk")


def may_have_arrived() -> QuerySet[DeliveryAttempt]:
    """Attempts that did not plainly fail, or failed after a file had arrived: in doubt it was sent."""
    attempts = DeliveryAttempt.objects.exclude(outcome="failed", files_arrived=0)
    return attempts.select_related("submission__round__agreement", "submission__cohort").order_by("pk")


def attempts() -> list[Attempt]:
    """Every attempt ever made, of submissions and of withdrawals."""
    return list(chain(DeliveryAttempt.objects.order_by("pk"), WithdrawalAttempt.objects.order_by("pk")))


def columns(row: Submission) -> dict[str, list[str]]:
    """The columns of each file of a submission, as its manifests have them."""
    of: dict[str, Any] = row.content
    return {file: list(of[name]["columns"]) for name, file in FILES.items() if name in of}
