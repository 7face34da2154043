"""Erasing a person: what would go and what speaks against it, and the two who stand behind it."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import erasing as subject_of
from cohorts import erasure as stage
from cohorts.forms.requests import EraseForm
from cohorts.forms.wishes import born, name_of
from cohorts.models import Erasure, RightsRequest
from cohorts.views.asked import told
from cohorts.views.family_pages import today
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.governance import erasing
from connecting_families.kit.pieces import tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_words, moment, refused_form
from transfers import erasing as sent

COLOURS = {Erasure.PROPOSED: "yellow", Erasure.DONE: "green", Erasure.TAKEN_BACK: "grey"}


@opened_by(Permission.ERASE_PEOPLE)
def propose_erasure(request: HttpRequest, number: int) -> HttpResponse:
    """Propose to erase the person whom a request is about: who that is stands on the page, and what speaks against."""
    row = get_object_or_404(RightsRequest.objects.select_related("person"), pk=number)
    against = [*stage.against_proposing(row, today()), *erasing.against_sent(row.person)]
    form = EraseForm(request.POST or None)
    if request.method == "GET":
        with trail.act():
            trail.record(Event.ERASURE_VIEWED, who=acting(request), at=timezone.now(), about=row)
    elif form.is_valid():
        try:
            made = erasing.propose(request=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "It is proposed. Nothing is erased before a second person confirms it.")
            return redirect("erasure", made.pk)
    who = subject_of.subject(row.person) if row.person else None
    context: dict[str, Any] = {
        "title": "Erase a person", "caption": row.reference, "form": form, "reasons": against,
        "who": facts(*((each.reference, f"{name_of(each)}, {born(each)}") for each in who.records)) if who else [],
        "remains": sent.kept_sealed(who.keys) if who else [], "submit": "Propose it",
        "back_href": reverse("rights_request", args=[row.pk]),
    }  # fmt: skip
    return render(request, "governance/erase.html", context)


@opened_by(Permission.ERASE_PEOPLE)
def erasure(request: HttpRequest, number: int) -> HttpResponse:
    """One erasure: who proposed it and why, what speaks against confirming it, and what went. Opening is recorded."""
    row = _row(number)
    with trail.act():
        trail.record(Event.ERASURE_VIEWED, who=acting(request), at=timezone.now(), about=row)
    return _page(request, row)


def _page(request: HttpRequest, row: Erasure, refused: Refused | None = None) -> HttpResponse:
    by = acting(request)
    who = subject_of.subject(row.person) if row.person else None
    against = stage.against_confirming(row, by, today())
    if who and row.state == Erasure.PROPOSED:
        against = [*against, *erasing.against_sent(row.person)]
    context: dict[str, Any] = {
        "title": f"Erasure {row.pk}", "caption": f"Request {row.request.reference}", "row": row,
        "back_href": reverse("rights_request", args=[row.request_id]), "against": against,
        "open": row.state == Erasure.PROPOSED,
        "who": facts(*((each.reference, f"{name_of(each)}, {born(each)}") for each in who.records)) if who else [],
        "facts": facts(
            ("State", tag(row.get_state_display(), COLOURS[row.state])),
            ("Records", ", ".join(row.records)),
            ("Why", row.reason),
            ("Proposed", f"{moment(row.proposed_at)} by {row.proposed_by}"),
            ("Decided", f"{moment(row.decided_at)} by {row.decided_by}" if row.decided_at else ""),
            ("What went", ", ".join(f"{in_words(kind)}: {number}" for kind, number in row.counts.items() if number)),
            ("Sealed copies that are kept until they are destroyed", ", ".join(row.remains)),
        ),
    }  # fmt: skip
    if refused:
        context["form"] = refused_form(refused.reasons)
    return render(request, "governance/erasure.html", context)


@require_POST
@opened_by(Permission.ERASE_PEOPLE)
@reauthentication_required  # type: ignore[untyped-decorator]
def confirm_erasure(request: HttpRequest, number: int) -> HttpResponse:
    """Erase the person, as somebody else proposed."""
    row = _row(number)
    try:
        erasing.confirm(erasure_=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, row, refused=refusal)
    messages.success(request, "The person is erased. Tell them, and record the answer.")
    return redirect("erasure", row.pk)


@require_POST
@opened_by(Permission.ERASE_PEOPLE)
def take_back_erasure(request: HttpRequest, number: int) -> HttpResponse:
    """Nothing is erased after all."""
    row = _row(number)
    try:
        stage.take_back(erasure=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, row, refused=refusal)
    messages.success(request, "The proposal is taken back. Nothing was erased.")
    return redirect("rights_request", row.request_id)


def _row(number: int) -> Erasure:
    return get_object_or_404(Erasure.objects.select_related("request", "person"), pk=number)
