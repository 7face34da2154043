"""Parting: what is left with each of two records once their merge is undone (spec/rules.md, "Objections").

While the two counted as one person, nobody can tell which of them objected, was protected, or asked to end it. So each
is left with the stricter of what may be true: every objection and mark that goes on, or was ended in that time, goes on
with both; a consent that was withdrawn in that time is withdrawn by both; and a notice that was given in that time, and
asks for consent, was given to both.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Max

from cohorts import households, numbering
from cohorts.models import Consent, Notice, Objection, Person, Protection
from cohorts.rules.clocks import LONDON
from cohorts.rules.consent import BASIS, PURPOSE
from connecting_families.audit import trail

KEPT_OF_OBJECTION = ("made_by", "channel", "received_at", "datasets", "decided_at", "decided_by")
KEPT_OF_REFUSAL = ("refused_at", "refusal_reason", "refusal_reference", "told_on")


class Left(NamedTuple):
    """How many objections, marks and notices were copied, family objections widened, and consents withdrawn."""

    objections: int
    families: int
    marks: int
    consents: int
    notices: int


class Parted(NamedTuple):
    """Two persons who were one from an instant (`since`) until another, and the keys of the records of each."""

    records: Mapping[Person, Sequence[int]]
    since: datetime
    until: datetime

    @property
    def everybody(self) -> list[int]:
        """The keys of all these records."""
        return [key for keys in self.records.values() for key in keys]


def leave_with_both(one: Person, other: Person, *, since: datetime, until: datetime) -> Left:
    """Leave with each of two surviving records what may be theirs. The caller holds the permissions, to write."""
    parted = Parted({person: households.records_of([person]) for person in (one, other)}, since, until)
    return Left(_objections(parted), _families(parted), _marks(parted), _consents(parted), _notices(parted))


def _objections(parted: Parted) -> int:
    """Each side gets a copy of every objection that goes on, or was lifted while the two were one, and that it lacks.

    One that was refused in that time stays refused, with both. What has one origin is one objection: undoing again
    copies nothing again.
    """
    found = list(Objection.objects.filter(person__in=parted.everybody).order_by("pk"))
    ended = _changed(found, parted)
    copied = 0
    for person, records in parted.records.items():
        own = [row for row in found if row.person_id in records]
        going_on = {_origin(row) for row in own if _goes_on(row, parted.until)}
        known = {_origin(row) for row in own}
        for row in found:
            lifted = row.lifted_at is not None and (row.lifted_at >= parted.since or str(row) in ended)
            refused = row.refused_at is not None and (row.refused_at >= parted.since or str(row) in ended)
            if _origin(row) not in going_on and (_goes_on(row, parted.until) or (lifted and row.refused_at is None)):
                _copy(row, person)
            elif refused and _origin(row) not in known:
                _copy(row, person, KEPT_OF_REFUSAL)
            else:
                continue
            copied += 1
            going_on.add(_origin(row))
            known.add(_origin(row))
    return copied


def _origin(row: Objection) -> int:
    return row.copied_from_id or row.pk


def _goes_on(row: Objection, at: datetime) -> bool:
    """Neither lifted nor refused by now: it stands, or will once it is received."""
    return not any(ended is not None and ended <= at for ended in (row.lifted_at, row.refused_at))


def _copy(row: Objection, person: Person, more: Iterable[str] = ()) -> None:
    same = {name: getattr(row, name) for name in (*KEPT_OF_OBJECTION, *more)}
    reference = numbering.fresh(Objection, "O")
    Objection.objects.create(reference=reference, person=person, copied_from_id=_origin(row), **same)


def _families(parted: Parted) -> int:
    """An objection for a family that is narrowed to one of the two goes on protecting both."""
    widened = 0
    for row in Objection.objects.filter(narrowed_to__in=parted.everybody).distinct().order_by("pk"):
        named = set(row.narrowed_to.values_list("pk", flat=True))
        left_out = [person for person, records in parted.records.items() if named.isdisjoint(records)]
        row.narrowed_to.add(*left_out)
        widened += bool(left_out)
    return widened


def _marks(parted: Parted) -> int:
    """Each side gets every mark that goes on, or was ended while the two were one, for as long as the longest."""
    today, since = (at.astimezone(LONDON).date() for at in (parted.until, parted.since))
    found = list(Protection.objects.filter(person__in=parted.everybody).order_by("pk"))
    ended = _changed(found, parted)
    copied = 0
    for person, records in parted.records.items():
        longest: dict[str, date] = {}
        for row in found:
            if row.person_id in records and _last(row) > today:
                longest[row.kind] = max(_last(row), longest.get(row.kind, date.min))
        for row in found:
            if _last(row) <= since and str(row) not in ended:
                continue
            # Ended while they were one, nobody knows which of the two needed it no longer.
            until = _last(row) if _last(row) > today and str(row) not in ended else date.max
            if until > longest.get(row.kind, date.min):
                longest[row.kind] = until
                _mark(row, person, None if until == date.max else until)
                copied += 1
    return copied


def _last(row: Protection) -> date:
    return row.to_on or date.max


def _mark(row: Protection, person: Person, to_on: date | None) -> None:
    same = {"person": person, "kind": row.kind, "from_on": row.from_on}
    last = Protection.objects.filter(**same).aggregate(last=Max("ordinal"))["last"] or 0
    Protection.objects.create(**same, to_on=to_on, ordinal=last + 1, copied_from_id=row.copied_from_id or row.pk)


def _consents(parted: Parted) -> int:
    """A withdrawal while the two were one counts for both: it ends what the other had consented to by then."""
    found = list(Consent.objects.filter(person__in=parted.everybody, purpose=PURPOSE).order_by("pk"))
    ended = _changed(found, parted)
    withdrawn = 0
    for records in parted.records.values():
        of_the_other = sorted(
            row.withdrawn_at
            for row in found
            if row.person_id not in records
            and row.withdrawn_at is not None
            and row.withdrawn_at <= parted.until
            and (row.withdrawn_at >= parted.since or str(row) in ended)
        )
        for row in found:
            if row.person_id in records and (row.withdrawn_at is None or row.withdrawn_at > parted.until):
                after = [at for at in of_the_other if row.given_on <= at.astimezone(LONDON).date()]
                if after:
                    row.withdrawn_at = after[0]
                    row.save(update_fields=["withdrawn_at"])
                    withdrawn += 1
    return withdrawn


def _notices(parted: Parted) -> int:
    """Nobody is moved from consent to public task: whoever may have been told that consent is asked, was told so."""
    since = parted.since.astimezone(LONDON).date()
    found = list(Notice.objects.filter(person__in=parted.everybody, version__basis=BASIS).order_by("pk"))
    changed = _changed(found, parted)
    copied = 0
    for person, records in parted.records.items():
        known = {(row.version_id, row.issued_on) for row in found if row.person_id in records}
        for row in found:
            in_that_time = row.issued_on >= since or str(row) in changed
            if in_that_time and (row.version_id, row.issued_on) not in known:
                same = {name: getattr(row, name) for name in ("version", "issued_on", "channel", "issued_by")}
                Notice.objects.create(reference=numbering.fresh(Notice, "N"), person=person, **same)
                copied += 1
    return copied


def _changed(rows: Sequence[models.Model], parted: Parted) -> set[str]:
    """Which of these the trail says were changed while the two were one: a day in a record may lie before its entry."""
    if not rows:
        return set()
    label = rows[0]._meta.label_lower
    people = Person.objects.filter(pk__in=parted.everybody).values_list("reference", flat=True)
    about = [*((label, str(row)) for row in rows), *(("cohorts.person", reference) for reference in people)]
    since: Any = trail.entries_about(about).filter(timestamp__gte=parted.since).exclude(changes=None)
    return {it["reference"] for entry in since for it in entry.changes if it["record"] == label}
