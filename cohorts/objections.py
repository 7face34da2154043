"""Objections: somebody does not want their data sent. One that was received stands from that instant."""

from collections.abc import Sequence
from datetime import datetime

from cohorts.models import Dataset, Family, Objection, Person
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotReceived(Refused):
    """What was recorded of an objection cannot be right."""

    event = Event.OBJECTION_REFUSED


@trail.stage
def receive(
    *,
    reference: str,
    person: Person | None = None,
    family: Family | None = None,
    made_by: str = "self",
    channel: str = "",
    received_at: datetime,
    datasets: Sequence[str] = (),
    by: Who,
    at: datetime,
) -> Objection:
    """Record an objection: for a person, a family, or (neither) somebody not found on file; no `datasets` means all.

    `received_at` is the instant when the council had it. Raises NotReceived with every reason.
    """
    reasons = []
    if person is not None and family is not None:
        reasons.append(Why("PERSON_OR_FAMILY", "An objection is for a person or for a family, not for both."))
    if received_at > at:
        reasons.append(Why("RECEIVED_LATER", "An objection cannot be received in the future. Give when it came."))
    if made_by not in Objection.MADE_BY:
        reasons.append(Why("MADE_BY_WHOM", f"Say who objects: {', '.join(Objection.MADE_BY)}."))
    if unknown := set(datasets) - set(Dataset.objects.values_list("code", flat=True)):
        reasons.append(Why("UNKNOWN_DATASET", f"The register has no dataset {', '.join(sorted(unknown))}."))
    if Objection.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is an objection {reference} already."))
    if reasons:
        raise NotReceived(reasons, record="cohorts.objection", reference=reference)
    received = Objection.objects.create(
        reference=reference,
        person=person,
        family=family,
        made_by=made_by,
        channel=channel,
        received_at=received_at,
        datasets=list(datasets),
    )
    trail.record(Event.OBJECTION_RECEIVED, who=by, at=at, about=received)
    return received
