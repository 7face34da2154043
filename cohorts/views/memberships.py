"""Pages on what somebody is in a family: as what they belong to it, since when, and that they leave."""

from collections.abc import Mapping
from datetime import timedelta
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
from cohorts.seen import in_words
from cohorts.views.asked import ask_to_change, told
from cohorts.views.family_pages import day, of_family, parts
from cohorts.views.homes import somebody_of
from connecting_families.audit.refusals import Refused
from connecting_families.staff.guards import acting


@of_family
def memberships(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """As what somebody belongs to this family, and belonged."""
    whom = somebody_of(family, person)
    rows = _of(family, whom).order_by("-joined_on", "-pk")
    context = {
        "title": "In the family", "caption": _caption(family, whom), "parts": parts(family, "family"),
        "back_href": reverse("family", args=[family.reference]),
        "cards": [_card(family, whom, row) for row in rows],
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
    return Membership.objects.filter(family=family, person__in=households.records_of([person]))


def _caption(family: Family, person: Person) -> str:
    return f"{name_of(person)}, {person.reference}, family {family.reference}"


def _card(family: Family, person: Person, row: Membership) -> dict[str, Any]:
    """One time in the family: what is known of it, and what can be done."""

    def action(name: str, text: str, hidden: str) -> list[dict[str, str]]:
        page = reverse(name, args=[family.reference, person.reference, row.pk])
        return [{"text": text, "href": page, "hidden": hidden}]

    last = {"key": "Last day in the family", "value": "No day recorded",
            "actions": action("leave_family", "Record", "that they left")}  # fmt: skip
    if row.left_on is not None:
        last = {"key": "Last day in the family", "value": day(row.left_on - timedelta(days=1))}
    as_what = row.get_relationship_display() or "Not known"
    return {
        "title": f"From {day(row.joined_on)}",
        "rows": [
            {"key": "In the family as", "value": as_what, "actions": action("change_membership", "Change", "this")},
            {"key": "Lives in the household", "value": in_words(row, "lives_in_household")},
            {"key": "Parental responsibility", "value": in_words(row, "parental_responsibility")},
            {"key": "First day in the family", "value": day(row.joined_on)},
            last,
        ],
    }
