"""Copies: the rows of a submission about somebody, exactly as they were sent; never put together again from records."""

from collections.abc import Collection
from typing import NamedTuple

from transfers import archive
from transfers.models import PersonReference, Submission, Withdrawn
from transfers.rules.lifecycle import Stage

DESTROYED = "What was sent was destroyed. Nobody can say any more who was in it."


class Copy(NamedTuple):
    """The rows about somebody in one submission: file, and each of its rows by column, as they were sent.

    `why_not` says why they cannot be shown; empty where they can.
    """

    files: dict[str, list[dict[str, str]]]
    why_not: str = ""


def about(person_ids: Collection[int], submission: Submission) -> Copy:
    """What a submission, and each withdrawal of them from it, said of these people (every record of one person)."""
    references = PersonReference.objects.filter(person_id__in=person_ids).values_list("reference", flat=True)
    taken_out = Withdrawn.objects.filter(submission=submission, person_id__in=person_ids)
    withdrawals = set(taken_out.values_list("withdrawal__name", flat=True))
    try:
        found = archive.look_up(submission, list(references), withdrawals=withdrawals)
    except archive.NotReadable as refusal:
        return Copy({}, " ".join(reason.sentence for reason in refusal.reasons))
    return Copy({"identifiers.csv": found.identifiers, "programme.csv": found.programme, **found.withdrawals})


def destroyed() -> list[str]:
    """The submissions that were destroyed, of which nobody can say whom they held."""
    return list(Submission.objects.filter(stage=Stage.DESTROYED.name).order_by("id").values_list("name", flat=True))
