"""People: the marks that protect a person's identity or address."""

from datetime import date, datetime, timedelta

from cohorts import remembered
from cohorts.models import Person, Protection
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting


class NotProtected(Refused):
    """What was recorded of a protection mark cannot be right."""

    event = Event.PROTECTION_REFUSED


@trail.stage
def protect(
    *, person: Person, kind: str, from_on: date, to_on: date | None = None, by: Who, at: datetime
) -> Protection:
    """Set a mark on a person from a day until the day before `to_on`.

    Raises NotProtected for an unknown kind, and for a first day in the future: until then nothing would protect them.
    """
    reasons = []
    if kind not in Protection.KINDS:
        sentence = f"There is no mark of the kind {kind}. Choose {', '.join(Protection.KINDS)}."
        reasons.append(Why("UNKNOWN_KIND", sentence))
    if from_on > at.astimezone(LONDON).date():
        reasons.append(Why("FROM_LATER", "A mark protects from today or from an earlier day: enter one of these."))
    if Protection.objects.filter(person=person, kind=kind, from_on__lte=from_on, to_on=None).exists():
        reasons.append(Why("MARKED_ALREADY", "A mark of this kind stands already, since that day or longer."))
    if to_on is not None and to_on <= from_on:
        reasons.append(Why("ENDS_BEFORE_IT_BEGINS", "A mark ends after it began."))
    if reasons:
        raise NotProtected(reasons, record="cohorts.person", reference=person.reference)
    same_day = Protection.objects.filter(person=person, kind=kind, from_on=from_on).count()
    mark = Protection.objects.create(person=person, kind=kind, from_on=from_on, to_on=to_on, ordinal=same_day + 1)
    kept = {**remembered.outside(person), "kind": kind, "from_on": from_on.isoformat(), "to_on": _iso(to_on)}
    trail.record(Event.PROTECTION_MARKED, who=by, at=at, about=person, details={"kind": kind}, outside=kept)
    return mark


@trail.stage
def end_protection(*, mark: Protection, last_day: date, reason: str, by: Who, at: datetime) -> Protection:
    """End a mark with a day, the whole of it included; `reason` is kept in the trail.

    Whoever ends one lets the person's details leave the council: another person than the family's worker does, with
    the permission for it. Raises NotProtected with every reason.
    """
    row = Protection.objects.select_for_update(of=("self",)).select_related("person").get(pk=mark.pk)
    reasons = []
    if not permits(by.role, Permission.END_PROTECTION):
        who = " or ".join(roles_permitting(Permission.END_PROTECTION))
        reasons.append(Why("NOT_FOR_THIS_ROLE", f"Your role may not end a protection mark. Ask {who}."))
    if row.to_on is not None:
        reasons.append(Why("ENDED_ALREADY", "This mark has a last day already."))
    if last_day < row.from_on:
        reasons.append(Why("ENDS_BEFORE_IT_BEGINS", "The last day of a mark is its first day, or after it."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Write why the person needs this protection no longer."))
    if reasons:
        raise NotProtected(reasons, record="cohorts.person", reference=row.person.reference)
    row.to_on = last_day + timedelta(days=1)
    row.save()
    details = {"kind": row.kind, "last_day": last_day.isoformat()}
    kept = {**details, "from_on": row.from_on.isoformat()}
    trail.record(
        Event.PROTECTION_ENDED, who=by, at=at, about=row.person, reason=reason.strip(), details=details, outside=kept
    )
    return row


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
