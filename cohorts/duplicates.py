"""Duplicates: somebody decides whether two records are of one person. They are merged, and can be parted again.

A merged record stays as it is, and counts as the one that is kept (spec/rules.md, "Who is considered"). What a pair of
records says is read of those that its two count as today: nothing else is moved by a merge, or moved back.
"""

from datetime import date, datetime
from typing import Final

from cohorts import compared, households, queries
from cohorts.compared import Two
from cohorts.models import Consent, Merge, Pair, Person
from cohorts.parting import leave_with_both
from cohorts.rules.clocks import LONDON
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting

OUTCOMES: Final = (Pair.SAME, Pair.DIFFERENT, Pair.NOT_SURE)
LONGEST_REASON: Final = 500


class NotBroughtTogether(Refused):
    """Two records cannot be compared."""

    event = Event.DUPLICATE_REFUSED


class NotDecided(Refused):
    """It was not decided whether two records are of one person: they stay as they are."""

    event = Event.DUPLICATE_REFUSED


class NotUndone(Refused):
    """A merge was not undone."""

    event = Event.DUPLICATE_REFUSED


@trail.stage
def bring_together(*, first: str, second: str, by: Who, at: datetime) -> Pair:
    """Make the pair of two records by their references, or find it; told again, it stays as it is.

    Of a merged record the one that it counts as is meant. Raises NotBroughtTogether with every reason.
    """
    known = {row.reference: households.survivor(row) for row in Person.objects.filter(reference__in=(first, second))}
    reasons: list[Why | At] = [*_not_for_this_role(by)]
    for field, reference in (("first", first), ("second", second)):
        if reference not in known:
            sentence = "Nobody on file has this reference. Check it: P and digits, for example P000123"
            reasons.append(At("UNKNOWN_REFERENCE", sentence, field))
    two = sorted(set(known.values()), key=lambda person: person.pk)
    if len(known) == len({first, second}) and len(two) == 1:
        sentence = f"Both are the record {two[0].reference}, or count as it. Enter the references of two people"
        reasons.append(At("ONE_ALREADY", sentence, "second"))
    if reasons:
        raise NotBroughtTogether(reasons, record="cohorts.pair")
    pair, made = Pair.objects.select_for_update().get_or_create(
        first=two[0], second=two[1], defaults={"found_by": [Pair.BY_HAND], "found_at": at}
    )
    if not made and pair.state != Pair.GONE:
        return pair
    if not made:
        pair.state, pair.found_by, pair.found_at = Pair.OPEN, [*pair.found_by, Pair.BY_HAND], at
        pair.save()
    details = {"persons": [person.reference for person in two]}
    trail.record(Event.RECORDS_BROUGHT_TOGETHER, who=by, at=at, about=pair, details=details)
    return pair


@trail.stage
def decide(
    *, pair: Pair, outcome: str, keep: Person | None = None, reason: str, seen: str, by: Who, at: datetime
) -> Pair:
    """Decide whether two records are of one person; if so, the other is merged into the one to `keep`.

    `seen` is the fingerprint of what was compared. Told again by the same person, it stays as it is. What was decided
    may be decided anew, but for one person: that is undone first. Raises NotDecided with every reason.
    """
    row = Pair.objects.select_for_update(of=("self",)).select_related("first", "second").get(pk=pair.pk)
    two = _held(row.first, row.second)
    if (row.state, row.decided_by) == (outcome, by.reference) and two.are_one == (outcome == Pair.SAME):
        return row
    reasons: list[Why | At] = [*against_deciding(two, by, _day(at))]
    if not reasons and seen != compared.fingerprint(row, two):
        reasons.append(Why("CHANGED_MEANWHILE", _changed_meanwhile(row)))
    if outcome not in OUTCOMES:
        reasons.append(At("NO_OUTCOME", "Choose whether the two records are of one person", "outcome"))
    if outcome == Pair.SAME and keep not in two and not two.are_one:
        reasons.append(At("KEEP_WHICH", "Choose which of the two records is kept", "keep"))
    reasons += _reason_wrong(reason, "Write what speaks for it")
    if reasons:
        raise NotDecided(reasons, record="cohorts.pair", reference=str(row))
    if outcome == Pair.SAME and keep is not None:
        _merge(row, two, keep, reason=reason.strip(), by=by, at=at)
    row.state, row.decided_at, row.decided_by, row.reason = outcome, at, by.reference, reason.strip()
    row.save()
    details = {"outcome": outcome, "persons": [person.reference for person in two]}
    trail.record(Event.DUPLICATE_DECIDED, who=by, at=at, about=row, reason=reason.strip(), details=details)
    return row


def against_deciding(two: Two, by: Who, today: date) -> list[Why]:
    """Why this person cannot decide about these two."""
    reasons = _not_for_this_role(by)
    if two.are_one:
        sentence = f"Both count as one person already: {two.one.reference}. To part them, undo the merge."
        reasons.append(Why("ONE_ALREADY", sentence))
    elif compared.closed(two, today):
        reasons.append(CLOSED)
    return reasons


CLOSED: Final = Why(
    "PROTECTED_IDENTITY",
    "Who one of the two is, is protected: these records are not compared here, and that person is not sent.",
)


def _merge(pair: Pair, two: Two, keep: Person, *, reason: str, by: Who, at: datetime) -> None:
    """Merge the other one into the record to keep. A submission that passes a door meanwhile passes it first."""
    kept, merged = (two.one, two.other) if two.one == keep else (two.other, two.one)
    queries.hold_permissions(to_write=True)
    merged.merged_into = kept
    merged.save(update_fields=["merged_into"])
    Merge.objects.create(kept=kept, merged=merged, pair=pair, merged_at=at, merged_by=by.reference, reason=reason)
    details = {"into": kept.reference, "pair": pair.pk}
    trail.record(Event.RECORDS_MERGED, who=by, at=at, about=merged, reason=reason, details=details)


@trail.stage
def undo(*, merge: Merge, reason: str, by: Who, at: datetime) -> Merge:
    """Undo a merge: the record stands alone again, and what may be of either is left with both (cohorts.parting).

    What was entered for the one that was kept stays there. The pair is to be decided anew. Nothing that was decided in
    a cohort, or sent, changes. Told again by the same person, it stays as it is. Raises NotUndone with every reason.
    """
    row = Merge.objects.select_for_update(of=("self",)).select_related("kept", "merged", "pair").get(pk=merge.pk)
    if row.undone_at is not None and row.undone_by == by.reference:
        return row
    kept = _held(row.kept, row.kept).one
    merged = Person.objects.select_for_update(no_key=True).get(pk=row.merged_id)
    reasons: list[Why | At] = [
        *against_undoing(row, by),
        *_reason_wrong(reason, "Write why the two are not one person"),
    ]
    if not reasons and merged.merged_into_id != row.kept_id:
        reasons.append(Why("ANOTHER_MERGE", "The record does not count as that one any more: look at it again."))
    if reasons:
        raise NotUndone(reasons, record="cohorts.person", reference=merged.reference)
    # Whoever withdraws a consent holds it before its table; so it is held before the table here, too.
    records = households.records_of([kept])
    list(Consent.objects.select_for_update().filter(person__in=records).order_by("pk"))
    queries.hold_permissions(to_write=True)
    merged.merged_into = None
    merged.save(update_fields=["merged_into"])
    left = leave_with_both(kept, merged, since=row.merged_at, until=at)
    row.undone_at, row.undone_by, row.undo_reason = at, by.reference, reason.strip()
    row.save()
    if row.pair is not None and row.pair.state == Pair.SAME:
        row.pair.state, row.pair.decided_at, row.pair.decided_by, row.pair.reason = Pair.OPEN, None, "", ""
        row.pair.save()
    details = {"from": kept.reference, "left_with_both": left._asdict()}
    trail.record(Event.MERGE_UNDONE, who=by, at=at, about=merged, reason=reason.strip(), details=details)
    return row


def against_undoing(row: Merge, by: Who) -> list[Why]:
    """Why this person cannot undo this merge."""
    reasons = _not_for_this_role(by)
    if row.undone_at is not None:
        reasons.append(Why("UNDONE_ALREADY", f"{row.undone_by} undid this merge already."))
    return reasons


def _held(one: Person, other: Person) -> Two:
    """The records that these two count as, held: nobody merges or changes them meanwhile."""
    while True:
        now = households.survivors((one.pk, other.pk))
        rows = Person.objects.select_for_update(no_key=True).filter(pk__in=now.values()).order_by("pk")
        held = {row.pk: row for row in rows}
        # One may have been merged until it was held.
        if all(row.merged_into_id is None for row in held.values()):
            return Two(held[now[one.pk]], held[now[other.pk]])


def _changed_meanwhile(row: Pair) -> str:
    if row.state in (Pair.DIFFERENT, Pair.NOT_SURE):
        return (
            f"{row.decided_by} decided about them while you had them open: {row.get_state_display().lower()}. Look at"
            " that, and decide again if you still see it otherwise."
        )
    return "One of the two records was changed while you had them open. Compare them again, as they are now."


def _not_for_this_role(by: Who) -> list[Why]:
    if permits(by.role, Permission.DECIDE_DUPLICATES):
        return []
    who = " or ".join(roles_permitting(Permission.DECIDE_DUPLICATES))
    return [Why("NOT_FOR_THIS_ROLE", f"Your role may not decide about duplicates. Ask {who}.")]


def _reason_wrong(reason: str, asked: str) -> list[At]:
    if not reason.strip():
        return [At("NO_REASON", asked, "reason")]
    if len(reason.strip()) > LONGEST_REASON:
        return [At("TOO_LONG", f"Write at most {LONGEST_REASON} characters", "reason")]
    return []


def _day(at: datetime) -> date:
    return at.astimezone(LONDON).date()
