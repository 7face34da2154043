"""Approval: a second person looks at a sample, and agrees that this submission may leave the council."""

import random
from datetime import datetime
from typing import NamedTuple

from cohorts import queries
from cohorts.models import Decision
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import content, doors
from transfers.models import SampleOpening, Submission
from transfers.rules import approval, gates, lifecycle
from transfers.rules.lifecycle import Stage

SAMPLE_SIZE = 10


class NotApproved(doors.NotDone):
    """Carries the reasons, in the words shown to the person who asked."""

    event = Event.APPROVAL_REFUSED


class NotSentBack(doors.NotDone):
    """Sending back was refused."""

    event = Event.SEND_BACK_REFUSED


class Sampled(NamedTuple):
    """A record of the sample: its references in the case system, and what of it is there, masked."""

    family_ref: str
    person_ref: str
    values: dict[str, str]


@trail.stage
def open_sample(*, submission: Submission, by: Who, at: datetime) -> list[Sampled]:
    """Open a sample of the records that would be sent, drawn by the digest of the content: the same for everyone.

    Values are masked: whether they are there and of which form shows, who it is does not. Raises NotApproved where
    nothing is put forward.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotApproved, lifecycle.reasons_against("approve", row.at_stage), row)
    sample = _sample(row)
    SampleOpening.objects.create(submission=row, content_sha256=row.content_sha256, by_id=by.person, at=at)
    trail.record(
        Event.SAMPLE_VIEWED, who=by, at=at, about=row,
        details={"content_sha256": row.content_sha256, "persons": [sampled.person_ref for sampled in sample]},
    )  # fmt: skip
    return sample


def _sample(row: Submission) -> list[Sampled]:
    included = Decision.objects.filter(cohort=row.cohort, included=True)
    drawn = random.Random(row.content_sha256)  # noqa: S311 - drawn to be repeated, not to be secret
    places = sorted(drawn.sample(range(row.cohort.included), min(SAMPLE_SIZE, row.cohort.included)))
    ordered = included.order_by("family_ref", "person_ref").values_list("family_ref", "person_ref", "person_id")
    chosen = [ordered[place] for place in places]
    values = content.masked_identifiers(row.cohort, [person_id for _, _, person_id in chosen])
    # Whoever was erased since is not there to be shown: approving then says so, and voids it.
    return [Sampled(family, person, values[person_id]) for family, person, person_id in chosen if person_id in values]


def reasons_against(row: Submission, by: Who, at: datetime) -> list[Why]:
    """Why this person may not approve this submission now, the guard at the door apart; the page shows the same."""
    opened = row.sample_openings.filter(content_sha256=row.content_sha256, by_id=by.person).exists()
    return [
        *lifecycle.reasons_against("approve", row.at_stage),
        *approval.four_eyes(by.person, row.shaped_by),
        *approval.sample_opened(opened),
        *doors.agreement(row, at),
        *gates.unmatched_objections(queries.standing_unmatched_objections(at)),
    ]


@doors.guarded
@trail.stage
def approve(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Agree that exactly this content may leave the council.

    Raises NotApproved with every reason at once. Where somebody in it has objected, withdrawn or been protected
    since the run, it is void.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotApproved, reasons_against(row, by, at), row)
    stopped = doors.guard(row, at)
    changed = [] if stopped else approval.same_content(row.content_sha256, content.digests(row.cohort).sha256)
    doors.refuse(NotApproved, changed, row, stopped=stopped)
    row.stage = lifecycle.after("approve").name
    row.approved_by_id, row.approved_at, row.approved_content_sha256 = by.person, at, row.content_sha256
    row.save()
    trail.record(Event.SUBMISSION_APPROVED, who=by, at=at, about=row, details={"content_sha256": row.content_sha256})
    return row


@trail.stage
def send_back(*, submission: Submission, reason: str, by: Who, at: datetime) -> Submission:
    """Send a submission back to who prepared it, with a reason. Raises NotSentBack."""
    row = doors.locked(submission.pk)
    reasons = lifecycle.reasons_against("send back", row.at_stage)
    reasons += approval.reason_given(reason)
    doors.refuse(NotSentBack, reasons, row)
    row.stage, row.sent_back_reason = Stage.SENT_BACK.name, reason.strip()
    row.save()
    trail.record(Event.SUBMISSION_SENT_BACK, who=by, at=at, about=row, reason=reason.strip())
    return row
