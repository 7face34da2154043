"""Erasure: a person is taken out everywhere the law lets it, by two people of information governance.

One proposes it for a request of the person, another confirms it; then everything about them goes in one act
(docs/erasure.md). What they objected to is remembered, and stands again once they are on file again.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from django.db import connection

from cohorts import erasing, queries, remembered
from cohorts.models import Erasure, Finding, RightsRequest
from cohorts.rules.clocks import LONDON
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting

LONGEST_REASON = 500


class NotErased(Refused):
    """A person is not erased: everything is as it was."""

    event = Event.ERASURE_REFUSED


@trail.stage
def propose(*, request: RightsRequest, reason: str, elsewhere: Sequence[Why], by: Who, at: datetime) -> Erasure:
    """Propose to erase the person whom a request is about; nothing goes before somebody else confirms it.

    `elsewhere`: what speaks against it where this app does not look, such as what was sent. Raises NotErased.
    """
    row = RightsRequest.objects.select_for_update(of=("self",)).select_related("person").get(pk=request.pk)
    reasons: list[Reasoned] = [*_not_for_this_role(by), *against_proposing(row, _day(at)), *elsewhere]
    if not reason.strip() or len(reason) > LONGEST_REASON:
        sentence = f"Write why the person is erased, in at most {LONGEST_REASON} characters."
        reasons.append(At("NO_REASON", sentence, "reason"))
    if reasons or row.person is None:
        raise NotErased(reasons, record="cohorts.rightsrequest", reference=row.reference)
    who = erasing.subject(row.person)
    made = Erasure.objects.create(
        request=row, person=who.person, person_ref=who.person.reference, records=who.references,
        reason=reason.strip(), proposed_at=at, proposed_by=by.reference,
    )  # fmt: skip
    trail.record(Event.ERASURE_PROPOSED, who=by, at=at, about=made, details={"request": row.reference})
    return made


@trail.stage
def take_back(*, erasure: Erasure, by: Who, at: datetime) -> Erasure:
    """Take a proposal back: nothing was erased, and nothing is. Raises NotErased."""
    row = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure.pk)
    _refuse_if([*_not_for_this_role(by), *_decided(row)], row)
    row.state, row.decided_at, row.decided_by = Erasure.TAKEN_BACK, at, by.reference
    row.save()
    trail.record(Event.ERASURE_TAKEN_BACK, who=by, at=at, about=row)
    return row


@trail.stage
def confirm(
    *,
    erasure: Erasure,
    elsewhere: Sequence[Why],
    remains: Sequence[str],
    goes_too: Callable[[Sequence[str]], int],
    by: Who,
    at: datetime,
) -> Erasure:
    """Erase the person, now and for good, as somebody else proposed.

    `elsewhere` as in `propose`; `remains`: the submissions of which a sealed copy is kept until it is destroyed;
    `goes_too` empties what others wrote of records with these references. Raises NotErased with every reason.
    """
    hold()
    row = Erasure.objects.select_for_update(of=("self",)).select_related("request", "person").get(pk=erasure.pk)
    _refuse_if([*against_confirming(row, by, _day(at)), *elsewhere], row)
    if row.person is None:
        raise AssertionError("Only what was decided has no person.")
    who = erasing.subject(row.person)
    objections = remembered.keep(row, who.records, erasing.standing(who, _day(at)))
    row.person, row.records, row.remains = None, who.references, list(remains)
    row.save()
    for other in Erasure.objects.filter(person__in=who.keys):
        other.person = None
        other.save()
    row.counts = {**erasing.take_away(who), "remembered": objections, "explanations": goes_too(who.references)}
    row.refresh_from_db(fields=["reason"])
    row.counts["findings"] = Finding.objects.filter(person_ref__in=who.references).exclude(value="").count()
    row.state, row.decided_at, row.decided_by = Erasure.DONE, at, by.reference
    row.save()
    with connection.cursor() as cursor:
        # What runs of the rules found wrong with them, with the values: through the one door there is.
        cursor.execute("SELECT cohorts_erase_values(%s)", [who.references])
    details = {
        "request": row.request.reference,
        "persons": who.references,
        "counts": row.counts,
        "remains": row.remains,
    }
    kept = {"request": row.request.reference, "person": row.person_ref, "records": row.records}
    trail.record(Event.PERSON_ERASED, who=by, at=at, about=row, details=details, outside=kept)
    return row


def hold() -> None:
    """Until this transaction ends no run of the rules is asked for, and nobody's permission changes."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE cohorts_cohort, cohorts_upload IN SHARE ROW EXCLUSIVE MODE")
    queries.hold_permissions(to_write=True)


def against_proposing(row: RightsRequest, today: date) -> list[Why]:
    """Why the person of a request cannot be erased now."""
    if row.kind != RightsRequest.ERASURE:
        return [Why("NOT_ASKED", "Only a request to be erased leads to that. Record one, if that is what they ask.")]
    if row.answered_at is not None:
        return [Why("ANSWERED_ALREADY", "This request was answered already.")]
    if row.person is None:
        if row.erasures.filter(state=Erasure.DONE).exists():
            return [Why("ERASED_ALREADY", "The person was erased for this request.")]
        return [Why("NOBODY_NAMED", "Say first which person on file it is about: a family is not erased as a whole.")]
    reasons = erasing.against(erasing.subject(row.person), row, today)
    if Erasure.objects.filter(person=row.person, state=Erasure.PROPOSED).exists():
        reasons.append(Why("PROPOSED_ALREADY", "It was proposed already, and waits for a second person."))
    return reasons


def against_confirming(row: Erasure, by: Who, today: date) -> list[Why]:
    """Why this person cannot confirm that somebody is erased."""
    if decided := _decided(row):
        return decided
    reasons = [*_not_for_this_role(by), *erasing.under_way()]
    if row.proposed_by == by.reference:
        reasons.append(Why("FOUR_EYES", "You proposed it yourself: another of information governance confirms it."))
    if row.request.answered_at is not None:
        reasons.append(Why("ANSWERED_ALREADY", "The request was answered already."))
    if row.person is not None:
        who = erasing.subject(row.person)
        if who.references != row.records:
            sentence = "Other records count as this person than when it was proposed. Take it back, and look again."
            reasons.append(Why("CHANGED_MEANWHILE", sentence))
        reasons += erasing.against(who, row.request, today)
    return reasons


def _decided(row: Erasure) -> list[Why]:
    if row.state == Erasure.PROPOSED:
        return []
    return [Why("DECIDED_ALREADY", f"{row.decided_by} decided about this already.")]


def _not_for_this_role(by: Who) -> list[Why]:
    if permits(by.role, Permission.ERASE_PEOPLE):
        return []
    who = " or ".join(roles_permitting(Permission.ERASE_PEOPLE))
    return [Why("NOT_FOR_THIS_ROLE", f"Your role may not erase anybody. Ask {who}.")]


def _refuse_if(reasons: Sequence[Reasoned], row: Erasure) -> None:
    if reasons:
        raise NotErased(reasons, record="cohorts.erasure", reference=str(row))


def _day(at: datetime) -> date:
    return at.astimezone(LONDON).date()
