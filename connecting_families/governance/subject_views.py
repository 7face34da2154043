"""Subject access: find the person, say why, and print or download all that is held and was sent about them.

A name that was typed stands in no address: it stays in the session of whoever typed it, as the reason does, under a
key that is drawn for it. What could tell where somebody is protected is on none of these pages but one, which asks
for a reason of its own and is not kept by the browser.
"""

import secrets
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from cohorts import households, search
from cohorts.forms.wishes import name_of
from cohorts.models import Person, RightsRequest
from cohorts.views.family_pages import day
from connecting_families.governance.forms import NotOnPaperForm, SubjectForm, WhomForm
from connecting_families.governance.subject.parts import Part
from connecting_families.governance.subject.report import ASKED_BY, Report, export, view, view_not_on_paper
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link
from connecting_families.staff import limits
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment

ASKED = "subjects"
KEPT = 20
"""So many of the last questions of a session are kept."""
FOUND = [Column("Person"), Column("Reference"), Column("Born"), Column("Families")]
MANY = 300
"""Rows of one part that a page shows; the file holds all."""
WIDE = 6
"""A part of more columns is shown row by row: it would not fit on paper."""


@opened_by(Permission.ANSWER_SUBJECTS)
def find_subject(request: HttpRequest) -> HttpResponse:
    """Whom it is about, as somebody heard of them."""
    form = WhomForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("subjects_found", _keep(request, form.cleaned_data["terms"]))
    return render(request, "governance/subject/find.html", {"title": "Subject access", "form": form})


@opened_by(Permission.ANSWER_SUBJECTS)
def found_subjects(request: HttpRequest, key: str) -> HttpResponse:
    """Who may be meant, the likeliest first. It is a search, and recorded as one."""
    terms = _kept(request, key, str)
    if terms is None:
        return redirect("subject_access")
    if limits.too_often(request):
        return limits.wait(request)
    results = search.search(asked=search.Asked(terms), by=acting(request), at=timezone.now())
    rows = [
        [link(name_of(each.person), reverse("ask_for_report", args=[each.person.reference])),
         ", ".join((each.person.reference, *(f"{other}, merged" for other in each.merged))),
         day(each.person.date_of_birth) or "Not known", ", ".join(family.reference for family in each.families)]
        for each in results.found
    ]  # fmt: skip
    context = {
        "title": "Who may be meant", "back_href": reverse("subject_access"), "more": results.total - len(rows),
        "table": Table("People who fit, the likeliest first", FOUND, rows, empty="Nobody on file fits."),
    }  # fmt: skip
    return render(request, "governance/subject/found.html", context)


@opened_by(Permission.ANSWER_SUBJECTS)
def ask_for_report(request: HttpRequest, person: str) -> HttpResponse:
    """Who asked for a report, and why it is made: before anything of it is shown."""
    row = _person(person)
    led_from = _request_about(row, request.GET.get("request", ""))
    form = SubjectForm(request.POST or None, initial=_as_asked(led_from) if led_from else {})
    if request.method == "POST" and form.is_valid():
        return redirect("subject_report", _keep(request, [row.reference, *form.cleaned_data.values()]))
    back_href = reverse("rights_request", args=[led_from.pk]) if led_from else reverse("subject_access")
    context = {
        "title": "Make a report", "caption": f"Person {row.reference}", "form": form, "submit": "Make the report",
        "back_href": back_href,
    }  # fmt: skip
    return render(request, "kit/form_page.html", context)


def _request_about(person: Person, number: str) -> RightsRequest | None:
    """The request of this number that asks what is held about this person, or about their family; None for others."""
    asked = RightsRequest.objects.filter(pk=number, kind=RightsRequest.ACCESS) if number.isdecimal() else None
    row = asked.select_related("person", "family").first() if asked is not None else None
    if row is None:
        return None
    about = [households.survivor(row.person)] if row.person else []
    if row.family:
        about = households.members(row.family)
    return row if person in about else None


def _as_asked(row: RightsRequest) -> dict[str, str]:
    """What the form knows of a request: who asked, and how; how they were known is for whoever makes the report."""
    received = day(timezone.localtime(row.received_at).date())
    how = row.get_channel_display()
    return {"asked_by": row.made_by, "reason": f"Request {row.reference}, received on {received} ({how.lower()})."}


@opened_by(Permission.ANSWER_SUBJECTS)
@never_cache
def report(request: HttpRequest, key: str) -> HttpResponse:
    """The report, to read and to print; each opening is an entry, with the reason."""
    asked = _kept(request, key, list)
    if asked is None:
        return redirect("subject_access")
    person, asked_by, reason = asked
    at = timezone.now()
    made = view(person=_person(person), asked_by=asked_by, reason=reason, by=acting(request), at=at)
    return render(request, "governance/subject/report.html", _page(made, key, asked_by))


def _page(made: Report, key: str, asked_by: str) -> dict[str, Any]:
    subject = made.subject
    own = subject.person.reference
    return {
        "title": "All that is held about a person", "caption": f"Person {own}", "report": made,
        "back_href": reverse("ask_for_report", args=[own]), "sender": (settings.CF_COUNCIL_NAME,),
        "date": day(subject.today), "subject": "What we hold about you, and what we sent",
        "contact": settings.CF_CONTACT,
        "file_href": f"{reverse('subject_file')}?report={key}", "not_on_paper": reverse("not_on_paper", args=[own]),
        "for_other": asked_by in ("parent", "representative"),
        "facts": facts(
            ("Who this is about", f"{made.name}. “You” is this person, whoever asked."),
            ("Records", ", ".join(record.reference for record in subject.records)),
            ("Asked for by", ASKED_BY[asked_by]),
            ("Made", moment(made.made_at)),
        ),
        "sections": [_section(each) for each in made.parts],
    }  # fmt: skip


@opened_by(Permission.ANSWER_SUBJECTS)
@reauthentication_required
@never_cache
def report_file(request: HttpRequest) -> HttpResponse:
    """The report (`?report=`, the key of one that was opened in this session) as JSON."""
    asked = _kept(request, request.GET.get("report", ""), list)
    if asked is None:
        return redirect("subject_access")
    person, asked_by, reason = asked
    row = _person(person)
    data = export(person=row, asked_by=asked_by, reason=reason, by=acting(request), at=timezone.now())
    headers = {"Content-Disposition": f'attachment; filename="subject-access-{row.pk}.json"'}
    return HttpResponse(data, content_type="application/json", headers=headers)


@opened_by(Permission.ANSWER_SUBJECTS)
@never_cache
def not_on_paper(request: HttpRequest, person: str) -> HttpResponse:
    """What stands on no paper: shown in the answer to a reason alone, and printed never."""
    row = _person(person)
    form = NotOnPaperForm(request.POST or None)
    context: dict[str, Any] = {
        "title": "What stands on no paper", "caption": f"Person {row.reference}", "form": form,
        "back_href": reverse("subject_access"), "submit": "Show it",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        found = view_not_on_paper(person=row, reason=form.cleaned_data["reason"], by=acting(request), at=timezone.now())
        context |= {"form": None, "sections": [_section(each) for each in found]}
    return render(request, "governance/subject/not_on_paper.html", context)


def _person(reference: str) -> Person:
    return households.survivor(get_object_or_404(Person, reference=reference))


def _section(each: Part) -> dict[str, Any]:
    """A part as the page shows it: a table, or row by row where it has too many columns for paper."""
    shown = each.rows[-MANY:]
    cells = [[_words(row[name], kept=each.code == "copies") for name in each.columns] for row in shown]
    section: dict[str, Any] = {
        "title": each.title, "note": each.note, "empty": each.empty, "left": len(each.rows) - len(shown),
    }  # fmt: skip
    if len(each.columns) > WIDE:
        headings = list(each.columns.values())
        return section | {"rows": [facts(*zip(headings, row, strict=True)) for row in cells]}
    columns = [Column(heading) for heading in each.columns.values()]
    return section | {"table": Table(each.title, columns, cells, empty=each.empty, caption_hidden=True)}


def _words(value: Any, *, kept: bool) -> object:
    """A value as people read it; `kept`: with every space of it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, list):
        return " ".join(value) if any(each.endswith(".") for each in value) else ", ".join(value)
    return exact(value) if kept else str(value)


def _keep(request: HttpRequest, asked: Iterable[Any] | str) -> str:
    """The key under which this session keeps what is asked."""
    key = secrets.token_hex(8)
    kept = dict(list(request.session.get(ASKED, {}).items())[1 - KEPT :])
    request.session[ASKED] = kept | {key: asked}
    return key


def _kept(request: HttpRequest, key: str, kind: type) -> Any:
    """What this session asked under a key; None for what another did, or was asked before others."""
    asked = request.session.get(ASKED, {}).get(key)
    return asked if isinstance(asked, kind) else None
