"""Pages of a person in a family: their details, and changing them. Where they live has pages of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from cohorts import details, families, households
from cohorts.forms.people import MISSING, ChangeForm
from cohorts.forms.wishes import name_of
from cohorts.models import Family, Membership, Person
from cohorts.rules.clocks import stands
from cohorts.views.asked import ask_to_change
from cohorts.views.family_pages import day, of_family, parts, records_of, today
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import acting
from connecting_families.staff.views import facts

LINKS = {
    "change_person": "Change these details",
    "addresses": "Where they live",
    "memberships": "What they are in the family",
}
"""Where a person's page leads to, by the names of the addresses."""
MEMBERSHIPS = [Column("In the family as"), Column("From"), Column("Until"), Column("Lives here"),
               Column("Parental responsibility")]  # fmt: skip
NOT_KNOWN = "Not known"


def of_the_family(family: Family, reference: str) -> Person:
    """Somebody who is or was in the family, by the reference of any record. Http404 for everybody else."""
    row = get_object_or_404(Person, reference=reference)
    if households.survivor(row) not in households.members(family):
        raise Http404
    return row


@of_family
def person(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """A person's details, and what looks wrong in them."""
    row = of_the_family(family, person)
    if row.merged_into_id is not None:
        kept = households.survivor(row).reference
        messages.info(request, f"The record {row.reference} was merged into {kept}: this is the page of {kept}.")
        return redirect("person", family.reference, kept)
    given = {name: getattr(row, name) for name in details.FIELDS}
    doubts, records = details.doubts(given, today()), records_of([row])
    context = {
        "title": f"Person {row.reference}", "name": name_of(row), "caption": f"Family {family.reference}",
        "parts": parts(family, ""), "back_href": reverse("family", args=[family.reference]),
        "back_text": f"Family {family.reference}", "doubts": doubts,
        "facts": facts(*described(given), ("Also recorded as", _merged(row, records))),
        "links": [(text, reverse(name, args=[family.reference, row.reference])) for name, text in LINKS.items()],
        "memberships": _memberships(family, records),
    }  # fmt: skip
    return render(request, "cohorts/people/person.html", context)


def _merged(row: Person, records: Sequence[int]) -> str:
    """The records that count as this one."""
    others = [key for key in records if key != row.pk]
    merged = Person.objects.filter(pk__in=others).order_by("reference")
    return ", ".join(f"{each.reference}, merged" for each in merged)


def described(given: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Details of a person in words, for a summary list."""
    why = given.get("dob_missing_reason", "")
    born = day(given["date_of_birth"]) or (f"{NOT_KNOWN}: {MISSING.get(why, why).lower()}" if why else NOT_KNOWN)
    died = day(given.get("date_of_death"))
    names = [
        ("Given name", given["given_name"] or NOT_KNOWN),
        ("Middle names", given["middle_names"]),
        ("Family name", given["family_name"] or NOT_KNOWN),
        ("Previous family names", given["previous_family_names"]),
    ]
    return [
        *((key, format_html("<bdi>{}</bdi>", value) if value else "") for key, value in names),
        ("Date of birth", born),
        ("Sex", Person.SEXES.get(given["sex"], "Not asked")),
        ("Date of death", died),
        ("NHS number", given["nhs_number"]),
        ("National Insurance number", given["nino"]),
        ("Unique pupil number", given["upn"]),
        ("Unique learner number", given["uln"]),
        ("At 16 to 18", Person.IN_EDUCATION.get(given["in_education"], "")),
    ]


def _memberships(family: Family, records: Sequence[int]) -> Table:
    found = Membership.objects.filter(family=family, person__in=records).order_by("-joined_on", "-id")
    rows = [
        [
            it.get_relationship_display() or NOT_KNOWN,
            day(it.joined_on),
            day(it.left_on) or ("Today" if stands(it.joined_on, it.left_on, today()) else ""),
            "Yes" if it.lives_in_household else "No",
            "Yes" if it.parental_responsibility else "No",
        ]
        for it in found
    ]
    return Table("In this family", MEMBERSHIPS, rows)


@of_family
def change_person(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """Change a person's details."""
    row = of_the_family(family, person)
    initial = {name: getattr(row, name) for name in details.FIELDS}
    form = ChangeForm(request.POST or None, row=row, initial=initial)
    to = reverse("person", args=[family.reference, row.reference])

    def act(wanted: Mapping[str, Any], seen: Mapping[str, str]) -> object:
        return families.change_person(person=row, wanted=wanted, seen=seen, by=acting(request), at=timezone.now())

    page = {
        "title": "Change a person's details", "caption": f"Person {row.reference}", "back_href": to,
        "submit": "Save the details",
    }  # fmt: skip
    return ask_to_change(request, form, row, act, done="The details are saved.", to=to, page=page)
