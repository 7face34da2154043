"""Pages on what families ask about their data: recording it, and what the own team follows.

Information governance answers: here it is seen how far that is, and never whether anybody's details were sent.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households, rights_register
from cohorts import rights as stage
from cohorts.forms.requests import OBJECTION, RequestForm, UnmatchedRequestForm
from cohorts.forms.wishes import FAMILY, NOBODY_FOUND, name_of
from cohorts.models import Erasure, Family, Person, RightsRequest
from cohorts.other_teams import sees_every_team, team_of
from cohorts.rules.answer import Clock
from cohorts.views.asked import told
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import about_these, day, of_family, parts, today
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, listed, moment

REQUESTS = [
    Column("Request"), Column("What"), Column("About"), Column("Received"), Column("Answer by"), Column("State"),
]  # fmt: skip
COLOURS = {Clock.RUNNING: "green", Clock.SOON: "yellow", Clock.TODAY: "orange", Clock.OVERDUE: "red"}
NOTE = (
    "Information governance answers within one calendar month. If somebody objects, record that instead: it stands at"
    " once."
)
TO_OBJECTIONS = "An objection stands from the moment it came. Record it here: nothing was kept of the other form."
RECORDERS = (Permission.SEE_OWN_FAMILIES, Permission.ANSWER_REQUESTS)


@of_family
def family_requests(request: HttpRequest, family: Family) -> HttpResponse:
    """What a family and its people asked."""
    asked = RightsRequest.objects.filter(about_these(family, households.members(family)))
    context = {
        "title": "Questions and requests", "caption": f"Family {family.reference}",
        "parts": parts(family, "family_requests"), "note": NOTE,
        "buttons": [("Record a question or a request", reverse("record_request", args=[family.reference]))],
        "tables": [requests_table("Questions and requests", asked.order_by("-received_at", "-id"), "team_request",
                                  "This family asked nothing yet.")],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


@of_family
def record_request(request: HttpRequest, family: Family) -> HttpResponse:
    """Record what somebody of the family asks, or somebody whom nobody finds."""
    form = RequestForm(request.POST or None, people=households.members(family))
    page = {
        "title": "Record a question or a request", "caption": f"Family {family.reference}",
        "back_href": reverse("family_requests", args=[family.reference]),
    }  # fmt: skip
    return _ask(request, form, page, family)


@opened_by(*RECORDERS)
def record_any_request(request: HttpRequest) -> HttpResponse:
    """Record what somebody asks who is not found on file, or was not looked for."""
    page = {"title": "Record a question or a request", "back_href": reverse("home")}
    return _ask(request, UnmatchedRequestForm(request.POST or None), page, None)


@once(RightsRequest)
def _ask(request: HttpRequest, form: Any, page: dict[str, Any], family: Family | None) -> HttpResponse:
    """The form, the answers to check, and then the act: pressing twice records it once."""
    if kept := kept_already(request, RightsRequest):
        return redirect("request_recorded", kept.pk)
    at = timezone.now()
    page |= {"form": form, "drawn": draw(request, RightsRequest, "R"), "submit": "Continue", "note": NOTE}
    if request.method != "POST" or not form.is_valid() or "change" in request.POST:
        return render(request, "cohorts/form.html", page)
    if form.cleaned_data["kind"] == OBJECTION:
        messages.success(request, TO_OBJECTIONS)
        return redirect("record_objection", family.reference) if family else redirect("record_unmatched")
    asked = _asked(form.cleaned_data, family, acting(request), at)
    try:
        if "confirmed" not in request.POST and asked["received_at"] <= at:
            return render(request, "cohorts/wishes/check.html", page | _check(request, form.cleaned_data, asked))
        done = stage.receive(**asked, reference=reference(request, RightsRequest), by=acting(request), at=at)
    except Refused as refusal:
        told(form, refusal)
        return render(request, "cohorts/form.html", page)
    return redirect("request_recorded", done.pk)


def _asked(given: dict[str, Any], family: Family | None, by: Any, at: datetime) -> dict[str, Any]:
    """What is asked of the stage."""
    chosen = given.get("person", NOBODY_FOUND)
    return {
        "kind": given["kind"],
        "person": chosen if isinstance(chosen, Person) else None,
        "family": family if chosen == FAMILY else None,
        "about": given["about"],
        "asked": given["asked"],
        "made_by": given["made_by"],
        "channel": given["channel"],
        "received_at": given["received_at"] or at,
        "team": family.team if family else team_of(by),
    }


def _check(request: HttpRequest, given: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The answers, and by when it is answered."""
    person, family = asked["person"], asked["family"]
    rows = facts(
        ("What they ask", RightsRequest.KINDS[asked["kind"]]),
        ("About whom", name_of(person) if person else "The whole family" if family else "Somebody not found"),
        ("Who is meant", "" if person or family else asked["about"] or "Nothing is known"),
        ("In their words", asked["asked"] or "Nothing was written"),
        ("Who asks", RightsRequest.MADE_BY.get(asked["made_by"], "Not known")),
        ("How it came", RightsRequest.CHANNELS[asked["channel"]]),
        ("Received", moment(asked["received_at"]) if given["received_at"] else "Now"),
    )
    hidden = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", "drawn", "change", "confirmed")
        for value in values
    ]
    before = "Information governance sees it at once, and answers the person."
    return {"sections": [{"rows": rows}], "hidden": hidden, "before": before, "submit": "Record it"}


@opened_by(*RECORDERS)
def request_recorded(request: HttpRequest, number: int) -> HttpResponse:
    """That it was recorded, and by when it is answered; nothing of what was asked is on this page."""
    row = get_object_or_404(RightsRequest, pk=number)
    context = {
        "title": "It is recorded", "text": f"Its reference is {row.reference}",
        "sentences": [
            "Tell the person this reference, and by when they have an answer.",
            "Until it is answered you need not do anything more. If they ask for something else, record that too.",
        ],
        "due": f"The council answers by {day(rights_register.due(row))}.", "onward": ("Home", reverse("home")),
    }  # fmt: skip
    return render(request, "cohorts/wishes/recorded.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES)
def team_requests(request: HttpRequest) -> HttpResponse:
    """What the own team follows, or every team: the last that came first. No name is on the list."""
    by = acting(request)
    rows = rights_register.of_team(None if sees_every_team(by) else team_of(by)).select_related("person", "family")
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    listed_requests(request, "team_requests", page)
    context = {
        "title": "Questions and requests", "page": page, "back_href": reverse("home"), "note": NOTE,
        "buttons": [("Record a question or a request", reverse("record_any_request"))],
        "table": requests_table("What families asked", page, "team_request", "Nobody asked anything yet."),
    }  # fmt: skip
    return render(request, "cohorts/wishes/requests.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES)
def team_request(request: HttpRequest, number: int) -> HttpResponse:
    """One that the own team follows: what was asked, and what became of it. Opening it is recorded."""
    row = get_object_or_404(RightsRequest.objects.select_related("person", "family"), pk=number)
    by = acting(request)
    if not stage.may_see(row, by):
        _record(request, Event.ACCESS_REFUSED, row, {"reasons": ["OTHER_TEAM"], "page": "team_request"})
        raise PermissionDenied("Another team follows this request. Ask that team, or an Early Help manager.")
    _record(request, Event.REQUEST_VIEWED, row)
    context = {
        "title": row.reference, "caption": "Question or request", "back_href": reverse("team_requests"),
        "facts": described(row),
    }  # fmt: skip
    return render(request, "cohorts/wishes/request.html", context)


def _record(request: HttpRequest, event: Event, row: RightsRequest, details: dict[str, Any] | None = None) -> None:
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=row, details=details)


def requests_table(caption: str, rows: Any, route: str, empty: str) -> Table:
    """Requests, each with its clock, and a link to its page of this name."""
    found = [
        [link(row.reference, reverse(route, args=[row.pk])), row.get_kind_display(), whom_by_reference(row),
         moment(row.received_at), day(rights_register.due(row)) if row.answered_at is None else "", state(row, today())]
        for row in rows
    ]  # fmt: skip
    return Table(caption, REQUESTS, found, empty=empty)


def listed_requests(request: HttpRequest, what: str, rows: Iterable[RightsRequest]) -> None:
    """Record about whom a list of requests told."""
    about = list(rows)
    people = [row.person.reference for row in about if row.person]
    listed(request, what, people=people, families=[row.family.reference for row in about if row.family])


def described(row: RightsRequest) -> list[dict[str, Any]]:
    """What is known of a request, and what became of it."""
    return facts(
        ("What is asked", row.get_kind_display()),
        ("About", whom_by_reference(row)),
        ("Who is meant, as told", row.about),
        ("In their words", row.asked),
        ("Who asks", row.get_made_by_display() or "Not known"),
        ("How it came", row.get_channel_display()),
        ("Received", moment(row.received_at)),
        ("Recorded by", f"{row.entered_by}, {row.team}" if row.team else row.entered_by),
        ("Answer by", day(rights_register.due(row)) if row.answered_at is None else ""),
        ("State", state(row, today())),
        ("Extended by two months, because", row.extension_reason),
        ("Told of that", day(row.extension_told_on)),
        ("Decided", row.get_outcome_display()),
        ("What they were told", row.answer),
        ("By which law", row.legal_reference),
        ("Told", f"{day(row.told_on)}, {row.get_answer_channel_display().lower()}" if row.told_on else ""),
        ("Answered by", row.answered_by),
        ("Closed", f"{moment(row.closed_at)} by {row.closed_by}" if row.closed_at else ""),
    )


def whom_by_reference(row: RightsRequest) -> str:
    """Whom a request is about, without a name."""
    if row.person is not None:
        return f"Person {households.survivor(row.person).reference}"
    if row.family is not None:
        return f"Family {row.family.reference}"
    gone = row.erasures.filter(state=Erasure.DONE).first()
    return f"Person {gone.person_ref}, erased since" if gone else "Nobody found yet"


def state(row: RightsRequest, on: date) -> object:
    """Where a request stands: its clock, or what became of it."""
    if row.answered_at is None:
        stands = rights_register.stands(row, on)
        return tag(stands.value, COLOURS[stands])
    late = "" if rights_register.answered_in_time(row) else ", late"
    return tag(f"Closed{late}" if row.closed_at else f"Answered{late}", "grey")
