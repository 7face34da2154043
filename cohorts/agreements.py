"""Agreements: who may receive what, for which purpose, from a day until another.

What one says is never edited: a round and its submission rely upon it. It ends early, or another one is entered.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction

from cohorts import register_checks
from cohorts.models import Agreement
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

RESEARCH = "research"
LONGEST_PARTY = 40


class NotEntered(Refused):
    """An agreement was refused, or its end."""

    event = Event.REGISTER_REFUSED


@trail.stage
def enter(
    *,
    reference: str,
    parties: Sequence[str],
    purpose: str,
    in_force_from: date,
    last_day: date | None,
    fields: Sequence[str],
    datasets: Sequence[str],
    recipients: Sequence[str],
    legal_reference: str,
    known_fields: Collection[str],
    by: Who,
    at: datetime,
) -> Agreement:
    """Enter an agreement, in force from a day to the end of another (or without an end).

    `fields` are those that may be sent beside the core ones, of `known_fields`. Raises NotEntered with every reason.
    """
    reasons = [
        *register_checks.bad_reference(reference, "The reference of an agreement"),
        *_parties_wrong(parties),
        *register_checks.unknown_datasets(datasets),
        *(register_checks.bad_recipients(recipients) or register_checks.untold_recipients(recipients)),
        *register_checks.wanted(legal_reference, "NO_LEGAL_REFERENCE", "Name the law on which the agreement rests."),
    ]
    if purpose != RESEARCH:
        reasons.append(Why("NOT_FOR_RESEARCH", "Families were promised: research only. The purpose is research."))
    if last_day is not None and last_day < in_force_from:
        reasons.append(Why("ENDS_BEFORE_IT_BEGINS", "The last day in force is not before the first."))
    if unknown := [name for name in fields if name not in known_fields]:
        sentence = f"These fields never leave: {', '.join(unknown)}. These may: {', '.join(known_fields)}."
        reasons.append(Why("UNKNOWN_FIELD", sentence))
    if not datasets:
        reasons.append(Why("NO_DATASET", "Name at least one dataset."))
    exists = Why("AGREEMENT_EXISTS", f"There is an agreement {reference} already. Choose another reference.")
    if Agreement.objects.filter(reference=reference).exists():
        reasons.append(exists)
    if reasons:
        raise NotEntered(reasons, record="cohorts.agreement", reference=reference[:60])
    try:
        with transaction.atomic():
            entered = Agreement.objects.create(
                reference=reference,
                parties=list(parties),
                purpose=purpose,
                in_force_from=in_force_from,
                in_force_to=None if last_day is None else last_day + timedelta(days=1),
                fields=list(fields),
                datasets=list(datasets),
                recipients=list(recipients),
                legal_reference=legal_reference,
            )
    except IntegrityError:
        raise NotEntered([exists], record="cohorts.agreement", reference=reference) from None
    trail.record(Event.AGREEMENT_ENTERED, who=by, at=at, about=entered)
    return entered


def _parties_wrong(parties: Sequence[str]) -> list[Why]:
    if not parties:
        return [Why("NO_PARTY", "Name those who agreed.")]
    long = [party for party in parties if len(party) > LONGEST_PARTY]
    sentence = f"The name of a party has at most {LONGEST_PARTY} characters. Shorten: {', '.join(long)}."
    return [Why("PARTY_TOO_LONG", sentence)] if long else []


@trail.stage
def end(*, agreement: Agreement, last_day: date, reason: str, by: Who, at: datetime) -> Agreement:
    """End an agreement earlier than it says: `last_day` is the last on which it is in force.

    `reason` says why, without names. A day in the past is taken, because it can only narrow what may be sent. Raises
    NotEntered where it ended already, or would end later than it does, or before it began.
    """
    row = Agreement.objects.select_for_update().get(pk=agreement.pk)
    reasons = against_ending(row, at)
    until = last_day + timedelta(days=1)
    if not reasons and row.in_force_to is not None and until >= row.in_force_to:
        final = row.in_force_to - timedelta(days=1)
        sentence = f"It ends on {final:%-d %B %Y} as it is. Give an earlier day, or enter a new agreement."
        reasons.append(Why("NOT_EARLIER", sentence))
    if until <= row.in_force_from:
        first = f"{row.in_force_from:%-d %B %Y}"
        reasons.append(Why("ENDS_BEFORE_IT_BEGINS", f"It is in force from {first}. Give that day or a later one."))
    reasons += register_checks.wanted(reason, "NO_REASON", "Say why it ends early.")
    if reasons:
        raise NotEntered(reasons, record="cohorts.agreement", reference=row.reference)
    row.in_force_to = until
    row.save()
    trail.record(Event.AGREEMENT_ENDED, who=by, at=at, about=row, reason=reason)
    return row


def against_ending(row: Agreement, at: datetime) -> list[Why]:
    """Why this agreement cannot be ended early any more."""
    if register_checks.standing(row, at.astimezone(LONDON).date()) == register_checks.ENDED:
        return [Why("ENDED_ALREADY", "This agreement is no longer in force.")]
    return []
