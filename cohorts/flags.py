"""Flags: a family is put forward as eligible, a manager looks at it, and a flag is lifted.

A flag counts from its first day, whatever a review finds (spec/rules.md). One sent back is lifted from that day.
"""

from collections.abc import Mapping
from datetime import date, datetime

from cohorts import facts, untold
from cohorts.models import Family, FlagReview
from cohorts.rules.clocks import LONDON, stands
from cohorts.rules.evidence import missing_to_flag
from cohorts.seen import At, changed_meanwhile
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting

REVIEWED = {FlagReview.CONFIRMED: Event.FLAG_CONFIRMED, FlagReview.SENT_BACK: Event.FLAG_SENT_BACK}


class NotFlagged(Refused):
    """A family lacks something to be flagged."""

    event = Event.FLAG_REFUSED


class NotLifted(Refused):
    """A flag was not lifted."""

    event = Event.FLAG_REFUSED


class NotReviewed(Refused):
    """A flag was not reviewed."""

    event = Event.FLAG_REFUSED


@trail.stage
def flag(*, family: Family, on: date, seen: Mapping[str, str], by: Who, at: datetime) -> Family:
    """Flag a family from a day, where the rules find nothing missing on it; told again, it stays as it is.

    A family has one flag: one after a lift takes its place, and begins on the day of the lift or later. Raises
    NotFlagged with every reason; `seen` is the record as whoever asks saw it.
    """
    row = Family.objects.select_for_update().get(pk=family.pk)
    if (row.flagged_on, row.lifted_on, row.flagged_by) == (on, None, by.reference[:60]):
        return row
    changed = changed_meanwhile(row, row, {"flagged_on": on, "lifted_on": None}, seen)
    reasons: list[Why | At] = list(changed or against_flagging(row, at))
    if on > at.astimezone(LONDON).date():
        reasons.append(At("FLAGGED_LATER", "A flag stands from today or from an earlier day", "flagged_on"))
    elif row.lifted_on is not None and on < row.lifted_on:
        since = f"The flag before stood until {row.lifted_on:%-d %B %Y}: enter that day, or a later one"
        reasons.append(At("ONE_FLAG_AT_A_TIME", since, "flagged_on"))
    elif not reasons:
        reasons += missing(row, on, at)
    if reasons:
        raise NotFlagged(reasons, record="cohorts.family", reference=row.reference)
    _close(row, FlagReview.LIFTED)
    row.flagged_on, row.lifted_on, row.flagged_by = on, None, by.reference[:60]
    row.save()
    FlagReview.objects.create(family=row, flagged_on=on, flagged_by=by.reference)
    trail.record(Event.FAMILY_FLAGGED, who=by, at=at, about=row, details={"from": on.isoformat()})
    return row


def against_flagging(row: Family, at: datetime) -> list[Why]:
    """Why a family cannot be flagged, whatever is evidenced: it is already."""
    if row.flagged_on is None or (row.lifted_on is not None and row.lifted_on <= at.astimezone(LONDON).date()):
        return []
    by = f", by {row.flagged_by}" if row.flagged_by else ""
    return [Why("FLAGGED_ALREADY", f"The family is flagged already, from {row.flagged_on:%-d %B %Y}{by}.")]


def missing(row: Family, on: date, at: datetime) -> list[Why]:
    """What a family lacks to be flagged from a day, as the rules say it."""
    known = facts.of_family(row.reference)
    if known is None:
        return [Why("NO_SUCH_FAMILY", f"There is no family {row.reference}.")]
    asked = untold.question_of_today(at)
    then = asked._replace(moment=asked.moment._replace(cut_off=on))
    when = "" if on == asked.moment.today else f"On {on:%-d %B %Y}: "
    return [
        Why("MISSING", f"{when}{sentence.replace(' today', '') if when else sentence}")
        for sentence in missing_to_flag(known, then)
    ]


@trail.stage
def lift(*, family: Family, on: date, reason: str, seen: Mapping[str, str], by: Who, at: datetime) -> Family:
    """Lift the flag of a family: from that day it stands no more. `reason` is kept in the trail.

    Told again, it stays as it is. Raises NotLifted with every reason; `seen` is the record as whoever asks saw it.
    """
    row = Family.objects.select_for_update().get(pk=family.pk)
    if row.lifted_on == on:
        return row
    wanted = {"flagged_on": seen.get("flagged_on"), "lifted_on": on}
    reasons: list[Why | At] = list(changed_meanwhile(row, row, wanted, seen) or against_lifting(row))
    if row.flagged_on is not None and on < row.flagged_on:
        since = f"The flag stands since {row.flagged_on:%-d %B %Y}: enter that day, or a later one"
        reasons.append(At("LIFTED_BEFORE", since, "lifted_on"))
    if on > at.astimezone(LONDON).date():
        reasons.append(At("LIFTED_LATER", "A flag is lifted from today or from an earlier day", "lifted_on"))
    if not reason.strip():
        reasons.append(At("NO_REASON", "Write why the flag is lifted", "reason"))
    if reasons:
        raise NotLifted(reasons, record="cohorts.family", reference=row.reference)
    _close(row, FlagReview.LIFTED)
    row.lifted_on = on
    row.save()
    details = {"from": on.isoformat()}
    trail.record(Event.FLAG_LIFTED, who=by, at=at, about=row, reason=reason.strip(), details=details)
    return row


def against_lifting(row: Family) -> list[Why]:
    """Why a flag cannot be lifted: there is none."""
    if row.flagged_on is None:
        return [Why("NOT_FLAGGED", "The family is not flagged.")]
    if row.lifted_on is not None:
        return [Why("LIFTED_ALREADY", f"The flag was lifted already, from {row.lifted_on:%-d %B %Y}.")]
    return []


def waiting_review(row: Family) -> FlagReview | None:
    """The flag of a family that waits for a manager; None where none does, or its flag is another one meanwhile."""
    if row.flagged_on is None:
        return None
    return row.flag_reviews.filter(outcome=FlagReview.WAITING, flagged_on=row.flagged_on).first()


@trail.stage
def review(*, waiting: FlagReview, outcome: str, reason: str = "", by: Who, at: datetime) -> FlagReview:
    """Confirm a flag, or send it back with a reason, which lifts it from today; never by who flagged.

    Told again by the same person, it stays as it is. Raises NotReviewed with every reason.
    """
    row = Family.objects.select_for_update().get(pk=waiting.family_id)
    looked_at = FlagReview.objects.get(pk=waiting.pk)
    if (looked_at.outcome, looked_at.reviewed_by) == (outcome, by.reference):
        return looked_at
    reasons: list[Why | At] = [*against_reviewing(row, looked_at, by, at)]
    if outcome not in (FlagReview.CONFIRMED, FlagReview.SENT_BACK):
        reasons.append(At("UNKNOWN_OUTCOME", "Choose whether the flag is right", "outcome"))
    if outcome == FlagReview.SENT_BACK and not reason.strip():
        reasons.append(At("NO_REASON", "Write what has to be put right", "reason"))
    if reasons:
        raise NotReviewed(reasons, record="cohorts.family", reference=row.reference)
    looked_at.outcome, looked_at.reason = outcome, reason.strip()
    looked_at.reviewed_at, looked_at.reviewed_by = at, by.reference
    looked_at.save()
    if outcome == FlagReview.SENT_BACK:
        row.lifted_on = max(at.astimezone(LONDON).date(), looked_at.flagged_on)
        row.save()
    details = {"flagged_on": looked_at.flagged_on.isoformat()}
    trail.record(REVIEWED[outcome], who=by, at=at, about=row, reason=reason.strip(), details=details)
    return looked_at


def against_reviewing(row: Family, waiting: FlagReview, by: Who, at: datetime) -> list[Why]:
    """Why this person may not review this flag."""
    reasons = []
    if not permits(by.role, Permission.REVIEW_FLAGS):
        who = " or ".join(roles_permitting(Permission.REVIEW_FLAGS))
        reasons.append(Why("NOT_FOR_THIS_ROLE", f"Your role may not review a flag. Ask {who}."))
    if waiting.flagged_by.casefold() == by.reference.casefold():
        reasons.append(Why("FOUR_EYES", "You flagged this family yourself: another manager reviews it."))
    if waiting.outcome != FlagReview.WAITING:
        whom = f" by {waiting.reviewed_by}" if waiting.reviewed_by else ""
        reasons.append(
            Why("REVIEWED_ALREADY", f"This flag waits no more: {waiting.get_outcome_display().lower()}{whom}.")
        )
    elif row.flagged_on != waiting.flagged_on or not _on(row, at):
        reasons.append(Why("ANOTHER_FLAG", "This flag stands no more: the case system's files changed it meanwhile."))
    return reasons


def _on(row: Family, at: datetime) -> bool:
    """Whether the flag stands on the day of this instant."""
    return row.flagged_on is not None and stands(row.flagged_on, row.lifted_on, at.astimezone(LONDON).date())


def _close(row: Family, outcome: str) -> None:
    """A flag that waits for a manager does so no more."""
    for waiting in row.flag_reviews.filter(outcome=FlagReview.WAITING):
        waiting.outcome = outcome
        waiting.save()
