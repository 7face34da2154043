"""Who looked at a person and why, who searched for them, and what was done to their records: as the trail has it."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance import looks, told
from connecting_families.governance.subject.parts import Part, Subject, part

PROTECTING = (
    Event.PROTECTION_MARKED, Event.PROTECTION_REFUSED, Event.PROTECTION_ENDED, Event.PROTECTED_ADDRESS_OPENED,
)  # fmt: skip
"""Events that tell that somebody is protected."""
READS = [event.name for event in Event if event.reads]
COLUMNS = {"at": "When", "who": "Who", "what": "What", "how": "How they came to it", "why": "Why"}


def parts(subject: Subject) -> Iterator[Part]:
    """All of it, the oldest first; what would tell that somebody is protected is told on no paper."""
    found = looks.whom(subject.person.reference)
    if found is None:
        return
    shown = looks.at_person(found)
    rows = [
        [e.timestamp, subject.hands.of(e.who, e.role), told.sentence(e), found.how(e), e.reason]
        for e in _told(shown)
    ]  # fmt: skip
    note = (
        "Entries about a family are here whether or not you were in it at the time. Each member of staff has a number"
        " in this report alone."
    )
    yield part("looks", "Who was shown something about you", COLUMNS, rows, empty="Nobody was.", note=note)
    yield _searches(subject, shown)
    yield _done(subject)


def not_on_paper(subject: Subject) -> Part:
    """The entries that tell that somebody is protected."""
    about = [(looks.PERSON, record.reference) for record in subject.records]
    entries = trail.entries_about(about).filter(event__in=[event.name for event in PROTECTING]).order_by("id")
    rows = [[e.timestamp, subject.hands.of(e.who, e.role), told.sentence(e), e.reference, e.reason] for e in entries]
    columns = COLUMNS | {"how": "Record"}
    return part("protecting", "What was done about their protection", columns, rows, empty="Nothing was.")


def _searches(subject: Subject, shown: QuerySet[Entry]) -> Part:
    """Searches for all words of a name of theirs that showed them to nobody."""
    rows = []
    seen: set[int] = set()
    for record in subject.records:
        asked = looks.name(f"{record.given_name} {record.family_name}")
        for e in looks.for_name(asked).exclude(pk__in=shown.values("pk")).order_by("id"):
            if e.pk not in seen:
                seen.add(e.pk)
                rows.append([e.timestamp, subject.hands.of(e.who, e.role), told.sentence(e), e.reason])
    columns = {"at": "When", "who": "Who", "what": "What", "why": "Why"}
    note = "Whoever searched may have meant somebody else of the same name."
    return part(
        "searches", "Who searched for your name, and was not shown you", columns, sorted(rows),
        empty="Nobody did.", note=note,
    )  # fmt: skip


def _done(subject: Subject) -> Part:
    about = [(looks.PERSON, record.reference) for record in subject.records]
    entries = trail.entries_about(about).exclude(event__in=READS).order_by("id")
    rows = [
        [e.timestamp, subject.hands.of(e.who, e.role), told.sentence(e), e.reference, told.why(e)]
        for e in _told(entries)
    ]
    columns = {"at": "When", "who": "Who", "what": "What", "record": "Record", "why": "Why"}
    return part("done", "What was recorded, changed or refused in your record", columns, rows, empty="Nothing was.")


def _told(found: Iterable[Entry]) -> Iterator[Entry]:
    """Without what tells that somebody is protected; the oldest first."""
    kept = {event.name for event in PROTECTING}
    return iter(sorted((e for e in found if e.event not in kept), key=lambda e: (e.timestamp, e.pk)))
