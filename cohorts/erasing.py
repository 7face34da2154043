"""Erasing: what holds somebody on file, what of it speaks against erasing them, and how all of it goes.

Nothing is decided here: cohorts/erasure.py does that, with two people.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Q

from cohorts import households, queries
from cohorts.models import (
    Address,
    Cohort,
    Consent,
    Erasure,
    Evidence,
    Family,
    FlagReview,
    Look,
    Membership,
    Merge,
    Notice,
    Objection,
    Pair,
    Person,
    Protection,
    Recheck,
    RightsRequest,
    Upload,
)
from cohorts.rules.clocks import stands
from cohorts.rules.numbers import normal_form
from connecting_families.audit.refusals import Why

OWN: Final[tuple[Any, ...]] = (Address, Membership, Evidence, Notice, Consent, Protection, Recheck, Look)
"""What is about one person, and goes with them."""
FREE: Final[dict[Any, tuple[str, ...]]] = {
    Objection: ("about", "refusal_reason"),
    FlagReview: ("reason",),
    Pair: ("reason",),
    Merge: ("reason", "undo_reason"),
    RightsRequest: ("about", "asked", "extension_reason", "answer"),
    Erasure: ("reason",),
}
"""Free text, in which somebody may be named whatever the record is about."""
GONE: Final = "Erased."
SHORTEST: Final = 3
"""Letters of a name by which somebody is looked for in free text."""
WORDS = """
    DELETE FROM cohorts_nameword named WHERE word = ANY (%s)
    AND NOT EXISTS (SELECT FROM cohorts_findable WHERE words @> ARRAY[named.word])
"""


class Subject(NamedTuple):
    """One person as the program holds them: the surviving record, and those merged into it."""

    person: Person
    records: Sequence[Person]

    @property
    def keys(self) -> list[int]:
        """The keys of all records."""
        return [record.pk for record in self.records]

    @property
    def references(self) -> list[str]:
        """The references of all records."""
        return sorted(record.reference for record in self.records)


def subject(person: Person) -> Subject:
    """Everything that counts as this person."""
    one = households.survivor(person)
    return Subject(one, list(Person.objects.filter(pk__in=households.records_of([one])).order_by("pk")))


def against(who: Subject, request: RightsRequest, today: date) -> list[Why]:
    """Why somebody cannot be erased now; what was sent of them is asked elsewhere."""
    reasons = [*_protects(who, today), *_looks_like_another(who)]
    others = RightsRequest.objects.filter(person__in=who.keys, answered_at=None).exclude(pk=request.pk)
    if open_ones := [row.reference for row in others.order_by("reference")]:
        sentence = f"They also ask something else, which erasing them would leave unanswered: {', '.join(open_ones)}."
        reasons.append(Why("OTHER_REQUEST_OPEN", f"{sentence} Answer that first."))
    lost = Objection.objects.filter(person=None, family=None, lifted_at=None, refused_at=None)
    named = Named(who)
    if any(named.in_text(row.about) for row in lost):
        sentence = "An objection that names nobody on file may be theirs. Match it first: it must outlive them."
        reasons.append(Why("UNMATCHED_OBJECTION", sentence))
    return reasons


def under_way() -> list[Why]:
    """Why nobody can be erased at this moment: something holds people in other places than the records, for a while."""
    reasons = []
    if Upload.objects.exclude(state__in=Upload.ENDED).exists():
        sentence = "An upload of bulk files lies here, and may name them. It is loaded or cancelled first."
        reasons.append(Why("UPLOAD_OPEN", sentence))
    if Cohort.objects.filter(state=Cohort.REQUESTED).exists():
        reasons.append(Why("RUN_GOES_ON", "A run of the rules goes on, which may have read them. Wait until it ended."))
    return reasons


def _protects(who: Subject, today: date) -> list[Why]:
    """A mark keeps the address of the whole household off every letter: it does not go unseen with one of them."""
    marks = Protection.objects.filter(Q(to_on=None) | Q(to_on__gt=today), person__in=who.keys)
    if not marks.exists():
        return []
    families = Family.objects.filter(memberships__person__in=who.keys).distinct()
    others = {other.pk: other for family in families for other in households.members(family, today)}
    others.pop(who.person.pk, None)
    unmarked = [other.reference for other in others.values() if not _is_marked(other, today)]
    if not unmarked:
        return []
    sentence = (
        "A protection mark of theirs also keeps the address of others in the household off every letter. Mark these"
        f" first, or end the mark: {', '.join(sorted(unmarked))}."
    )
    return [Why("PROTECTS_OTHERS", sentence)]


def _is_marked(person: Person, today: date) -> bool:
    marks = Protection.objects.filter(person__in=households.records_of([person]))
    return any(mark.to_on is None or stands(mark.from_on, mark.to_on, today) for mark in marks)


def _looks_like_another(who: Subject) -> list[Why]:
    """Another record of theirs would stay, and know nothing of their objection."""
    reasons = []
    pairs = Pair.objects.filter(Q(first__in=who.keys) | Q(second__in=who.keys))
    if queries.pairs_to_decide().filter(pk__in=pairs).exists():
        sentence = "It is not decided yet whether another record is of the same person. Compare the two first."
        reasons.append(Why("DUPLICATE_UNDECIDED", sentence))
    known = {key for pair in pairs.filter(state=Pair.DIFFERENT) for key in (pair.first_id, pair.second_id)}
    alike = {
        other.reference for record in who.records for other in _alike(record) if other.pk not in {*who.keys, *known}
    }
    if alike:
        sentence = f"These records have the same name and birthday, or the same number: {', '.join(sorted(alike))}."
        reasons.append(Why("SAME_DETAILS", f"{sentence} Have the data team compare them first."))
    return reasons


def _alike(record: Person) -> Iterator[Person]:
    numbers = Q(pk__in=[])
    for field in ("nhs_number", "nino", "upn"):
        if value := getattr(record, field):
            numbers |= Q(**{field: value})
    yield from Person.objects.filter(numbers)
    if record.date_of_birth:
        for other in Person.objects.filter(date_of_birth=record.date_of_birth):
            if _name(other) == _name(record):
                yield other


def _name(person: Person) -> tuple[str, str]:
    return normal_form(person.given_name), normal_form(person.family_name)


def standing(who: Subject, today: date) -> list[Objection]:
    """The objections that cover them today and do not end with them: their own, and those of their families."""
    families = Membership.objects.filter(Q(left_on=None) | Q(left_on__gt=today), person__in=who.keys)
    rows = Objection.objects.filter(lifted_at=None, refused_at=None).filter(
        Q(person__in=who.keys) | Q(narrowed_to__in=who.keys) | Q(family__in=families.values("family"))
    )
    return [row for row in rows.distinct().order_by("pk") if who.person in households.covered(row)]


class Named:
    """By what free text may name somebody: family names, given names as they are written, numbers, where they live."""

    def __init__(self, who: Subject) -> None:
        family, given, numbers = set(), set(), set()
        for record in who.records:
            family |= {record.family_name, *record.previous_family_names.replace(",", ";").split(";")}
            given.add(record.given_name)
            numbers |= {record.nhs_number, record.nino, record.upn, record.uln}
            numbers |= {part for each in record.addresses.all() for part in (each.line_1, each.postcode)}
        self._family = _any_of(normal_form(name) for name in family)
        self._given = _any_of(name.strip() for name in given)
        self._numbers = [packed for number in numbers if (packed := _packed(number))]

    def in_text(self, text: str) -> bool:
        """Whether this text names them; in doubt it does."""
        if self._family.search(normal_form(text)) or self._given.search(text):
            return True
        packed = _packed(text)
        return any(number in packed for number in self._numbers)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Finds any of these as whole words; nothing where there is none."""
    known = [re.escape(name) for name in names if len(name) >= SHORTEST]
    return re.compile(rf"(?<!\w)(?:{'|'.join(known)})(?!\w)" if known else r"(?!)")


def _packed(text: str) -> str:
    return normal_form(text).replace(" ", "")


def take_away(who: Subject) -> dict[str, int]:
    """Delete every record that is about them, and empty free text that names them; how many of each kind.

    Inside the act of erasing. Of a family's objection narrowed to them alone nothing would be left but the family: it
    goes, too.
    """
    counts = {"texts": sum(_empty(row, fields) for row, fields in _texts(who))}
    with connection.cursor() as cursor:
        # Whoever adds a word meanwhile waits, and finds it gone and adds it.
        cursor.execute("LOCK TABLE cohorts_nameword IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("SELECT DISTINCT unnest(words) FROM cohorts_findable WHERE person_id = ANY (%s)", [who.keys])
        words = [word for (word,) in cursor.fetchall() if word]
    counts["objections"] = _objections(who)
    about = Q(first__in=who.keys) | Q(second__in=who.keys)
    merges = Merge.objects.filter(
        Q(kept__in=who.keys) | Q(merged__in=who.keys) | Q(pair__in=Pair.objects.filter(about))
    )
    counts["merges"] = _delete(merges)
    counts["pairs"] = _delete(Pair.objects.filter(about))
    for model in OWN:
        rows: Any = model.objects.filter(person__in=who.keys)
        if model in (Protection, Consent, Notice):
            _uncopy(model, rows)
        counts[f"{model._meta.verbose_name_plural}"] = _delete(rows)
    for request in RightsRequest.objects.filter(person__in=who.keys):
        request.person = None
        request.save()
    Person.objects.filter(pk__in=who.keys).exclude(merged_into=None).update(merged_into=None)
    counts["records"] = _delete(Person.objects.filter(pk__in=who.keys))
    with connection.cursor() as cursor:
        cursor.execute(WORDS, [words])
    return {kind: number for kind, number in counts.items() if number}


def _texts(who: Subject) -> Iterator[tuple[Any, list[str]]]:
    """Each record with free text that goes: of their own requests all, of others what names them."""
    named = Named(who)
    for model, fields in FREE.items():
        said = Q(*(~Q(**{field: ""}) for field in fields), _connector=Q.OR)
        rows: Iterable[Any] = model.objects.filter(said).order_by("pk")
        for row in rows:
            own = isinstance(row, RightsRequest) and row.person_id in who.keys
            found = [field for field in fields if (text := getattr(row, field)) and (own or named.in_text(text))]
            if found:
                yield row, found


def _empty(row: Any, fields: list[str]) -> int:
    for field in fields:
        setattr(row, field, GONE)
    row.save(update_fields=fields)
    return len(fields)


def _objections(who: Subject) -> int:
    own = set(Objection.objects.filter(person__in=who.keys).values_list("pk", flat=True))
    for row in Objection.objects.filter(narrowed_to__in=who.keys).distinct():
        if set(row.narrowed_to.values_list("pk", flat=True)) <= set(who.keys):
            own.add(row.pk)
        row.narrowed_to.remove(*who.records)
    rows = Objection.objects.filter(pk__in=own)
    _delete(Recheck.objects.filter(objection__in=rows))
    _uncopy(Objection, rows)
    return _delete(rows)


def _uncopy(model: Any, rows: Any) -> None:
    """What was copied from them, when a merge was undone, stands by itself."""
    if any(field.name == "copied_from" for field in model._meta.fields):
        copies: Any = model.objects.filter(copied_from__in=rows)
        for copy in copies:
            copy.copied_from = None
            copy.save()


def _delete(rows: Any) -> int:
    """One by one: the trail names each."""
    found = list(rows)
    for row in found:
        row.delete()
    return len(found)
