"""Pages on objections: what a family objects to, recording an objection, what it does, and lifting it.

Nothing here says whether anybody's details were ever sent: information governance is told that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households
from cohorts import objections as stage
from cohorts.forms.wishes import FAMILY, NOBODY_FOUND, SOME, LiftForm, ObjectionForm, UnmatchedForm, name_of
from cohorts.models import Family, Objection, Person
from cohorts.rules.answer import answer_due
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import about_these, datasets_in_words, day, objection_tag, of_family, parts, whom
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment

OBJECTIONS = [Column("For"), Column("To"), Column("Received"), Column("Who objects"), Column("State"), Column("Action")]
STANDS = "It stands from the moment it was received, whatever else is not known of it."
SENT = (
    "Nothing is sent from now on. If anything was sent before, it cannot simply be called back: information governance"
    " looks at that, and asks whoever has it to take it out. This page says nothing about whether there was anything."
)
LIFTED = "From now on these details can be sent again, if nothing else speaks against it. It changes nothing before."


@of_family
def objections(request: HttpRequest, family: Family) -> HttpResponse:
    """What a family and its people object to."""
    received = Objection.objects.filter(about_these(family, households.members(family))).select_related("person")
    rows = [
        [
            whom(row),
            datasets_in_words(row.datasets),
            moment(row.received_at),
            row.get_made_by_display() or "Not known",
            objection_tag(row),
            _lift_link(family, row),
        ]
        for row in received.order_by("-received_at", "-id")
    ]
    context = {
        "title": "Objections", "caption": f"Family {family.reference}", "parts": parts(family, "objections"),
        "buttons": [("Record an objection", reverse("record_objection", args=[family.reference]))],
        "tables": [Table("Objections", OBJECTIONS, rows, empty="Nobody of this family objects.")],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


def _lift_link(family: Family, row: Objection) -> object:
    if stage.against_lifting(row):
        return ""
    return link("Lift", reverse("lift_objection", args=[family.reference, row.pk]), f"the objection {row.reference}")


@of_family
def record_objection(request: HttpRequest, family: Family) -> HttpResponse:
    """Record an objection for somebody of the family, for all of it, or for somebody whom nobody finds."""
    people = households.members(family)
    form = ObjectionForm(request.POST or None, people=people)
    page = {
        "title": "Record an objection", "caption": f"Family {family.reference}",
        "back_href": reverse("objections", args=[family.reference]),
    }  # fmt: skip
    return _ask(request, form, page, family)


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.DECIDE_OBJECTIONS)
def record_unmatched(request: HttpRequest) -> HttpResponse:
    """Record an objection of somebody who is not found on file."""
    page = {"title": "Record an objection of somebody not found", "back_href": reverse("home")}
    return _ask(request, UnmatchedForm(request.POST or None), page, None)


@once(Objection)
def _ask(request: HttpRequest, form: Any, page: dict[str, Any], family: Family | None) -> HttpResponse:
    """The form, the answers to check, and then the act: pressing twice records it once."""
    kept = kept_already(request, Objection)
    if kept:
        return redirect(_recorded(family, kept))
    at = timezone.now()
    answered = request.method == "POST" and form.is_valid() and _in_time(form, at)
    page |= {"form": form, "drawn": draw(request, Objection, "O")}
    if not answered or "change" in request.POST:
        return render(request, "cohorts/form.html", page | {"submit": "Continue", "note": STANDS})
    asked = _asked(form.cleaned_data, family, at)
    if "confirmed" not in request.POST:
        return render(request, "cohorts/wishes/check.html", page | _check(request, form.cleaned_data, asked))
    try:
        done = stage.receive(**asked, reference=reference(request, Objection), by=acting(request), at=at)
    except Refused as refusal:
        for reason in refusal.reasons:
            form.add_error(None, reason.sentence)
        return render(request, "cohorts/form.html", page | {"submit": "Continue", "note": STANDS})
    return redirect(_recorded(family, done))


def _in_time(form: Any, at: datetime) -> bool:
    received = form.cleaned_data["received_at"]
    if received is not None and received > at:
        form.add_error("received_at", "The objection must have come by now: enter when it came, or nothing for now")
        return False
    return True


def _asked(given: dict[str, Any], family: Family | None, at: datetime) -> dict[str, Any]:
    """What is asked of the stage."""
    chosen = given.get("person", NOBODY_FOUND)
    return {
        "person": chosen if isinstance(chosen, Person) else None,
        "family": family if chosen == FAMILY else None,
        "about": given["about"],
        "made_by": given["made_by"],
        "channel": given["channel"],
        "datasets": given["datasets"],
        "received_at": given["received_at"] or at,
    }


def _check(request: HttpRequest, given: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The answers, and what will happen."""
    person, family = asked["person"], asked["family"]
    datasets = datasets_in_words(asked["datasets"])
    if given["covers"] == SOME and not asked["datasets"]:
        datasets = "All datasets, since none was ticked"
    rows = facts(
        ("For whom", name_of(person) if person else "The whole family" if family else "Somebody not found"),
        ("Who is meant", "" if person or family else asked["about"] or "Nothing is known"),
        ("Who objects", Objection.MADE_BY.get(asked["made_by"], "Not known")),
        ("How it came", Objection.CHANNELS.get(asked["channel"], "Not known")),
        ("To what", datasets),
        ("Received", moment(asked["received_at"]) if given["received_at"] else "Now"),
    )
    hidden = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", "drawn", "change", "confirmed")
        for value in values
    ]
    before = " ".join(effect(person=person is not None, family=family is not None, datasets=asked["datasets"]))
    return {"sections": [{"rows": rows}], "hidden": hidden, "before": before, "submit": "Record the objection"}


def effect(*, person: bool, family: bool, datasets: Sequence[str]) -> list[str]:
    """What an objection does, in sentences."""
    if person:
        whose = "This person's details"
    elif family:
        whose = "The details of everyone in this family, adults included,"
    else:
        whose = "Until it is known whom it is about, nobody's details"
    if not person and not family:
        return [f"{whose} are sent at all: information governance looks for the person first."]
    if not datasets:
        return [f"{whose} are not sent to anybody, until the objection is lifted or refused."]
    named = ", ".join(datasets)
    return [
        f"{whose} are not matched with {named}, until the objection is lifted or refused.",
        "They may be sent for the other datasets; where a recipient cannot leave a dataset out, they are not sent.",
    ]


def _recorded(family: Family | None, row: Objection) -> str:
    if family is None or (row.person_id is None and row.family_id is None):
        return reverse("unmatched_recorded", args=[row.pk])
    return reverse("objection_recorded", args=[family.reference, row.pk])


@of_family
def objection_recorded(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """What was recorded, and what it does."""
    mine = Objection.objects.filter(about_these(family, households.members(family)))
    row = get_object_or_404(mine, pk=number)
    return _confirmation(request, row, reverse("objections", args=[family.reference]), "Objections of this family")


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.DECIDE_OBJECTIONS)
def unmatched_recorded(request: HttpRequest, number: int) -> HttpResponse:
    """The same, of an objection that names nobody on file; nothing of whom it is about is on this page."""
    row = get_object_or_404(Objection, pk=number, person=None, family=None)
    return _confirmation(request, row, reverse("home"), "Home")


def _confirmation(request: HttpRequest, row: Objection, href: str, text: str) -> HttpResponse:
    sentences = effect(person=row.person_id is not None, family=row.family_id is not None, datasets=row.datasets)
    context = {
        "title": "The objection is recorded", "text": f"Its reference is {row.reference}",
        "sentences": [STANDS, *sentences, SENT], "onward": (text, href),
        "due": f"The council answers by {day(answer_due(row.received_at))}.",
    }  # fmt: skip
    return render(request, "cohorts/wishes/recorded.html", context)


@of_family
def lift_objection(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """Record that somebody asked to lift an objection."""
    mine = Objection.objects.filter(about_these(family, households.members(family)))
    row = get_object_or_404(mine.select_related("person"), pk=number)
    here = reverse("objections", args=[family.reference])
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        given = form.cleaned_data | {"lifted_at": form.cleaned_data["lifted_at"] or at}
        try:
            stage.lift(objection=row, **given, by=acting(request), at=at)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("lifted_at" if reason.code.startswith("LIFTED_") else None, reason.sentence)
        else:
            messages.success(request, f"The objection is lifted. {LIFTED}")
            return redirect(here)
    context = {
        "title": "Lift an objection", "caption": f"{whom(row)}, {row.reference}", "form": form, "back_href": here,
        "submit": "Lift the objection", "note": LIFTED,
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)
