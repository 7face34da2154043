"""Sent: what left the council about somebody, and to whom. It cannot be called back from here."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from cohorts.models import Decision
from transfers.models import DeliveryAttempt, Withdrawal, Withdrawn


class Sent(NamedTuple):
    """One submission with somebody's details in it: `arrived` is None while nobody knows whether it arrived.

    `withdrawn` is what took them out since; None where nothing did.
    """

    submission: str
    person_ref: str
    recipients: tuple[str, ...]
    datasets: tuple[str, ...]
    attempted_at: datetime
    arrived: datetime | None
    withdrawn: Withdrawal | None


def about(person_ids: Collection[int]) -> list[Sent]:
    """What was sent about these people (every record of each), the newest first.

    An attempt that did not plainly fail counts, and one that failed after a file had arrived: in doubt it was sent.
    """
    attempts = DeliveryAttempt.objects.exclude(outcome="failed", files_arrived=0)
    attempts = attempts.select_related("submission__round").order_by("id")
    found = {}
    for attempt in attempts:
        submission = attempt.submission
        decisions = Decision.objects.filter(
            cohort_id=submission.cohort_id, person_id__in=list(person_ids), included=True
        )
        taken_out = Withdrawn.objects.filter(submission=submission, person_id__in=list(person_ids))
        withdrawals = {each.person_id: each.withdrawal for each in taken_out.select_related("withdrawal")}
        for decision in decisions.order_by("person_ref"):
            arrived = attempt.settled_at if attempt.outcome == "delivered" else None
            found[submission.name, decision.person_ref] = Sent(
                submission.name,
                decision.person_ref,
                tuple(submission.round.recipients),
                tuple(code for code in decision.linkage_scope.split(";") if code),
                attempt.attempted_at,
                arrived,
                withdrawals.get(decision.person_id),
            )
    return list(reversed(found.values()))
