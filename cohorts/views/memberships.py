"""Pages on what somebody is in a family: as what they belong to it, since when, and that they leave."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import homes as stage
from cohorts import households
from cohorts.forms.homes import LeaveForm, MembershipForm
from cohorts.forms.wishes import name_of
from cohorts.models import Family, Membership, Person
from cohorts.views.asked import ask_to_change, told
from cohorts.views.family_pages import of_family, parts
from cohorts.views.homes import somebody_of
from cohorts.views.register_pages import span
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting

COLUMNS = [Column("In the family as"), Column("When"), Column("Lives in the household"),
           Column("Parental responsibility"), Column("Action"), Column("Leaving")]  # fmt: skip


@of_family
def memberships(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """As what somebody belongs to this family, and belonged."""
    whom = somebody_of(family, person)
    rows = [
        [
            row.get_relationship_display() or "Not known",
            span(row.joined_on, row.left_on),
            "Yes" if row.lives_in_household else "No",
            "Yes" if row.parental_responsibility else "No",
            _link(family, whom, row, "change_membership", "Change"),
            _link(family, whom, row, "leave_family", "Record that they left") if row.left_on is None else "",
        ]
        for row in _of(family, whom).order_by("-joined_on", "-pk")
    ]
    context = {
        "title": "In the family", "caption": _caption(family, whom), "parts": parts(family, "family"),
        "back_href": reverse("family", args=[family.reference]),
        "table": Table("Times in this family, the newest first", COLUMNS, rows),
    }  # fmt: skip
    return render(request, "cohorts/memberships.html", context)


@of_family
def change_membership(request: HttpRequest, family: Family, person: str, number: int) -> HttpResponse:
    """Change what somebody is in this family."""
    whom = somebody_of(family, person)
    row = get_object_or_404(_of(family, whom), pk=number)
    here = reverse("memberships", args=[family.reference, whom.reference])
    names = [name for name in MembershipForm.base_fields if name != "left_on" or row.left_on is not None]
    initial = {name: getattr(row, name) for name in names}
    form = MembershipForm(request.POST or None, initial=initial, membership=row)

    def act(wanted: Mapping[str, Any], seen: Mapping[str, str]) -> object:
        fields = {name: wanted[name] for name in names}
        return stage.change_membership(membership=row, wanted=fields, seen=seen, by=acting(request), at=timezone.now())

    page = {"title": "Change what they are in the family", "caption": _caption(family, whom), "back_href": here}
    return ask_to_change(request, form, row, act, done="The change is saved.", to=here, page=page)


@of_family
def leave_family(request: HttpRequest, family: Family, person: str, number: int) -> HttpResponse:
    """Record that somebody leaves this family."""
    whom = somebody_of(family, person)
    row = get_object_or_404(_of(family, whom), pk=number)
    here = reverse("memberships", args=[family.reference, whom.reference])
    form = LeaveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.leave(membership=row, last_day=form.cleaned_data["last_day"], by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "The last day in the family is recorded.")
            return redirect(here)
    context = {
        "title": "Record that they left", "caption": _caption(family, whom), "form": form, "back_href": here,
        "submit": "Record the last day",
        "note": "They stay on file, and so does everything that was recorded of them. Where they live does not change:"
        " if they moved as well, record that too.",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


def _of(family: Family, person: Person) -> Any:
    """The memberships of a person in a family; those of a record that was merged into it count as its own."""
    return Membership.objects.filter(family=family, person__in=households.records(person))


def _caption(family: Family, person: Person) -> str:
    return f"{name_of(person)}, {person.reference}, family {family.reference}"


def _link(family: Family, person: Person, row: Membership, name: str, text: str) -> object:
    return link(
        text, reverse(name, args=[family.reference, person.reference, row.pk]), f"({span(row.joined_on, row.left_on)})"
    )
