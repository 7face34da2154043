"""Sent: what left the council about somebody, and to whom. It cannot be called back from here."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from cohorts.models import Decision
from transfers.models import DeliveryAttempt, Submission, Withdrawal, Withdrawn


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


def may_have_arrived(submission: Submission) -> bool:
    """Whether something of a submission may lie with its recipients: in doubt it does."""
    return submission.delivery_attempts.exclude(outcome="failed", files_arrived=0).exists()


def about(person_ids: Collection[int]) -> list[Sent]:
    """What was sent about these people (every record of each), the newest first.

    An attempt that did not plainly fail counts, and one that failed after a file had arrived: in doubt it was sent.
    """
    keys = list(person_ids)
    decisions = defaultdict(list)
    for decision in Decision.objects.filter(person_id__in=keys, included=True).order_by("person_ref"):
        decisions[decision.cohort_id].append(decision)
    taken_out = Withdrawn.objects.filter(person_id__in=keys).select_related("withdrawal")
    withdrawals = {(each.submission_id, each.person_id): each.withdrawal for each in taken_out}
    attempts = DeliveryAttempt.objects.filter(submission__cohort__in=list(decisions))
    attempts = attempts.exclude(outcome="failed", files_arrived=0).select_related("submission__round").order_by("id")
    found = {}
    for attempt in attempts:
        submission = attempt.submission
        for decision in decisions[submission.cohort_id]:
            arrived = attempt.settled_at if attempt.outcome == "delivered" else None
            found[submission.name, decision.person_ref] = Sent(
                submission.name,
                decision.person_ref,
                tuple(submission.round.recipients),
                tuple(code for code in decision.linkage_scope.split(";") if code),
                attempt.attempted_at,
                arrived,
                withdrawals.get((submission.pk, decision.person_id)),
            )
    return list(reversed(found.values()))
