"""Evidence: what was observed of a family's problems, and what of it was recorded in error. Nothing is ever deleted."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from cohorts import frameworks, households, numbering
from cohorts.models import Evidence, Family, Person
from cohorts.rules.clocks import LONDON
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotObserved(Refused):
    """What was recorded of a family's problems cannot be right."""

    event = Event.PROBLEMS_REFUSED


class NotInError(Refused):
    """Evidence was not marked as recorded in error."""

    event = Event.PROBLEMS_REFUSED


class Observed(NamedTuple):
    """An indicator was observed on a day, of a person or (None) of the family, and how it is known."""

    indicator: str
    person: Person | None
    observed_on: date
    source: str


def field_of(indicator: str, part: str) -> str:
    """The name under which a form asks for a part of what was observed, and under which a reason is about it."""
    return f"{indicator}_{part}"


@trail.stage
def record_evidence(
    *, family: Family, observed: Sequence[Observed], references: Sequence[str] = (), by: Who, at: datetime
) -> list[Evidence]:
    """Record all that was observed, or nothing; what of it stands already is not made a second time.

    `references` were drawn for the new records, in their order; fresh ones are drawn where there are too few. Raises
    NotObserved with every reason, each about its field (`field_of`). Returns the new records.
    """
    row = Family.objects.select_for_update().get(pk=family.pk)
    if reasons := against_recording(row, observed, at):
        raise NotObserved(reasons, record="cohorts.family", reference=row.reference)
    drawn = iter(references)
    made = [
        Evidence.objects.create(
            reference=next(drawn, "") or numbering.fresh(Evidence, "E"),
            family=row,
            recorded_by=by.reference[:60],
            **it._asdict(),
        )
        for it in dict.fromkeys(observed)
        if not _stands(row, it)
    ]
    if made:
        details = {"evidence": [each.reference for each in made]}
        trail.record(Event.PROBLEMS_RECORDED, who=by, at=at, about=row, details=details)
    return made


def against_recording(family: Family, observed: Sequence[Observed], at: datetime) -> list[Why | At]:
    """Why what was observed cannot be right."""
    today = at.astimezone(LONDON).date()
    people = {person.pk for person in households.members(family)}
    reasons: list[Why | At] = []
    if not observed:
        reasons.append(Why("NOTHING_OBSERVED", "Tick at least one thing that was observed."))
    known = frameworks.indicator_codes()
    for it in observed:
        if it.indicator not in known:
            reasons.append(Why("UNKNOWN_INDICATOR", f"No framework has an indicator {it.indicator}."))
        if it.observed_on > today:
            later = "This cannot have been observed later than today: enter the day when it was"
            reasons.append(At("OBSERVED_LATER", later, field_of(it.indicator, "observed_on")))
        if it.person is not None and it.person.pk not in people:
            nobody = "Choose somebody who is or was in this family"
            reasons.append(At("NOT_OF_THE_FAMILY", nobody, field_of(it.indicator, "person")))
        if it.source not in Evidence.SOURCES:
            reasons.append(At("UNKNOWN_SOURCE", "Choose how this is known", field_of(it.indicator, "source")))
    return reasons


def _stands(family: Family, it: Observed) -> bool:
    """Whether the same was recorded before, and not in error."""
    about = households.records_of([it.person]) if it.person else []
    same = family.evidence.filter(
        indicator=it.indicator, observed_on=it.observed_on, source=it.source, in_error_at=None
    )
    return (same.filter(person__in=about) if it.person else same.filter(person=None)).exists()


@trail.stage
def mark_in_error(*, evidence: Evidence, reason: str, by: Who, at: datetime) -> Evidence:
    """Mark evidence as recorded in error: it stays, and counts no more. `reason` is kept in the trail.

    Raises NotInError with every reason.
    """
    row = Evidence.objects.select_for_update(of=("self",)).select_related("family").get(pk=evidence.pk)
    reasons = against_marking(row)
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Write what was wrong with it."))
    if reasons:
        raise NotInError(reasons, record="cohorts.evidence", reference=row.reference)
    row.in_error_at = at
    row.save()
    # About the family: whoever reads its history is to find this there.
    details = {"evidence": row.reference, "indicator": row.indicator}
    trail.record(Event.EVIDENCE_IN_ERROR, who=by, at=at, about=row.family, reason=reason.strip(), details=details)
    return row


def against_marking(row: Evidence) -> list[Why]:
    """Why evidence cannot be marked: it was already."""
    if row.in_error_at is None:
        return []
    return [Why("MARKED_ALREADY", "This was marked as recorded in error already.")]
