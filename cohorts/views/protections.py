"""Pages on protection marks: who of a family is protected, setting a mark, and ending it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households
from cohorts import people as stage
from cohorts.forms.wishes import EndProtectionForm, ProtectionForm
from cohorts.models import Family, Protection
from cohorts.rules.clocks import stands
from cohorts.views.family_pages import of_family, parts, records_of, today, whom
from cohorts.views.register_pages import span
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission, roles_permitting

MARKS = [Column("Who"), Column("Why"), Column("Since"), Column("State"), Column("Action")]
WHAT_IT_DOES = (
    "While a mark stands, nothing about the person is sent to anybody, and their address is on no letter. Whoever works"
    " with the family sets one at once."
)


@of_family
def protections(request: HttpRequest, family: Family) -> HttpResponse:
    """Who of a family is protected, and was."""
    marks = Protection.objects.filter(person__in=records_of(households.members(family))).select_related("person")
    may_end = _may_end(request)
    rows = [
        [
            whom(mark),
            mark.get_kind_display(),
            span(mark.from_on, mark.to_on),
            tag("Stands", "green") if stands(mark.from_on, mark.to_on, today()) else tag("Ended", "grey"),
            _end_link(family, mark) if may_end else "",
        ]
        for mark in marks.order_by("-from_on", "-id")
    ]
    ends = f"Only {' or '.join(roles_permitting(Permission.END_PROTECTION))} ends one."
    context = {
        "title": "Protection", "caption": f"Family {family.reference}", "parts": parts(family, "protections"),
        "buttons": [("Set a protection mark", reverse("protect", args=[family.reference]))],
        "note": f"{WHAT_IT_DOES} {ends}",
        "tables": [Table("Protection marks", MARKS, rows, empty="Nobody of this family is marked as protected.")],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


def _may_end(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.may(Permission.END_PROTECTION)


def _end_link(family: Family, mark: Protection) -> object:
    if mark.to_on is not None:
        return ""
    return link("End", reverse("end_protection", args=[family.reference, mark.pk]), f"the mark for {whom(mark)}")


@of_family
def protect(request: HttpRequest, family: Family) -> HttpResponse:
    """Set a mark."""
    here = reverse("protections", args=[family.reference])
    form = ProtectionForm(request.POST or None, people=households.members(family), initial={"from_on": today()})
    if request.method == "POST" and form.is_valid():
        try:
            stage.protect(**form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("from_on" if reason.code == "FROM_LATER" else None, reason.sentence)
        else:
            messages.success(request, "The mark is set: nothing about this person is sent while it stands.")
            return redirect(here)
    context = {
        "title": "Set a protection mark", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Set the mark", "note": WHAT_IT_DOES,
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


@lambda view: of_family(view, Permission.END_PROTECTION)
def end_protection(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """End a mark, for a reason."""
    marks = Protection.objects.filter(person__in=records_of(households.members(family)))
    mark = get_object_or_404(marks.select_related("person"), pk=number)
    here = reverse("protections", args=[family.reference])
    form = EndProtectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.end_protection(mark=mark, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, "The last day of the mark is set.")
            return redirect(here)
    context = {
        "title": "End a protection mark", "caption": f"{whom(mark)}, {mark.get_kind_display().lower()}", "form": form,
        "back_href": here, "submit": "End the mark",
        "note": "After its last day the person's details can be sent, and their address stands on letters again.",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)
