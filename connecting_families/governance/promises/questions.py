"""Promise 12: a question gets an answer."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from cohorts import queries, reviewing, rights_register
from cohorts.models import NoticeVersion, Objection
from cohorts.rules.answer import Clock, clock
from cohorts.rules.clocks import LONDON
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises.law import relied_upon
from connecting_families.governance.promises.shown import Shown, counted


def check(at: datetime) -> list[Why]:
    """Versions of the notice without a contact, letters without one, and objections that wait beyond their month."""
    reasons = []
    if not settings.CF_CONTACT.strip():
        reasons.append(Why("NO_CONTACT_ON_LETTERS", "Letters name nobody whom people may ask: CF_CONTACT is empty."))
    for row in _versions(at):
        found = reviewing.newest(row)
        if found is None or not found.contact.strip():
            reasons.append(Why("NO_CONTACT", f"Nobody recorded whom people may ask about the notice version {row}."))
    if late := _late(at):
        sentence = f"{counted(late, 'objection waits', 'objections wait')} for an answer for more than a month."
        reasons.append(Why("ANSWER_OVERDUE", sentence))
    if late := rights_register.counts(at).overdue:
        waiting = counted(late, "question or request waits", "questions or requests wait")
        sentence = f"{waiting} beyond the day they are due."
        reasons.append(Why("REQUEST_OVERDUE", sentence))
    return reasons


def _versions(at: datetime) -> list[NoticeVersion]:
    return [row for row in relied_upon(at) if isinstance(row, NoticeVersion)]


def _late(at: datetime) -> int:
    today = at.astimezone(LONDON).date()
    received = queries.undecided_objections(at).values_list("received_at", flat=True)
    return sum(clock(each, today) is Clock.OVERDUE for each in received)


def evidence(at: datetime) -> list[Shown]:
    """Whom people may ask, and what waits for an answer."""
    shown = [
        Shown(f"Contact of {row}", found.contact if (found := reviewing.newest(row)) else "None is recorded",
              reverse("notice_version", args=[row.pk]))
        for row in _versions(at)
    ]  # fmt: skip
    desk, register, asked = reverse("objection_desk"), reverse("requests_desk"), rights_register.counts(at)
    return [
        Shown("Contact on every letter", settings.CF_CONTACT or "None"),
        *shown,
        Shown("Questions and requests that came in", f"{asked.received:,}", register),
        Shown("Answered in time", f"{asked.answered_in_time:,}", register),
        Shown("Answered late", f"{asked.answered_late:,}", register),
        Shown("Waiting for an answer", f"{asked.open:,}, of which {asked.overdue:,} beyond their day", register),
        Shown("Objections that were answered", f"{Objection.objects.exclude(decided_at=None).count():,}", desk),
        Shown("Objections that wait for an answer", f"{queries.undecided_objections(at).count():,}", desk),
        Shown("Of these for more than a month", f"{_late(at):,}", desk),
    ]
