"""Pages on work with a family: what goes on, its beginning and its end."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import engagements as stage
from cohorts.forms.casework import BeginWorkForm, EndWorkForm
from cohorts.models import Engagement, Family
from cohorts.views.asked import told
from cohorts.views.family_pages import day, of_family, parts, today
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting

WORK = [Column("Work"), Column("Began"), Column("Last day"), Column("State"), Column("Action")]
BEFORE_THE_FLAG = "Began before the flag: correct one of the two days, or be ready to say why."


@of_family
def engagements(request: HttpRequest, family: Family) -> HttpResponse:
    """What work goes on with a family, and what ended."""
    rows = [
        [
            Engagement.INTERVENTIONS.get(row.intervention, row.intervention) or "Not named",
            day(row.started_on),
            day(row.ended_on and row.ended_on - timedelta(days=1)),
            _state(family, row),
            _end_link(family, row),
        ]
        for row in family.engagements.order_by("-started_on", "-pk")
    ]
    context = {
        "title": "Work with the family", "caption": f"Family {family.reference}",
        "parts": parts(family, "engagements"),
        "buttons": [("Record that work began", reverse("begin_work", args=[family.reference]))],
        "tables": [Table("Work", WORK, rows, empty="No work with this family was recorded.")],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


def _state(family: Family, row: Engagement) -> object:
    if family.flagged_on is not None and row.started_on < family.flagged_on:
        return BEFORE_THE_FLAG
    ended = row.ended_on is not None and row.ended_on <= today()
    return tag("Ended", "grey") if ended else tag("Goes on", "green")


def _end_link(family: Family, row: Engagement) -> object:
    if stage.against_ending(row):
        return ""
    address = reverse("end_work", args=[family.reference, row.pk])
    return link("End", address, f"the work that began {day(row.started_on)}")


@of_family
def begin_work(request: HttpRequest, family: Family) -> HttpResponse:
    """Record that work began."""
    here = reverse("engagements", args=[family.reference])
    form = BeginWorkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.begin(family=family, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "The work is recorded.")
            return redirect(here)
    context = {
        "title": "Record that work began", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Record the work",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


@of_family
def end_work(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """Record the last day of work."""
    row = get_object_or_404(Engagement, family=family, pk=number)
    here = reverse("engagements", args=[family.reference])
    form = EndWorkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.end(engagement=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "The last day of the work is recorded.")
            return redirect(here)
    work = Engagement.INTERVENTIONS.get(row.intervention, row.intervention) or "Work"
    context = {
        "title": "Record that work ended", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Record the last day", "note": f"{work}, which began on {day(row.started_on)}.",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)
