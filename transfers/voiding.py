"""Voiding: somebody says that a submission which has not left goes nowhere any more, and why.

What the guard finds at a door makes a submission void by itself (doors.py). This is for all else: a cohort of the wrong
round, a mistake that cannot be mended in it, a round that was called off.
"""

from datetime import datetime

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import doors, retaining
from transfers.models import Submission
from transfers.rules import destroying, lifecycle


class NotVoided(doors.NotDone):
    """Making a submission void was refused."""

    event = Event.VOIDING_REFUSED


def reasons_against(row: Submission) -> list[Why]:
    """Why this submission may not be made void; the page shows the same in place of the button.

    A legal hold stops it: with a sealed one our own copy of what was sealed goes.
    """
    return [
        *lifecycle.reasons_against("void", row.at_stage),
        *doors.against_destroyed(row),
        *destroying.held(retaining.standing_holds(row)),
    ]


@trail.stage
def make_void(*, submission: Submission, reason: str, by: Who, at: datetime) -> Submission:
    """Make a submission void for good, for a reason in words. Raises NotVoided with every reason at once.

    Whoever seals or delivers it meanwhile has the row, and is waited for, or finds it void.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotVoided, [*reasons_against(row), *destroying.reason_given(reason)], row)
    before, why = row.stage, reason.strip()
    doors.let_go(row, why)
    trail.record(Event.SUBMISSION_VOIDED, who=by, at=at, about=row, reason=why, details={"before": before})
    return row
