"""Homes: where a person lives and lived, and what they are in a family.

A day that ends something is the first on which it no longer holds, as everywhere (`to_on`, `left_on`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import models

from cohorts import households
from cohorts.models import Address, Membership, Person
from cohorts.rules.clocks import LONDON
from cohorts.rules.numbers import postcode_form
from cohorts.seen import At, changed_meanwhile
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

AHEAD: Final = timedelta(days=365)
"""How far ahead a move, or that somebody joins or leaves, may be known."""
LINES: Final = ("line_1", "line_2", "line_3", "line_4", "line_5")
PLACE: Final = (*LINES, "postcode", "uprn")
FEWEST_LINES, LONGEST_UPRN = 2, 12
TOO_FAR = "That is more than a year ahead. Enter a day at most a year from today"


class NotMoved(Refused):
    """What was recorded of where somebody lives cannot be right."""

    event = Event.ADDRESS_REFUSED


class NotInFamily(Refused):
    """What was recorded of somebody's place in a family cannot be right."""

    event = Event.MEMBERSHIP_REFUSED


# Addresses ------------------------------------------------------------------------------------------------------


@trail.stage
def move(
    *,
    person: Person,
    from_on: date,
    lines: Sequence[str],
    postcode: str,
    uprn: str = "",
    postcode_is_right: bool = False,
    by: Who,
    at: datetime,
) -> Address:
    """Record where a person lives from a day on. Where they lived until then ends with it.

    The same again returns what is there. Where a later address is on file already, this one ends when that one begins.
    `postcode_is_right`: a postcode of another form, or none, was asked about. Raises NotMoved with every reason.
    """
    _locked(person)
    place = dict(zip(LINES, [*lines, *[""] * len(LINES)], strict=False)) | {"postcode": postcode, "uprn": uprn}
    known = Address.objects.select_for_update().filter(person=person)
    if there := known.filter(from_on=from_on, **place).first():
        return there
    reasons: list[Why | At] = [*_merged(person), *_place_wrong(place, place, postcode_is_right=postcode_is_right)]
    reasons += _too_far("from_on", from_on, at)
    if known.filter(from_on=from_on).exists():
        sentence = "An address is on file from this day on already. If it is wrong, mend it; else enter another day"
        reasons.append(At("MOVED_THAT_DAY", sentence, "from_on"))
    _refuse(NotMoved, reasons, person)
    for before in known.filter(from_on__lt=from_on).exclude(to_on__lte=from_on):
        before.to_on = from_on
        before.save()
    later = known.filter(from_on__gt=from_on).order_by("from_on").values_list("from_on", flat=True).first()
    home = Address.objects.create(person=person, from_on=from_on, to_on=later, **place)
    trail.record(Event.MOVE_RECORDED, who=by, at=at, about=person, details={"from_on": from_on.isoformat()})
    return home


@trail.stage
def change_address(
    *,
    address: Address,
    wanted: Mapping[str, Any],
    seen: Mapping[str, str],
    postcode_is_right: bool = False,
    by: Who,
    at: datetime,
) -> Address:
    """Mend what was mistyped in an address, or say when the person moved out.

    `wanted` are fields and their new values, `seen` their texts as who asks saw them. What is not touched is not
    examined: it came from elsewhere as it is. Raises NotMoved with every reason.
    """
    person = _locked(address.person)
    row = Address.objects.select_for_update().get(pk=address.pk)
    reasons: list[Why | At] = [*_merged(person), *changed_meanwhile(row, person, wanted, seen)]
    changed = _changed(row, wanted)
    if not changed:
        return row
    place = {name: changed.get(name, getattr(row, name)) for name in PLACE}
    reasons += _place_wrong(place, changed, postcode_is_right=postcode_is_right)
    for name in ("from_on", "to_on"):
        reasons += _too_far(name, changed.get(name), at)
    first, until = changed.get("from_on", row.from_on), changed.get("to_on", row.to_on)
    if until is not None and until <= first:
        sentence = "The day they moved out is after the day they moved in. Mend one of the two"
        reasons.append(At("ENDS_BEFORE_IT_BEGINS", sentence, "to_on"))
    _refuse(NotMoved, reasons, person)
    _write(row, changed)
    trail.record(Event.ADDRESS_CHANGED, who=by, at=at, about=person)
    return row


def _place_wrong(place: Mapping[str, str], touched: Collection[str], *, postcode_is_right: bool) -> list[At]:
    """What is wrong with what was entered of an address."""
    reasons = []
    if set(LINES) & set(touched) and sum(bool(place[line].strip()) for line in LINES) < FEWEST_LINES:
        empty = next(line for line in LINES if not place[line].strip())
        sentence = "Enter at least two lines of the address, for example the house and street, and the town"
        reasons.append(At("TOO_FEW_LINES", sentence, empty))
    if "postcode" in touched and not postcode_is_right and not postcode_form(place["postcode"]):
        sentence = (
            "This is not the form of a UK postcode, for example PE1 1HG. Mend it, or say below that it is right"
            if place["postcode"].strip()
            else "Enter a postcode, for example PE1 1HG, or say below that there is none"
        )
        reasons.append(At("POSTCODE_FORM", sentence, "postcode"))
    uprn = place["uprn"]
    if "uprn" in touched and uprn and not (uprn.isascii() and uprn.isdigit() and len(uprn) <= LONGEST_UPRN):
        sentence = f"A UPRN has up to {LONGEST_UPRN} digits and nothing else. Leave it empty if you do not know it"
        reasons.append(At("UPRN_FORM", sentence, "uprn"))
    return reasons


# Memberships ----------------------------------------------------------------------------------------------------


@trail.stage
def change_membership(
    *, membership: Membership, wanted: Mapping[str, Any], seen: Mapping[str, str], by: Who, at: datetime
) -> Membership:
    """Mend what is said of somebody in a family: as what, whether they live there, since when, and until when.

    `wanted` and `seen` as for an address. Raises NotInFamily with every reason.
    """
    person, row = _membership(membership)
    reasons = changed_meanwhile(row, person, wanted, seen)
    changed = _changed(row, wanted)
    if not changed:
        return row
    if "relationship" in changed and changed["relationship"] not in Membership.RELATIONSHIPS:
        sentence = f"Choose what the person is in the family: {', '.join(Membership.RELATIONSHIPS.values())}"
        reasons.append(At("UNKNOWN_RELATIONSHIP", sentence, "relationship"))
    for name in ("joined_on", "left_on"):
        reasons += _too_far(name, changed.get(name), at)
    first, until = changed.get("joined_on", row.joined_on), changed.get("left_on", row.left_on)
    if until is not None and until <= first:
        sentence = f"The person joined on {_in_words(first)}, and leaves after that. Mend one of the two days"
        reasons.append(At("ENDS_BEFORE_IT_BEGINS", sentence, "left_on" if "left_on" in wanted else "joined_on"))
    _refuse(NotInFamily, reasons, person)
    _write(row, changed)
    trail.record(Event.MEMBERSHIP_CHANGED, who=by, at=at, about=person)
    return row


@trail.stage
def leave(*, membership: Membership, last_day: date, by: Who, at: datetime) -> Membership:
    """Record that somebody leaves a family after a day, the whole of it included; nobody need be left in it.

    The same again returns what is there. Raises NotInFamily with every reason.
    """
    person, row = _membership(membership)
    left_on = last_day + timedelta(days=1)
    if row.left_on == left_on:
        return row
    reasons: list[Why | At] = [*_too_far("last_day", last_day, at)]
    if row.left_on is not None:
        final = _in_words(row.left_on - timedelta(days=1))
        reasons.append(Why("LEFT_ALREADY", f"The last day in the family is {final} already. If it is wrong, change it"))
    if last_day < row.joined_on:
        sentence = f"The person joined on {_in_words(row.joined_on)}. Enter that day, or a later one"
        reasons.append(At("ENDS_BEFORE_IT_BEGINS", sentence, "last_day"))
    _refuse(NotInFamily, reasons, person)
    row.left_on = left_on
    row.save()
    trail.record(Event.FAMILY_LEFT, who=by, at=at, about=person, details={"last_day": last_day.isoformat()})
    return row


def _membership(membership: Membership) -> tuple[Person, Membership]:
    """A membership under its lock, and whom it counts for: that of a merged record is the surviving one's."""
    person = households.survivor(_locked(membership.person))
    return person, Membership.objects.select_for_update().get(pk=membership.pk)


# Both -----------------------------------------------------------------------------------------------------------


def _locked(person: Person) -> Person:
    return Person.objects.select_for_update().get(pk=person.pk)


def _merged(person: Person) -> list[Why]:
    if person.merged_into_id is None:
        return []
    sentence = f"This record counts as {households.survivor(person)}. Record there where the person lives"
    return [Why("MERGED", sentence)]


def _too_far(field: str, day: date | None, at: datetime) -> list[At]:
    known_ahead = at.astimezone(LONDON).date() + AHEAD
    return [At("TOO_FAR_AHEAD", TOO_FAR, field)] if day is not None and day > known_ahead else []


def _changed(row: models.Model, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def _write(row: Address | Membership, changed: Mapping[str, Any]) -> None:
    """Write what is changed; of two that begin on the same day now, the later entered is counted on."""
    begins = "from_on" if isinstance(row, Address) else "joined_on"
    if begins in changed:
        same = {"person": row.person_id, begins: changed[begins]}
        if isinstance(row, Membership):
            same["family"] = row.family_id
        row.ordinal = 1 + max(type(row).objects.filter(**same).values_list("ordinal", flat=True), default=0)
    for name, value in changed.items():
        setattr(row, name, value)
    row.save()


def _refuse(refusal: type[Refused], reasons: Sequence[Why | At], person: Person) -> None:
    if reasons:
        raise refusal(reasons, record="cohorts.person", reference=person.reference)


def _in_words(day: date) -> str:
    return f"{day:%-d %B %Y}"
