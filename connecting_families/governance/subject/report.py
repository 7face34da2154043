"""The report: made when it is opened or downloaded, from what is held at that moment; each time is an entry.

Who asked for it, and why, is recorded with it. It is the same on the page, on paper and in the file, and it holds
nothing that could tell whoever else may read the paper where somebody lives who is protected, or that they are.
"""

import json
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from cohorts.forms.wishes import name_of
from cohorts.models import Person
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who
from connecting_families.governance.subject import held, looked, sent
from connecting_families.governance.subject.parts import Part, Subject, subject_of

SPEC = "connecting-families/subject-access/1"
ASKED_BY = {
    "self": "The person",
    "parent": "A parent or carer, for a child",
    "representative": "Somebody who acts for them",
    "ourselves": "Nobody: to check what is held",
}
"""Who asked for a report."""
TYPED = {"as_told", "refusal_reason", "reason", "why", "text", "asked", "extension_reason", "answer"}
"""Columns that hold what people typed, who may have written of somebody else."""


class Report(NamedTuple):
    """All that is held about one person, as at an instant."""

    subject: Subject
    parts: list[Part]
    made_at: datetime

    @property
    def name(self) -> str:
        """Whom it is about."""
        return name_of(self.subject.person)

    @property
    def typed(self) -> int:
        """How many texts in it were typed by people: somebody reads them before it is handed over."""
        return sum(1 for each in self.parts for row in each.rows for name in TYPED & row.keys() if row[name])


@trail.stage
def view(*, person: Person, asked_by: str, reason: str, by: Who, at: datetime) -> Report:
    """The report, for somebody to read and to print."""
    return _made(Event.SUBJECT_ACCESS_VIEWED, person, asked_by, reason, by, at)


@trail.stage
def export(*, person: Person, asked_by: str, reason: str, by: Who, at: datetime) -> bytes:
    """The report as JSON (UTF-8), for the person to take elsewhere."""
    made = _made(Event.SUBJECT_ACCESS_EXPORTED, person, asked_by, reason, by, at)
    said = {
        "spec": SPEC,
        "made_at": made.made_at.isoformat(),
        "council": settings.CF_COUNCIL_NAME,
        "contact": settings.CF_CONTACT,
        "about": [record.reference for record in made.subject.records],
        "parts": {each.code: each.as_json() for each in made.parts},
    }
    return json.dumps(said, ensure_ascii=False, indent=2).encode()


@trail.stage
def view_not_on_paper(*, person: Person, reason: str, by: Who, at: datetime) -> list[Part]:
    """What stands on no paper and in no file: to be told to the person themself by whoever knows that it is them."""
    subject = _subject(person, at)
    trail.record(Event.PROTECTED_ADDRESS_OPENED, who=by, at=at, about=subject.person, reason=reason)
    return [
        *held.not_on_paper(subject),
        *sent.parts(subject, on_paper=False),
        looked.not_on_paper(subject),
    ]


def _made(event: Event, person: Person, asked_by: str, reason: str, by: Who, at: datetime) -> Report:
    subject = _subject(person, at)
    found = [*held.parts(subject), *sent.parts(subject), *looked.parts(subject)]
    details = {
        "asked_by": asked_by, "submissions": len({row["submission"] for row in _rows(found, "sent")}),
        "kept_back": subject.withheld,
    }  # fmt: skip
    trail.record(event, who=by, at=at, about=subject.person, reason=reason, details=details)
    return Report(subject, found, at)


def _subject(person: Person, at: datetime) -> Subject:
    return subject_of(person, at.astimezone(LONDON).date())


def _rows(parts: list[Part], code: str) -> list[dict[str, object]]:
    return next(each.rows for each in parts if each.code == code)
