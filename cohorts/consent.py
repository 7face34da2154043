"""Consent: given for a notice version, and withdrawn at any time."""

from datetime import datetime

from cohorts.models import Consent
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotWithdrawn(Refused):
    """What was recorded of a withdrawal cannot be right."""

    event = Event.CONSENT_REFUSED


@trail.stage
def withdraw(*, consent: Consent, withdrawn_at: datetime, by: Who, at: datetime) -> Consent:
    """Record that a consent was withdrawn at an instant. Raises NotWithdrawn for a second time, or the future."""
    row = Consent.objects.select_for_update().get(pk=consent.pk)
    reasons = []
    if row.withdrawn_at is not None and row.withdrawn_at <= withdrawn_at:
        reasons.append(Why("WITHDRAWN_ALREADY", "This consent was withdrawn already."))
    if withdrawn_at > at:
        reasons.append(Why("WITHDRAWN_LATER", "A consent cannot be withdrawn in the future. Give when it was."))
    if reasons:
        raise NotWithdrawn(reasons, record="cohorts.consent", reference=row.reference)
    row.withdrawn_at = withdrawn_at
    row.save()
    trail.record(Event.CONSENT_WITHDRAWN, who=by, at=at, about=row)
    return row
