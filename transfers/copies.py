"""Copies: the rows of a submission about somebody, exactly as they were sent; never put together again from records."""

from collections.abc import Collection
from typing import NamedTuple

from transfers.models import Submission

NOT_KEPT = "No copy of what was sent is kept here. What it said is not put together again from today's records."


class Copy(NamedTuple):
    """The rows about somebody in one submission: file, and each of its rows by column, as they were sent.

    `why_not` says why they cannot be shown; empty where they can.
    """

    files: dict[str, list[dict[str, str]]]
    why_not: str = ""


def about(person_ids: Collection[int], submission: Submission) -> Copy:  # noqa: ARG001
    """What a submission said of these people (every record of one person)."""
    return Copy({}, NOT_KEPT)
