"""Answers: what information governance decides about an objection. Until it does, the objection stands."""

from collections.abc import Sequence
from datetime import date, datetime

from cohorts import households, remembered
from cohorts.models import Family, Objection, Person, Recheck
from cohorts.rules.answer import ages_to_recheck
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting

LONGEST_REASON = 500
LONGEST_REFERENCE = 200


class NotDecided(Refused):
    """A decision about an objection was refused: it stands as it stood."""

    event = Event.OBJECTION_DECISION_REFUSED


@trail.stage
def uphold(*, objection: Objection, by: Who, at: datetime) -> Objection:
    """Decide that an objection is right: it stands until it is lifted. Raises NotDecided with every reason."""
    row = _held(objection)
    reasons = [*_not_a_reviewer(by), *against_deciding(row), *against_upholding(row)]
    if reasons:
        raise NotDecided(reasons, record="cohorts.objection", reference=row.reference)
    row.decided_at, row.decided_by = at, by.reference
    row.save()
    trail.record(Event.OBJECTION_UPHELD, who=by, at=at, about=row)
    return row


@trail.stage
def refuse(
    *, objection: Objection, reason: str, legal_reference: str, told_on: date | None, by: Who, at: datetime
) -> Objection:
    """Refuse an objection: it stands no more from `at`. The person was told why, on which day and by which law.

    Raises NotDecided with every reason. What is written as the reason is never in the trail.
    """
    row = _held(objection)
    reasons = [*_not_a_reviewer(by), *against_deciding(row)]
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Write why the objection is refused, as the person was told."))
    if not legal_reference.strip():
        reasons.append(Why("NO_LEGAL_REFERENCE", "Name the law by which it is refused."))
    if len(reason) > LONGEST_REASON or len(legal_reference) > LONGEST_REFERENCE:
        sentence = f"Shorten it: {LONGEST_REASON} characters for the reason, {LONGEST_REFERENCE} for the law."
        reasons.append(Why("TOO_LONG", sentence))
    if told_on is None:
        reasons.append(Why("NOT_TOLD", "Enter the day on which the person was told: they are told first."))
    elif told_on > at.astimezone(LONDON).date():
        reasons.append(Why("TOLD_LATER", "The person must have been told by today: they are told first."))
    elif told_on < row.received_at.astimezone(LONDON).date():
        reasons.append(Why("TOLD_BEFORE", "The person cannot have been told before the objection was received."))
    if reasons:
        raise NotDecided(reasons, record="cohorts.objection", reference=row.reference)
    row.decided_at, row.decided_by, row.refused_at = at, by.reference, at
    row.refusal_reason, row.refusal_reference, row.told_on = reason.strip(), legal_reference.strip(), told_on
    row.save()
    kept = {"objection": row.reference, "told_on": told_on.isoformat() if told_on else None}
    trail.record(Event.OBJECTION_TURNED_DOWN, who=by, at=at, about=row, outside=kept)
    return row


@trail.stage
def narrow(*, objection: Objection, persons: Sequence[Person], reason: str, by: Who, at: datetime) -> Objection:
    """Narrow an objection for a family to named persons: it stands for them, and covers nobody else any more.

    It may be narrowed anew while it stands. `reason` is kept in the trail. Raises NotDecided with every reason.
    """
    row = _held(objection)
    reasons = [*_not_a_reviewer(by), *_not_standing(row), *against_narrowing(row)]
    if not persons:
        reasons.append(Why("NOBODY_NAMED", "Name at least one person: narrowed to nobody it would protect nobody."))
    elif row.family is not None:
        known = {person.pk for person in households.members(row.family)}
        if strangers := sorted(person.reference for person in persons if person.pk not in known):
            sentence = f"Never a member of this family: {', '.join(strangers)}."
            reasons.append(Why("NOT_A_MEMBER", sentence))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Write why it covers these persons alone."))
    if reasons:
        raise NotDecided(reasons, record="cohorts.objection", reference=row.reference)
    row.narrowed_to.set(persons)
    row.decided_at, row.decided_by = at, by.reference
    row.save()
    named = {"persons": sorted(person.reference for person in persons)}
    trail.record(
        Event.OBJECTION_NARROWED, who=by, at=at, about=row, reason=reason.strip(), details=named,
        outside=named | {"objection": row.reference},
    )  # fmt: skip
    return row


@trail.stage
def match(
    *, objection: Objection, person: Person | None = None, family: Family | None = None, by: Who, at: datetime
) -> Objection:
    """Say whom an unmatched objection is about. Its clock goes on: it is not decided by that.

    Raises NotDecided with every reason.
    """
    row = _held(objection)
    reasons = [*_not_a_reviewer(by), *_not_standing(row), *against_matching(row)]
    if (person is None) == (family is None):
        reasons.append(Why("PERSON_OR_FAMILY", "An objection is about a person or about a family: say which."))
    if reasons:
        raise NotDecided(reasons, record="cohorts.objection", reference=row.reference)
    row.person, row.family = person, family
    row.save()
    kept = {
        "objection": row.reference, **remembered.outside(person), "family": family.reference if family else None,
    }  # fmt: skip
    trail.record(Event.OBJECTION_MATCHED, who=by, at=at, about=row, outside=kept)
    return row


@trail.stage
def recheck(*, objection: Objection, person: Person, age: int, outcome: str, by: Who, at: datetime) -> Recheck:
    """Record that an objection made for somebody was looked at again after a birthday of theirs, with what came of it.

    Where the person asked to lift it, it is lifted by the same act. Raises NotDecided with every reason.
    """
    row = _held(objection)
    today = at.astimezone(LONDON).date()
    reasons = [*_not_a_reviewer(by), *_not_standing(row)]
    if outcome not in Recheck.OUTCOMES:
        reasons.append(Why("NO_OUTCOME", "Say what came of it."))
    if age not in ages_to_recheck(person.date_of_birth, row.received_at, today):
        reasons.append(Why("NO_BIRTHDAY", f"This person did not turn {age} since the objection came."))
    if person.pk not in {each.pk for each in households.covered(row)}:
        reasons.append(Why("NOT_COVERED", "This objection is not about this person."))
    if Recheck.objects.filter(objection=row, person=person, age=age).exists():
        reasons.append(Why("RECHECKED_ALREADY", "This was looked at again already."))
    if outcome == "lifted" and row.family_id:
        sentence = "It is for a whole family, and one person cannot lift it: narrow it to the others instead."
        reasons.append(Why("FOR_A_FAMILY", sentence))
    if reasons:
        raise NotDecided(reasons, record="cohorts.objection", reference=row.reference)
    done = Recheck.objects.create(
        objection=row, person=person, age=age, outcome=outcome, checked_at=at, checked_by=by.reference
    )
    if outcome == "lifted":
        row.lifted_at, row.lift_asked_by = at, "self"
        row.save()
    details = {"person": person.reference, "age": age, "outcome": outcome}
    kept = details | {"objection": row.reference}
    trail.record(Event.OBJECTION_RECHECKED, who=by, at=at, about=row, details=details, outside=kept)
    return done


def against_deciding(row: Objection) -> list[Why]:
    """Why nothing is to be decided about an objection: it does not stand, or it was decided."""
    reasons = _not_standing(row)
    if not reasons and row.decided_at is not None:
        reasons.append(Why("DECIDED_ALREADY", "This objection was decided already."))
    return reasons


def against_upholding(row: Objection) -> list[Why]:
    """Why an objection cannot be upheld yet: nobody knows whose it is."""
    if row.person_id or row.family_id:
        return []
    return [Why("UNMATCHED", "Nobody is found on file for this objection. Match it first: it stands all the while.")]


def against_narrowing(row: Objection) -> list[Why]:
    """Why an objection cannot be narrowed: it is not for a family."""
    return [] if row.family_id else [Why("NOT_FOR_A_FAMILY", "Only an objection for a family is narrowed to persons.")]


def against_matching(row: Objection) -> list[Why]:
    """Why an objection cannot be matched: it is known whose it is."""
    if row.person_id is None and row.family_id is None:
        return []
    return [Why("MATCHED_ALREADY", "It is known already whom this objection is about.")]


def _held(objection: Objection) -> Objection:
    return Objection.objects.select_for_update().get(pk=objection.pk)


def _not_a_reviewer(by: Who) -> list[Why]:
    if permits(by.role, Permission.DECIDE_OBJECTIONS):
        return []
    who = " or ".join(roles_permitting(Permission.DECIDE_OBJECTIONS))
    return [Why("NOT_A_REVIEWER", f"Your role may not decide about objections. Ask {who}.")]


def _not_standing(row: Objection) -> list[Why]:
    if row.lifted_at is not None:
        return [Why("LIFTED_ALREADY", "This objection was lifted: there is nothing left to decide.")]
    if row.refused_at is not None:
        return [Why("REFUSED_ALREADY", "This objection was refused: there is nothing left to decide.")]
    return []
