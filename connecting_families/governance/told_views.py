"""The letter to somebody who objected: what was sent about them before, and honestly what can be undone of it.

Information governance prints it: nobody in Early Help learns who was sent (docs/decisions/0014 and 0038).
"""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households, letters, queries
from cohorts.letters import RECIPIENTS
from cohorts.models import Objection
from cohorts.rules.clocks import LONDON
from cohorts.views.family_pages import day
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from transfers import sent
from transfers.models import Destruction


@opened_by(Permission.DECIDE_OBJECTIONS)
def told(request: HttpRequest, number: int, person: str) -> HttpResponse:
    """The letter to one person whom an objection covers; opening it is recorded, for an address is on it."""
    row = get_object_or_404(Objection.objects.select_related("person", "family"), pk=number)
    at = timezone.now()
    today = at.astimezone(LONDON).date()
    about = next((each for each in households.covered(row, today) if each.reference == person), None)
    if about is None:
        raise Http404
    to = letters.addressed(about, today)
    left = sent.about(households.records_of([about]))
    with trail.act():
        details = {"persons": [about.reference], "by_hand": to.by_hand, "submissions": len(left)}
        trail.record(Event.WITHDRAWAL_LETTER_VIEWED, who=acting(request), at=at, about=row, details=details)
    context = {
        "title": "Letter to print", "caption": f"Person {about.reference}", "letter": to, "to": to.to,
        "back_href": reverse("objection", args=[row.pk]), "date": day(today),
        "subject": "An objection about a child" if to.for_carer else "Your objection",
        "sender": (settings.CF_COUNCIL_NAME, "Information governance"),
        "received": day(row.received_at.astimezone(LONDON).date()), "some": bool(row.datasets),
        "stands": queries.standing_objections(at).filter(pk=row.pk).exists(),
        "destroyed": Destruction.objects.exclude(done_at=None).exists(),
        "sent": [_said(each) for each in reversed(left)],
    }  # fmt: skip
    return render(request, "governance/told.html", context)


def _said(each: sent.Sent) -> dict[str, Any]:
    """One time that details were sent, in the words of the letter."""
    out = each.withdrawn
    return {
        "on": _on(each.arrived or each.attempted_at), "sure": each.arrived is not None,
        "to": " and ".join(RECIPIENTS.get(code, code) for code in each.recipients),
        "told": _on(out.sent_at) if out and out.sent_at else "",
        "done": _on(out.acknowledged_at) if out and out.acknowledged_at else "",
    }  # fmt: skip


def _on(at: Any) -> str:
    return day(at.astimezone(LONDON).date())
