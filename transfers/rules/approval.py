"""The reasons why this person may not approve this submission (spec/submission.md, "Approve")."""

from collections.abc import Collection

from connecting_families.audit.refusals import Why


def four_eyes(approver: int, shaped_by: Collection[int]) -> list[Why]:
    """Nobody approves what they prepared, edited or explained."""
    if approver not in shaped_by:
        return []
    sentence = "You prepared, edited or explained this submission. Somebody else must approve it."
    return [Why("FOUR_EYES", sentence)]


def sample_opened(opened: bool) -> list[Why]:  # noqa: FBT001 - the one fact it is about
    """The approver looked at a sample of exactly this content."""
    if opened:
        return []
    return [Why("SAMPLE_NOT_OPENED", "Open the sample of this submission first, and check the records in it.")]


def same_content(put_forward: str, today: str) -> list[Why]:
    """What was put forward is what the records say today."""
    if put_forward == today:
        return []
    sentence = "The records changed since the submission was put forward. Send it back, and put it forward again."
    return [Why("CONTENT_CHANGED", sentence)]


def reason_given(reason: str) -> list[Why]:
    """Who sends a submission back says why, so that it can be mended."""
    if len(reason.strip()) >= 10:
        return []
    return [Why("NO_REASON", "Write a sentence which says what to mend before it is put forward again.")]
