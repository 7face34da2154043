"""Families and who belongs to them: a family, a person and their membership are recorded, and details are changed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from cohorts import details, erased, households, numbering, remembered
from cohorts.models import Family, Membership, Person
from cohorts.other_teams import families_of, is_closed, only_of_others, sees_every_team, team_of
from cohorts.rules.clocks import LONDON, stands
from cohorts.seen import At, changed_meanwhile, text, values
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused, Why
from connecting_families.audit.trail import Who

CLOSED = Why("CLOSED", "You may not see this record, nor add it to a family. Ask an Early Help manager.")


class FamilyNotAdded(Refused):
    """A family cannot be recorded as asked."""

    event = Event.FAMILY_REFUSED


class PersonNotAdded(Refused):
    """A person cannot be recorded in a family as asked."""

    event = Event.PERSON_REFUSED


class PersonNotChanged(Refused):
    """A person's details cannot be changed as asked."""

    event = Event.PERSON_CHANGE_REFUSED


class Belonging(NamedTuple):
    """As what a person belongs to a family, and since when."""

    relationship: str
    lives_in_household: bool
    parental_responsibility: bool
    joined_on: date


@trail.stage
def add_family(*, reference: str = "", team: str, by: Who, at: datetime) -> Family:
    """Record a family of a team: of the own one, unless every team's families are theirs to see."""
    reasons = []
    if not team.strip():
        sentence = "A family is of a team. If you have none, ask an Early Help manager to add the family."
        reasons.append(At("NO_TEAM", sentence, "team"))
    elif not sees_every_team(by) and team != team_of(by):
        reasons.append(At("OTHER_TEAM", "You may add families of your own team. Ask an Early Help manager.", "team"))
    if reference and Family.objects.filter(reference=reference).exists():
        reasons.append(At("REFERENCE_IN_USE", f"There is a family {reference} already.", ""))
    if reasons:
        raise FamilyNotAdded(reasons, record="cohorts.family", reference=reference)
    row = Family.objects.create(reference=reference or numbering.fresh(Family, "CF"), team=team)
    trail.record(Event.FAMILY_ADDED, who=by, at=at, about=row)
    return row


@trail.stage
def add_person(
    *, family: Family, reference: str = "", given: Mapping[str, Any], belonging: Belonging, by: Who, at: datetime
) -> Person:
    """Record somebody who is not on file yet, as a member of a family. Raises PersonNotAdded with every reason.

    What somebody with these details objected to before they were erased stands again (cohorts/remembered.py).
    """
    reasons: list[Reasoned] = [*against_adding(given, belonging, _today(at))]
    if reference and Person.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is a person {reference} already."))
    if reference in erased.references():
        reasons.append(Why("REFERENCE_ERASED", f"The record {reference} was erased. Give another reference."))
    if reasons:
        raise PersonNotAdded(reasons, record="cohorts.family", reference=family.reference)
    row = Person.objects.create(
        reference=reference or numbering.fresh(Person, "CP"),
        **{name: given[name] for name in details.FIELDS if name in given},
    )
    Membership.objects.create(family=family, person=row, **belonging._asdict())
    trail.record(Event.PERSON_ADDED, who=by, at=at, about=row, details={"family": family.reference})
    remembered.stand_again(row, at)
    return row


def against_adding(given: Mapping[str, Any], belonging: Belonging, today: date) -> list[At]:
    """What speaks against recording somebody with these details in a family."""
    return [*details.against(given, today), *_against(belonging, given.get("date_of_birth"), today)]


@trail.stage
def join_family(
    *, family: Family, person: Person, belonging: Belonging, reason: str = "", by: Who, at: datetime
) -> Membership:
    """Record that somebody on file belongs to a family, too; whoever belongs to it today stays as they are.

    Of whom other teams alone know, a `reason` is kept in the trail. Raises PersonNotAdded with every reason.
    """
    # One at a time: two presses in the same moment find the membership of the first.
    locked = Family.objects.select_for_update().get(pk=family.pk)
    row, today = Person.objects.get(pk=person.pk), _today(at)
    memberships = list(locked.memberships.filter(person__in=households.records_of([row])).order_by("id"))
    if here := [it for it in memberships if stands(it.joined_on, it.left_on, today)]:
        return here[0]
    reasons = against_joining(row, locked, belonging, reason, by, today)
    if any(it.left_on and it.left_on > belonging.joined_on for it in memberships):
        sentence = "This person was in the family then, and left it later: enter when they came back."
        reasons.append(At("IN_IT_THEN", sentence, "joined_on"))
    if reasons:
        raise PersonNotAdded(reasons, record="cohorts.family", reference=family.reference)
    same_day = sum(it.joined_on == belonging.joined_on and it.person_id == row.pk for it in memberships)
    known = [other.reference for other in families_of(row)]
    made = Membership.objects.create(family=locked, person=row, ordinal=same_day + 1, **belonging._asdict())
    said = {"family": family.reference, "other_families": known}
    trail.record(Event.PERSON_JOINED, who=by, at=at, about=row, reason=reason.strip(), details=said)
    return made


def needs_reason(person: Person, family: Family, by: Who) -> bool:
    """Whether adding somebody to a family needs a reason: they are in families, and all of them are other teams'."""
    return only_of_others(person, [family.team] if sees_every_team(by) else [family.team, team_of(by)])


def against_joining(
    person: Person, family: Family, belonging: Belonging, reason: str, by: Who, today: date
) -> list[Reasoned]:
    """What speaks against adding somebody on file to a family."""
    if is_closed(person, by, today):
        return [CLOSED]
    reasons: list[Reasoned] = [*_merged(person), *_against(belonging, person.date_of_birth, today)]
    if needs_reason(person, family, by) and not reason.strip():
        sentence = "Say why you add somebody whom another team supports."
        reasons.append(At("NO_REASON", sentence, "reason"))
    return reasons


@trail.stage
def change_person(
    *, person: Person, wanted: Mapping[str, Any], seen: Mapping[str, str], by: Who, at: datetime
) -> Person:
    """Change details of a person, unless a colleague changed them to something else since they were `seen`.

    What is as wanted already is not changed, and nothing is recorded twice. Raises PersonNotChanged with every reason.
    """
    row = Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
    asked = {name: wanted[name] for name in details.FIELDS if name in wanted}
    was = values(row, asked)
    different = [name for name in asked if was[name] != text(asked[name])]
    if not different:
        return row
    reasons: list[Reasoned] = [*_merged(row), *changed_meanwhile(row, row, asked, seen)]
    for name in different:
        setattr(row, name, asked[name])
    now = {name: getattr(row, name) for name in details.FIELDS}
    reasons += [reason for reason in details.against(now, _today(at)) if _is_about(reason, different)]
    if reasons:
        raise PersonNotChanged(reasons, record="cohorts.person", reference=row.reference)
    row.save(update_fields=different)
    trail.record(Event.PERSON_CHANGED, who=by, at=at, about=row)
    remembered.stand_again(row, at)
    return row


def _is_about(reason: At, different: list[str]) -> bool:
    """A file may hold what no page takes: it is spoken of where somebody changes it, or what it is compared with."""
    together = {"dob_missing_reason": {"date_of_birth"}, "date_of_death": {"date_of_birth"}}
    together |= {"given_name": {"family_name"}}
    return not {reason.field, *together.get(reason.field, ())}.isdisjoint(different)


def _merged(person: Person) -> list[Why]:
    if person.merged_into_id is None:
        return []
    survivor = households.survivor(person).reference
    return [Why("MERGED", f"This record was merged into {survivor}. Use {survivor} instead.")]


def _against(belonging: Belonging, born: date | None, today: date) -> list[At]:
    reasons = []
    if belonging.relationship and belonging.relationship not in Membership.RELATIONSHIPS:
        reasons.append(At("UNKNOWN_RELATIONSHIP", "Choose as what the person is in the family.", "relationship"))
    if belonging.joined_on > today:
        reasons.append(At("JOINED_LATER", "The day must be today or in the past.", "joined_on"))
    if born is not None and belonging.joined_on < born:
        sentence = "Nobody is in a family before they are born: enter the date of birth, or a later day."
        reasons.append(At("JOINED_BEFORE_BIRTH", sentence, "joined_on"))
    return reasons


def _today(at: datetime) -> date:
    return at.astimezone(LONDON).date()
