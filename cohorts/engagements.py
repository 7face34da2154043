"""Engagements: when work with a family began, and when it ended."""

from datetime import date, datetime, timedelta

from django.db.models import Max

from cohorts.models import Engagement, Family
from cohorts.rules.clocks import LONDON
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotBegun(Refused):
    """What was recorded of the beginning of work cannot be right."""

    event = Event.WORK_REFUSED


class NotEnded(Refused):
    """What was recorded of the end of work cannot be right."""

    event = Event.WORK_REFUSED


@trail.stage
def begin(*, family: Family, started_on: date, intervention: str, by: Who, at: datetime) -> Engagement:
    """Record that work with a family began. The same work that began on the same day is one, however often it is told.

    Raises NotBegun with every reason.
    """
    row = Family.objects.select_for_update().get(pk=family.pk)
    reasons: list[Why | At] = []
    if started_on > at.astimezone(LONDON).date():
        later = "Work cannot have begun later than today: record it once it began"
        reasons.append(At("BEGUN_LATER", later, "started_on"))
    if intervention not in Engagement.INTERVENTIONS:
        reasons.append(At("UNKNOWN_WORK", "Choose what the work is", "intervention"))
    if reasons:
        raise NotBegun(reasons, record="cohorts.family", reference=row.reference)
    same_day = row.engagements.filter(started_on=started_on)
    if told := same_day.filter(intervention=intervention).first():
        return told
    ordinal = (same_day.aggregate(last=Max("ordinal"))["last"] or 0) + 1
    begun = Engagement.objects.create(family=row, started_on=started_on, intervention=intervention, ordinal=ordinal)
    details = {"engagement": begun.pk, "started_on": started_on.isoformat()}
    trail.record(Event.WORK_BEGUN, who=by, at=at, about=row, details=details)
    return begun


@trail.stage
def end(*, engagement: Engagement, last_day: date, by: Who, at: datetime) -> Engagement:
    """Record the last day of work with a family, the whole of it included; told again, it stays as it is.

    Raises NotEnded with every reason, also where a colleague recorded another last day meanwhile.
    """
    row = Engagement.objects.select_for_update(of=("self",)).select_related("family").get(pk=engagement.pk)
    ended_on = last_day + timedelta(days=1)
    if row.ended_on == ended_on:
        return row
    reasons: list[Why | At] = [*against_ending(row)]
    if last_day < row.started_on:
        before = f"The last day is the first day, {row.started_on:%-d %B %Y}, or a day after it"
        reasons.append(At("ENDED_BEFORE_IT_BEGAN", before, "last_day"))
    if last_day > at.astimezone(LONDON).date():
        later = "Work cannot have ended later than today: record it once it ended"
        reasons.append(At("ENDED_LATER", later, "last_day"))
    if reasons:
        raise NotEnded(reasons, record="cohorts.family", reference=row.family.reference)
    row.ended_on = ended_on
    row.save()
    details = {"engagement": row.pk, "last_day": last_day.isoformat()}
    trail.record(Event.WORK_ENDED, who=by, at=at, about=row.family, details=details)
    return row


def against_ending(row: Engagement) -> list[Why]:
    """Why work cannot be ended: it was already."""
    if row.ended_on is None:
        return []
    last = row.ended_on - timedelta(days=1)
    return [Why("ENDED_ALREADY", f"The last day of this work was recorded already: {last:%-d %B %Y}.")]
