"""Looking again: somebody asks that a detail of a person be looked at once more, and a team says what came of it.

Nothing is kept of why it was asked, and one look is like another: whoever is shown one cannot tell what it came from.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime

from cohorts import details_seen, households
from cohorts.models import Look, Person
from cohorts.rules.clocks import LONDON
from cohorts.rules.look_again import DETAILS, shown_from
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotAsked(Refused):
    """Nobody can be asked to look at this."""

    event = Event.LOOK_REFUSED


class NotLookedAt(Refused):
    """A look is over already, or the detail was changed meanwhile."""

    event = Event.LOOK_REFUSED


@trail.stage
def ask(*, reference: str, details: Collection[str], by: Who, at: datetime) -> int:
    """Ask that details of one person be looked at; how many were not asked for already.

    Raises NotAsked where nobody has this reference, or no detail, or one that is none, is named.
    """
    person = Person.objects.filter(reference=reference).first()
    reasons: list[At] = []
    if person is None:
        reasons.append(At("UNKNOWN_PERSON", "Nobody on file has this reference.", "reference"))
    if not details or not set(details) <= DETAILS.keys():
        reasons.append(At("NO_DETAIL", "Choose at least one detail to look at.", "details"))
    if reasons or person is None:
        raise NotAsked(reasons, record="cohorts.person", reference=reference)
    asked = _ask({person.pk: set(details)}, at)
    trail.record(
        Event.LOOK_ASKED_FOR, who=by, at=at, about=person,
        details={"details": sorted(details), "new": asked.total()},
    )  # fmt: skip
    return asked.total()


@trail.stage
def ask_of_many(*, details_of: Mapping[int, Collection[str]], by: Who, at: datetime) -> int:
    """The same of many people at once, by the keys of their records; whoever is no longer on file is left out."""
    asked = _ask(details_of, at)
    trail.record(Event.LOOKS_ASKED_FOR, who=by, at=at, details={"new": dict(sorted(asked.items()))})
    return asked.total()


@trail.stage
def is_right(*, look: Look, by: Who, at: datetime) -> Look:
    """Say that a detail was looked at, and is right as it is. Raises NotLookedAt."""
    row = Look.objects.select_for_update(of=("self",)).select_related("person").get(pk=look.pk)
    reasons = []
    if row.outcome != Look.WAITING:
        reasons.append(Why("LOOKED_AT_ALREADY", "Somebody has looked at this already."))
    elif not list(details_seen.still_to_take([row], _today(at))):
        reasons.append(Why("CHANGED_MEANWHILE", "This detail was changed meanwhile. Look at it as it is now."))
    if reasons:
        raise NotLookedAt(reasons, record="cohorts.person", reference=row.person.reference)
    row.outcome, row.looked_on = Look.RIGHT, _today(at)
    row.save()
    trail.record(Event.LOOK_TAKEN, who=by, at=at, about=row.person, details={"detail": row.detail, "found": "right"})
    return row


def _ask(details_of: Mapping[int, Collection[str]], at: datetime) -> Counter[str]:
    """Ask for each that is not asked for already, or was and is changed since; how many of each detail."""
    today = _today(at)
    now = households.survivors(details_of)
    wanted = {(now[key], detail) for key, details in details_of.items() if key in now for detail in details}
    people = {key for key, _ in wanted}
    as_it_is = details_seen.seen(people, today, {detail for _, detail in wanted})
    earlier = list(Look.objects.select_for_update().filter(outcome=Look.WAITING, person__in=people))
    over = [row for row in earlier if as_it_is.get((row.person_id, row.detail), row.seen_as) != row.seen_as]
    Look.objects.filter(pk__in=[row.pk for row in over]).update(outcome=Look.CHANGED, looked_on=today)
    done = {row.pk for row in over}
    wanted -= {(row.person_id, row.detail) for row in earlier if row.pk not in done}
    fresh = [
        Look(person_id=key, detail=detail, seen_as=as_it_is[key, detail], shown_from=shown_from(today))
        for key, detail in sorted(wanted)
        if (key, detail) in as_it_is
    ]
    # Of two who ask for the same at once, one has asked.
    Look.objects.bulk_create(fresh, batch_size=1_000, ignore_conflicts=True)
    return Counter(row.detail for row in fresh)


def _today(at: datetime) -> date:
    return at.astimezone(LONDON).date()
