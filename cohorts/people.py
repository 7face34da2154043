"""People: the marks that protect a person's identity or address."""

from datetime import date, datetime

from cohorts.models import Person, Protection
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotProtected(Refused):
    """What was recorded of a protection mark cannot be right."""

    event = Event.PROTECTION_REFUSED


@trail.stage
def protect(
    *, person: Person, kind: str, from_on: date, to_on: date | None = None, by: Who, at: datetime
) -> Protection:
    """Set a mark on a person from a day until the day before `to_on`. Raises NotProtected for an unknown kind."""
    if kind not in Protection.KINDS:
        reason = Why("UNKNOWN_KIND", f"There is no mark of the kind {kind}. Choose {', '.join(Protection.KINDS)}.")
        raise NotProtected([reason], record="cohorts.person", reference=person.reference)
    same_day = Protection.objects.filter(person=person, kind=kind, from_on=from_on).count()
    mark = Protection.objects.create(person=person, kind=kind, from_on=from_on, to_on=to_on, ordinal=same_day + 1)
    trail.record(Event.PROTECTION_MARKED, who=by, at=at, about=person, details={"kind": kind})
    return mark
