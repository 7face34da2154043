"""Remembered: an objection outlives the person who was erased, and stands again once they are on file again.

Of who they were only keyed digests are left, each by itself: given and family name with the date of birth (under every
family name they had), the NHS number, the National Insurance number, the unique pupil number, in their normal form.
Without the council's key (CF_TRAIL_KEY), which is not in the database, nobody can try out names against them.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Q

from cohorts import numbering
from cohorts.models import ErasedIdentity, Erasure, Objection, Person, Remembered
from cohorts.rules.numbers import normal_form
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import duty

NAMES: Final = "NAMES_AND_BIRTH"
NUMBERS: Final = {"nhs_number": "NHS_NUMBER", "nino": "NINO", "upn": "UPN"}
KEPT: Final = ("made_by", "channel", "received_at", "datasets", "decided_at", "decided_by")
OF_FILE = """
    SELECT f.line, p.id, p.given_name, p.family_name, p.previous_family_names, p.date_of_birth, p.nhs_number, p.nino,
           p.upn
    FROM file_records f JOIN cohorts_person p ON p.reference = f.person_ref ORDER BY f.line
"""
WARNING: Final = Why(
    "STANDS_AGAIN",
    "Somebody with these details objected before, and was erased since. Their objection stands again from the moment"
    " this is saved: nothing about them is sent. Information governance looks whether it is the same person.",
)


class Known(NamedTuple):
    """By what somebody is known again."""

    given_name: str
    family_name: str
    previous_family_names: str
    date_of_birth: date | None
    nhs_number: str
    nino: str
    upn: str


def of(person: Person) -> Known:
    """By what a person on file is known again."""
    return Known(*(getattr(person, name) for name in Known._fields))


def digests(known: Known) -> set[tuple[str, str]]:
    """The keyed digests, each with its kind; none of what is not known."""
    found = set()
    if known.date_of_birth and known.given_name.strip():
        for family_name in {known.family_name, *known.previous_family_names.replace(",", ";").split(";")}:
            if family_name.strip():
                words = [normal_form(known.given_name), normal_form(family_name), known.date_of_birth.isoformat()]
                found.add((NAMES, _digest(NAMES, "\n".join(words))))
    for field, kind in NUMBERS.items():
        number = normal_form(getattr(known, field)).replace(" ", "").replace("-", "")
        if number:
            found.add((kind, _digest(kind, number)))
    return found


def outside(person: Person | None) -> dict[str, Any]:
    """A person as the journal outside the database knows them: the reference, and the keyed digests."""
    if person is None:
        return {"person": None}
    return {"person": person.reference, "known": sorted(digest for _, digest in digests(of(person)))}


def is_whom_the_journal_means(person: Person, known: Iterable[str]) -> bool:
    """Whether a person on file is the one of a line in the journal: not another who was given the same reference."""
    here = {digest for _, digest in digests(of(person))}
    return not here or not (there := set(known)) or not here.isdisjoint(there)


def of_objection(row: Objection) -> dict[str, Any]:
    """An objection as the journal outside the database keeps it: without a name, and without the words about whom."""
    return {
        "objection": row.reference, **outside(row.person),
        "family": row.family.reference if row.family else None, "made_by": row.made_by,
        "channel": row.channel, "received_at": row.received_at.isoformat(), "datasets": row.datasets,
    }  # fmt: skip


def _digest(kind: str, word: str) -> str:
    # Apart from what is searched for: neither can be held against the other.
    return keyed(f"erased\n{kind}\n{word}")


def keep(erasure: Erasure, people: Iterable[Person], objections: Iterable[Objection]) -> int:
    """Keep what stands of a person who is about to be erased, under all their records; how many objections that is."""
    standing = list(objections)
    if not standing:
        return 0
    for row in standing:
        same = {name: getattr(row, name) for name in KEPT}
        Remembered.objects.create(erasure=erasure, objection=row.reference, of_family=row.family_id is not None, **same)
    found = set().union(*(digests(of(person)) for person in people))
    for kind, digest in sorted(found):
        ErasedIdentity.objects.create(erasure=erasure, kind=kind, digest=digest)
    return len(standing)


def warnings(given: Any) -> list[Why]:
    """What to say to whoever is about to record somebody with these details; nothing where nobody is remembered."""
    values = {name: given.get(name) or "" for name in Known._fields}
    known = Known(**(values | {"date_of_birth": given.get("date_of_birth") or None}))
    return [WARNING] if _standing({digest for _, digest in digests(known)}) else []


def stand_again(person: Person, at: datetime) -> list[Objection]:
    """The objections of whoever was erased and has these details stand again for this record: once of each.

    Inside the act that entered or changed the record. One that was lifted or refused after it had stood again stays so.
    """
    return _again(person, {digest for _, digest in digests(of(person))}, at)


def stand_again_of_file(at: datetime) -> list[int]:
    """The same for everybody whom a bulk file names, from its rows (file_records); the lines where one stands again."""
    known = set(ErasedIdentity.objects.values_list("digest", flat=True))
    if not known:
        return []
    of_somebody = [each for each in _of_file() if not known.isdisjoint(each.found)]
    return [each.line for each in of_somebody if _again(Person.objects.get(pk=each.person_id), each.found, at)]


class _Row(NamedTuple):
    """A row of a bulk file of people: its line, whose record it became, and the digests of what is known of them."""

    line: int
    person_id: int
    found: set[str]


def _of_file() -> Iterator[_Row]:
    with connection.connection.cursor(name="people_of_file") as cursor:
        cursor.execute(OF_FILE)
        while rows := cursor.fetchmany(5_000):
            for line, key, *values in rows:
                yield _Row(line, key, {digest for _, digest in digests(Known(*values))})


def _again(person: Person, found: set[str], at: datetime) -> list[Objection]:
    made = []
    for row in _standing(found):
        if Objection.objects.filter(remembered=row, person=person).exists():
            continue
        same = {name: getattr(row, name) for name in KEPT}
        reference = numbering.fresh(Objection, "O")
        again = Objection.objects.create(reference=reference, person=person, remembered=row, **same)
        details = {"person": person.reference, "erased": row.erasure.person_ref, "objection": row.objection}
        trail.record(
            Event.OBJECTION_STANDS_AGAIN, who=duty("remember"), at=at, about=again, details=details,
            outside=of_objection(again),
        )  # fmt: skip
        made.append(again)
    return made


def _standing(found: set[str]) -> list[Remembered]:
    """What is remembered under any of these digests, and was not lifted or refused since it stood again."""
    rows = Remembered.objects.filter(erasure__identities__digest__in=found).select_related("erasure")
    ended = Objection.objects.exclude(remembered=None).exclude(Q(lifted_at=None) & Q(refused_at=None))
    return list(rows.exclude(pk__in=ended.values("remembered")).distinct().order_by("pk"))
