"""Objections: somebody does not want their data sent. One that was received stands from that instant."""

from collections.abc import Sequence
from datetime import datetime

from cohorts import numbering, remembered
from cohorts.models import Dataset, Family, Objection, Person
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotReceived(Refused):
    """What was recorded of an objection cannot be right."""

    event = Event.OBJECTION_REFUSED


class NotLifted(Refused):
    """An objection stands, and was not lifted."""

    event = Event.OBJECTION_REFUSED


@trail.stage
def receive(
    *,
    reference: str = "",
    person: Person | None = None,
    family: Family | None = None,
    about: str = "",
    made_by: str = "self",
    channel: str = "",
    received_at: datetime,
    datasets: Sequence[str] = (),
    by: Who,
    at: datetime,
) -> Objection:
    """Record an objection: for a person, a family, or (neither) somebody not found on file; no `datasets` means all.

    `received_at` is the instant when the council had it. `about` says who is meant, where nobody was found. Who objects
    and how it came may be unknown (empty): it stands all the same. Raises NotReceived with every reason.
    """
    reasons = []
    if person is not None and family is not None:
        reasons.append(Why("PERSON_OR_FAMILY", "An objection is for a person or for a family, not for both."))
    if received_at > at:
        reasons.append(Why("RECEIVED_LATER", "An objection cannot be received in the future. Give when it came."))
    if made_by and made_by not in Objection.MADE_BY:
        reasons.append(Why("MADE_BY_WHOM", f"Say who objects: {', '.join(Objection.MADE_BY)}."))
    if unknown := set(datasets) - set(Dataset.objects.values_list("code", flat=True)):
        reasons.append(Why("UNKNOWN_DATASET", f"The register has no dataset {', '.join(sorted(unknown))}."))
    if reference and Objection.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is an objection {reference} already."))
    if reasons:
        raise NotReceived(reasons, record="cohorts.objection", reference=reference)
    received = Objection.objects.create(
        reference=reference or numbering.fresh(Objection, "O"),
        person=person,
        family=family,
        about=about if person is None and family is None else "",
        made_by=made_by,
        channel=channel,
        received_at=received_at,
        datasets=list(datasets),
    )
    kept = remembered.of_objection(received)
    trail.record(Event.OBJECTION_RECEIVED, who=by, at=at, about=received, outside=kept)
    return received


@trail.stage
def lift(*, objection: Objection, lifted_at: datetime, asked_by: str, channel: str, by: Who, at: datetime) -> Objection:
    """Record that somebody asked to lift an objection: from that instant it stands no more, and nothing sent changes.

    Raises NotLifted with every reason. A person's own objection is not lifted because a parent asks.
    """
    row = Objection.objects.select_for_update().get(pk=objection.pk)
    reasons = against_lifting(row)
    if lifted_at > at:
        reasons.append(Why("LIFTED_LATER", "An objection cannot be lifted in the future. Give when it was asked."))
    if lifted_at < row.received_at:
        reasons.append(Why("LIFTED_BEFORE", "An objection cannot be lifted before it was received."))
    if asked_by not in Objection.MADE_BY:
        reasons.append(Why("ASKED_BY_WHOM", "Say who asked to lift the objection."))
    elif asked_by == "parent" and row.made_by == "self" and row.person_id:
        reasons.append(Why("OWN_OBJECTION", "The person objected: a parent cannot lift it. Ask the person."))
    if channel not in Objection.CHANNELS:
        reasons.append(Why("ASKED_HOW", "Say how they asked to lift the objection."))
    if reasons:
        raise NotLifted(reasons, record="cohorts.objection", reference=row.reference)
    row.lifted_at, row.lift_asked_by, row.lift_channel = lifted_at, asked_by, channel
    row.save()
    kept = {"objection": row.reference, "lifted_at": lifted_at.isoformat(), "asked_by": asked_by, "channel": channel}
    trail.record(Event.OBJECTION_LIFTED, who=by, at=at, about=row, outside=kept)
    return row


def against_lifting(row: Objection) -> list[Why]:
    """Why an objection cannot be lifted: it does not stand any more."""
    if row.lifted_at is not None:
        return [Why("LIFTED_ALREADY", "This objection was lifted already.")]
    if row.refused_at is not None:
        return [Why("REFUSED_ALREADY", "This objection was refused: it does not stand.")]
    return []
