"""Looks to check: what stands out among looks at families, until somebody else has looked into it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts.views.asked import told as refused
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.governance import sifting, tasks, told
from connecting_families.governance.forms import CheckedForm, LookFilter
from connecting_families.governance.models import LookToCheck
from connecting_families.governance.recorded_since import recorded_since
from connecting_families.governance.views import parts
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment, polls

LOOKS = [Column("What"), Column("Who"), Column("About"), Column("First"), Column("Last"), Column("State")]
ENTRIES = [Column("When"), Column("What"), Column("Who, and from where"), Column("About"), Column("Why")]
COLOURS = {LookToCheck.OPEN: "yellow", LookToCheck.TAKEN_UP: "red"}
SHOWN = 100
"""Entries of one look that are listed; the trail has them all."""


@opened_by(Permission.SEE_TRAIL)
def looks_to_check(request: HttpRequest) -> HttpResponse:
    """Those to check, the newest first; narrowed by `?kind=` and `?state=`. While a worker sifts, how far it is."""
    asked = sifting.asked()
    if polls(request):
        return render(request, "governance/sifting.html", _progress(asked)) if asked else HttpResponse(status=204)
    form = LookFilter(request.GET)
    given = form.cleaned_data if form.is_valid() else {"kind": "", "state": ""}
    found = LookToCheck.objects.filter(state=given["state"] or LookToCheck.OPEN).order_by("-last_at", "-id")
    if given["kind"]:
        found = found.filter(kind=given["kind"])
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    with trail.act():
        trail.record(Event.LOOKS_TO_CHECK_VIEWED, who=acting(request), at=timezone.now(), record="page",
                     reference="looks_to_check", details=given)  # fmt: skip
    last = sifting.last_sifted()
    rows = [
        [link(row.get_kind_display(), reverse("look_to_check", args=[row.pk]), f"look {row.pk}"), row.who, _about(row),
         moment(row.first_at), moment(row.last_at), _state(row)]
        for row in page
    ]  # fmt: skip
    context = {
        "title": "Looks to check", "parts": parts("looks_to_check"), "form": form, "page": page,
        "failed": sifting.has_failed(),
        "sifted": f"The trail was gone through last on {moment(last.timestamp)}." if last else
        "The trail was not gone through yet.",
        "table": Table("Looks at families", LOOKS, rows, empty="None is here."),
    }  # fmt: skip
    more = _progress(asked) if asked else {}
    return render(request, "governance/looks_to_check.html", context | more | {"asked": asked is not None})


@require_POST
@opened_by(Permission.SEE_TRAIL)
def sift(request: HttpRequest) -> HttpResponse:
    """Have the workers go through what is new in the trail; pressed twice, once."""
    if sifting.asked() is None:
        sifting.request(by=acting(request), at=timezone.now())
    transaction.on_commit(tasks.sift_what_was_asked.delay, robust=True)
    return redirect("looks_to_check")


def _progress(asked: Entry) -> dict[str, Any]:
    """How far the workers are with what somebody asked for."""
    far = sifting.progress()
    at_it = f"A worker is at question {far.done + 1} of {far.total}." if far else "It waits for a worker."
    label = f"{asked.who} asked for it on {moment(asked.timestamp)}. {at_it} You may leave this page and come back."
    return {"poll_url": reverse("looks_to_check"), "label": label, "done": far.done if far else None,
            "total": far.total if far else None}  # fmt: skip


@opened_by(Permission.SEE_TRAIL)
def look_to_check(request: HttpRequest, number: int) -> HttpResponse:
    """One of them: the entries that are to be explained, and what came of looking into it."""
    row = get_object_or_404(LookToCheck, pk=number)
    form = CheckedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            sifting.look_into(look=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            refused(form, refusal)
            row.refresh_from_db()
        else:
            messages.success(request, "It is kept what came of it.")
            return redirect("looks_to_check")
    if request.method == "GET":
        with trail.act():
            trail.record(Event.LOOK_TO_CHECK_VIEWED, who=acting(request), at=timezone.now(), about=row)
    entries, since = sifting.openings_of(row), recorded_since(row)
    rows = [told.row(entry) for entry in entries[:SHOWN]]
    context: dict[str, Any] = {
        "title": row.get_kind_display(), "caption": f"Look {row.pk}", "back_href": reverse("looks_to_check"),
        "form": form, "reasons": sifting.against_checking(row, acting(request)), "row": row,
        "facts": facts(
            ("Who looked", row.who),
            ("About", _about(row)),
            ("First", moment(row.first_at)),
            ("Last", moment(row.last_at)),
            ("State", _state(row)),
            ("Looked into", f"{moment(row.checked_at)} by {row.checked_by}" if row.checked_at else ""),
            ("What came of it", row.note),
        ),
        "table": Table("What is to be explained", ENTRIES, rows, empty="The entries are gone."),
        "left": max(0, entries.count() - SHOWN),
        "since": Table("What was recorded about them since the first look", ENTRIES, map(told.row, since[:SHOWN]),
                       empty="Nothing was recorded about them since.") if row.reference else None,
        "since_left": max(0, since.count() - SHOWN),
    }  # fmt: skip
    return render(request, "governance/look_to_check.html", context)


def _about(row: LookToCheck) -> str:
    if not row.reference:
        return f"{row.families:,} families within an hour"
    return f"{told.kind(row.record)} {row.reference}"


def _state(row: LookToCheck) -> object:
    return tag(row.get_state_display(), COLOURS.get(row.state, "grey"))
