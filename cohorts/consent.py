"""Consent: given for a notice version, and withdrawn at any time."""

from collections.abc import Sequence
from datetime import date, datetime

from cohorts import facts, numbering, remembered
from cohorts.models import Consent, Dataset, Membership, NoticeVersion, Person
from cohorts.rules.clocks import LONDON, age_on, moment
from cohorts.rules.consent import BASIS
from cohorts.rules.notice import issued_to
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

ADULT = 18


class NotWithdrawn(Refused):
    """What was recorded of a withdrawal cannot be right."""

    event = Event.CONSENT_REFUSED


class NotGiven(Refused):
    """What was recorded of a consent cannot be right, or is no consent that was asked for."""

    event = Event.CONSENT_REFUSED


@trail.stage
def give(
    *,
    reference: str = "",
    person: Person,
    version: NoticeVersion,
    given_on: date,
    given_by: str,
    datasets: Sequence[str] = (),
    by: Who,
    at: datetime,
) -> Consent:
    """Record that a person consents to research as a notice version tells of it; no `datasets` means all it names.

    Nobody consents to what they were not told: the version was given to them by that day. Raises NotGiven with every
    reason.
    """
    reasons = _who_and_when(person, given_on, given_by, at)
    if version.basis != BASIS:
        sentence = f"The version {version.version} does not ask for consent: a consent to it would mean nothing."
        reasons.append(Why("NOT_ASKED", sentence))
    elif version.version not in _told(person, given_on, at):
        sentence = f"The version {version.version} was not given to this person by that day. Record the notice first."
        reasons.append(Why("NOT_TOLD", sentence))
    if unknown := set(datasets) - set(Dataset.objects.values_list("code", flat=True)):
        reasons.append(Why("UNKNOWN_DATASET", f"The register has no dataset {', '.join(sorted(unknown))}."))
    elif version.datasets and (more := set(datasets) - set(version.datasets)):
        sentence = f"The version {version.version} does not tell of {', '.join(sorted(more))}."
        reasons.append(Why("DATASET_NOT_TOLD", sentence))
    if reference and Consent.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is a consent {reference} already."))
    if reasons:
        raise NotGiven(reasons, record="cohorts.person", reference=person.reference)
    given = Consent.objects.create(
        reference=reference or numbering.fresh(Consent, "C"),
        person=person,
        version=version,
        given_on=given_on,
        given_by=given_by,
        datasets=list(datasets),
    )
    trail.record(Event.CONSENT_GIVEN, who=by, at=at, about=given)
    return given


def _who_and_when(person: Person, given_on: date, given_by: str, at: datetime) -> list[Why]:
    reasons = []
    if given_on > at.astimezone(LONDON).date():
        reasons.append(Why("GIVEN_LATER", "A consent cannot be given in the future. Enter the day it was given."))
    if given_by not in Consent.GIVEN_BY:
        reasons.append(Why("GIVEN_BY_WHOM", f"Say who consents: {', '.join(Consent.GIVEN_BY.values())}."))
    if given_by == "parent" and person.date_of_birth and age_on(given_on, person.date_of_birth) >= ADULT:
        reasons.append(Why("OF_AGE", "A parent cannot consent for an adult: ask the person."))
    if person.merged_into_id:
        sentence = f"This record counts as {person.merged_into}. Record the consent there."
        reasons.append(Why("MERGED", sentence))
    return reasons


def _told(person: Person, day: date, at: datetime) -> set[str]:
    """The versions given to a person by a day, to them or to a family of theirs."""
    families = Membership.objects.filter(person=person).values_list("family__reference", flat=True).distinct()
    told = set()
    for reference in families:
        family = facts.of_family(reference)
        for known in family.people if family else ():
            if family and known.person_ref == person.reference:
                told |= {it.version for it in issued_to(known, family, moment(day, at)) if it.issued_on <= day}
    return told


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
    kept = {"consent": row.reference, **remembered.outside(row.person), "withdrawn_at": withdrawn_at.isoformat()}
    trail.record(Event.CONSENT_WITHDRAWN, who=by, at=at, about=row, outside=kept)
    return row
