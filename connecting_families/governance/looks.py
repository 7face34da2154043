"""Who looked: the read events in which somebody was shown a person, and the searches for a name.

A person is found in the trail by references alone: their records and what was merged into them, their families, the
objections that cover them, what a search or a sample has shown, and the files in which all of a cohort stand.
"""

from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from cohorts import households, lookup
from cohorts.models import Decision, Family, Objection, Person
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.models import Entry

PERSON, FAMILY, OBJECTION = "cohorts.person", "cohorts.family", "cohorts.objection"
COHORT, SUBMISSION = "cohorts.cohort", "transfers.submission"
READS = [event.name for event in Event if event.reads]
FILES = [Event.DECISIONS_EXPORTED.name, Event.FINDINGS_EXPORTED.name, Event.TO_TELL_EXPORTED.name]
"""Files in which everybody of a cohort may stand."""
SHOWN_IN = ("people", "persons")
"""Where the details of an entry hold who was shown."""


class Whom(NamedTuple):
    """A person, as the trail has them: by the references of records, families, objections and cohorts."""

    reference: str
    records: frozenset[str]
    families: frozenset[str] = frozenset()
    objections: frozenset[str] = frozenset()
    cohorts: frozenset[str] = frozenset()

    def how(self, entry: Entry) -> str:
        """How an entry has to do with this person."""
        if entry.record == PERSON:
            own = "" if entry.reference == self.reference else f", as {entry.reference}"
            return f"Their own record{own}"
        if entry.record == FAMILY:
            return f"Family {entry.reference}"
        if entry.record == OBJECTION:
            return f"Objection {entry.reference}"
        if entry.record == COHORT:
            return f"Cohort {entry.reference}, everybody considered"
        if entry.record == SUBMISSION and entry.event == Event.SAMPLE_VIEWED.name:
            return f"A sample of {entry.reference}, masked"
        return "Among what a search showed" if entry.event == Event.FAMILIES_SEARCHED.name else "Named in it"


def whom(reference: str) -> Whom | None:
    """The person of this reference, on file or known to the trail alone; None where neither knows of one."""
    person = Person.objects.filter(reference=reference).first()
    if person is None:
        alone = Whom(reference, frozenset([reference]))
        known = Entry.objects.filter(record=PERSON, reference=reference)
        return alone if known.exists() or _about(alone).exists() else None
    keys = households.records_of([households.survivor(person)])
    families = Family.objects.filter(memberships__person__in=keys)
    covers = Q(person__in=keys) | Q(narrowed_to__in=keys) | Q(family__in=families)
    cohorts = Decision.objects.filter(person_id__in=keys).values_list("cohort_id", flat=True).distinct()
    return Whom(
        reference,
        frozenset(Person.objects.filter(pk__in=keys).values_list("reference", flat=True)),
        frozenset(families.values_list("reference", flat=True)),
        frozenset(Objection.objects.filter(covers).values_list("reference", flat=True)),
        frozenset(str(key) for key in cohorts),
    )


def at_person(found: Whom) -> QuerySet[Entry]:
    """The entries in which somebody was shown this person, in no order."""
    entries: QuerySet[Entry] = Entry.objects.filter(pk__in=_about(found))
    return entries


def _about(found: Whom) -> QuerySet[Entry]:
    """Their numbers: each part by an index of its own."""
    reads: QuerySet[Any] = Entry.objects.filter(event__in=READS).values("pk")
    parts = [
        reads.filter(record=record, reference__in=references)
        for record, references in ((PERSON, found.records), (FAMILY, found.families), (OBJECTION, found.objections))
        if references
    ]
    if found.cohorts:
        parts.append(reads.filter(record=COHORT, reference__in=found.cohorts, event__in=FILES))
    details = [
        reads.filter(action=Entry.Action.ACCESS, additional_data__contains={name: [reference]})
        for name in SHOWN_IN
        for reference in sorted(found.records)
    ]
    return parts[0].union(*parts[1:], *details)


class Name(NamedTuple):
    """A name as the trail recognises it: its words, each as a keyed HMAC. Nobody can read it back."""

    terms: list[str]


def name(typed: str) -> Name:
    """What somebody typed, as the trail recognises it."""
    return Name([keyed(word) for word in lookup.read_name(typed).words])


def for_name(asked: Name) -> QuerySet[Entry]:
    """The entries of searches for all these words, and of looking such searches up; in no order."""
    if not asked.terms:
        return trail.entries().none()
    found: QuerySet[Entry] = Entry.objects.filter(
        event__in=[Event.FAMILIES_SEARCHED.name, Event.SEARCHES_FOR_NAME_VIEWED.name],
        action=Entry.Action.ACCESS,
        additional_data__contains={"terms": asked.terms},
    )
    return found
