"""Retaining: by when what was sent must be gone, what the data team and governance know of that, and legal holds."""

from datetime import date, datetime

from django.conf import settings
from django.db.models import Q

from cohorts.models import Agreement
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import archive, doors, sent
from transfers.models import LegalHold, RecipientDestruction, StudyEnd, Submission
from transfers.rules import destroying, retention
from transfers.rules.lifecycle import Stage
from transfers.rules.retention import Retention, RetentionFacts, State

DIGEST = frozenset("0123456789abcdef")


class NotEntered(Refused):
    """Entering the end of a study, or a recipient's certificate, was refused."""

    event = Event.RETENTION_REFUSED


class NotHeld(doors.NotDone):
    """Placing or lifting a legal hold was refused."""

    event = Event.HOLD_REFUSED


@trail.stage
def enter_study_end(*, agreement: Agreement, ends_on: date, source: str, by: Who, at: datetime) -> StudyEnd:
    """Enter the last day of the research under an agreement; a later entry counts in place of an earlier one.

    Raises NotEntered where it is not said from what that is known.
    """
    if not source.strip():
        reason = Why("NO_SOURCE", "Say from what the day is known, such as a letter's reference.")
        raise NotEntered([reason], record="cohorts.agreement", reference=agreement.reference)
    entered = StudyEnd.objects.create(
        agreement=agreement, ends_on=ends_on, source=source.strip(), entered_by_id=by.person, entered_at=at
    )
    details = {"agreement": agreement.reference, "ends_on": ends_on.isoformat()}
    trail.record(Event.STUDY_END_ENTERED, who=by, at=at, about=entered, details=details)
    return entered


@trail.stage
def enter_recipients_certificate(
    *, submission: Submission, recipient: str, reference: str, destroyed_on: date, sha256: str, by: Who, at: datetime
) -> RecipientDestruction:
    """Enter that a recipient destroyed what it was sent, by its own certificate, of which the digest is kept.

    Raises NotEntered with every reason. The same certificate a second time changes nothing.
    """
    row = doors.locked(submission.pk)
    reference, sha256 = reference.strip(), sha256.strip().lower()
    reasons = []
    if not sent.may_have_arrived(row):
        reasons.append(Why("NOT_SENT", "Nothing of this submission was sent."))
    if recipient not in row.round.recipients:
        reasons.append(Why("NO_SUCH_RECIPIENT", f"{recipient} did not get this submission."))
    if not reference:
        reasons.append(Why("NO_REFERENCE", "Give the reference that stands on the certificate."))
    if len(sha256) != 64 or not DIGEST.issuperset(sha256):
        reasons.append(Why("NO_DIGEST", "Give the SHA-256 of the certificate's file: 64 digits and letters a to f."))
    if destroyed_on > at.astimezone(LONDON).date():
        reasons.append(Why("IN_THE_FUTURE", "The day of the destruction lies in the future."))
    if row.sealed_at is not None and destroyed_on < row.sealed_at.astimezone(LONDON).date():
        reasons.append(Why("TOO_EARLY", "The day of the destruction lies before the submission was sealed."))
    if reasons:
        raise NotEntered(reasons, record="transfers.submission", reference=row.name)
    same = row.recipients_destructions.filter(recipient=recipient, sha256=sha256).first()
    if same is not None:
        return same
    entered = RecipientDestruction.objects.create(
        submission=row, recipient=recipient, reference=reference, destroyed_on=destroyed_on, sha256=sha256,
        entered_by_id=by.person, entered_at=at,
    )  # fmt: skip
    details = {"recipient": recipient, "destroyed_on": destroyed_on.isoformat(), "sha256": sha256}
    trail.record(Event.RECIPIENT_DESTROYED, who=by, at=at, about=row, details=details)
    return entered


@trail.stage
def place_hold(*, submission: Submission, reason: str, by: Who, at: datetime) -> LegalHold:
    """Stop the destruction of a submission, until the hold is lifted. Raises NotHeld: too late, or without a reason."""
    row = doors.locked(submission.pk)
    reasons = destroying.reason_given(reason)
    if row.at_stage is Stage.DESTROYED or archive.begun_to_end(row):
        reasons.append(
            Why("HOLD_TOO_LATE", "It is too late: destroying what was sent has begun, and cannot be undone.")
        )
    elif row.sealed_at is None or row.at_stage is Stage.VOID:
        reasons.append(Why("NOTHING_TO_HOLD", "Nothing of this submission is kept."))
    doors.refuse(NotHeld, reasons, row)
    hold = LegalHold.objects.create(submission=row, reason=reason.strip(), placed_by_id=by.person, placed_at=at)
    trail.record(Event.HOLD_PLACED, who=by, at=at, about=row, reason=hold.reason, details={"hold": hold.pk}, outside={})
    return hold


@trail.stage
def lift_hold(*, hold: LegalHold, reason: str, by: Who, at: datetime) -> LegalHold:
    """Lift a hold. Raises NotHeld: lifted already, or without a reason."""
    row = doors.locked(hold.submission_id)
    found = LegalHold.objects.select_for_update().get(pk=hold.pk)
    reasons = destroying.reason_given(reason)
    if found.lifted_at is not None:
        reasons.append(Why("LIFTED", "This hold is lifted already."))
    doors.refuse(NotHeld, reasons, row)
    found.lifted_because, found.lifted_by_id, found.lifted_at = reason.strip(), by.person, at
    found.save()
    trail.record(Event.HOLD_LIFTED, who=by, at=at, about=row, reason=found.lifted_because, details={"hold": found.pk})
    return found


def standing_holds(submission: Submission) -> int:
    """How many holds stand on a submission itself."""
    return submission.holds.filter(lifted_at=None).count()


def holds_of_round(submission: Submission) -> int:
    """How many stand in the way of destroying a submission: its own, and those on void ones of its round.

    With the submission goes what tells who was in any cohort of the round.
    """
    return LegalHold.objects.filter(submission__round=submission.round_id, lifted_at=None).count()


def facts(row: Submission) -> RetentionFacts:
    """What is known of a submission's end."""
    agreement = row.round.agreement
    study = StudyEnd.objects.filter(agreement=agreement).order_by("-pk").first()
    done = row.destructions.exclude(done_at=None).first()
    theirs = dict(row.recipients_destructions.order_by("destroyed_on").values_list("recipient", "destroyed_on"))
    return RetentionFacts(
        agreement_until=agreement.in_force_to,
        study_ends_on=study.ends_on if study else None,
        backup_days=settings.CF_BACKUP_DAYS,
        gone_on=done.done_at.astimezone(LONDON).date() if done and done.done_at else None,
        recipients={name: theirs.get(name) for name in row.round.recipients},
        held=bool(holds_of_round(row)),
        was_sent=sent.may_have_arrived(row),
    )


def of(row: Submission, at: datetime) -> Retention:
    """Every copy of a submission, and by when it must be gone."""
    return retention.of(facts(row), at.astimezone(LONDON).date())


def early(row: Submission, at: datetime) -> str:
    """A warning where the research may go on; empty where it does not."""
    found = facts(row)
    if not retention.is_early(found, at.astimezone(LONDON).date()):
        return ""
    last, _ = retention.ends_on(found)
    known = "No end of the study is known" if last is None else f"The research goes on until {last:%-d %B %Y}"
    return f"{known}. Whoever objects after the destruction cannot be withdrawn from what was sent any more."


def kept() -> list[Submission]:
    """Every submission of which something was sealed and may be kept, or was destroyed; the newest first.

    Of the void ones those under a legal hold: of them our copy stays.
    """
    held = Q(pk__in=LegalHold.objects.filter(lifted_at=None).values("submission"))
    rows = Submission.objects.exclude(sealed_at=None).filter(~Q(stage=Stage.VOID.name) | held)
    return list(rows.select_related("round__agreement").order_by("-id"))


def due(at: datetime) -> int:
    """How many submissions are to be destroyed, by this instant or within the time that two people need for it."""
    return sum(of(row, at).state in (State.DUE, State.OVERDUE) for row in kept())
