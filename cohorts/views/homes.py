"""Pages on where a person lives: the addresses, a move, and mending one.

A protected address stands on no page until somebody said why they need it; then in that one answer alone.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from cohorts import homes as stage
from cohorts import households
from cohorts.forms.homes import AddressForm, MoveForm, ReasonForm, in_one_line
from cohorts.forms.wishes import name_of
from cohorts.models import Address, Family, Person
from cohorts.views.asked import ask_to_change, told
from cohorts.views.family_pages import day, is_own, of_family, parts, refuse, today
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.pieces import tag
from connecting_families.staff.guards import acting

OPENED, OPEN_FOR = "protected_addresses", timedelta(hours=1)
"""Whose protected addresses were opened in a session, each with the moment when their forms close again."""
CLOSED = "Nothing was saved: the hour is over in which you could mend this address. Say again why you need to see it."


@of_family
@never_cache
def addresses(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """Where somebody lives and lived; for a protected address, only after a reason."""
    whom = somebody_of(family, person)
    form, shown = None, not withheld(whom)
    if not shown:
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and not is_own(request, family):
            refuse(request, family, "addresses")
        if request.method == "POST" and form.is_valid():
            _open_with_reason(request, whom, form.cleaned_data["reason"])
            form, shown = None, True
    elif request.method == "POST":
        # The protection ended meanwhile: there is nothing to ask for.
        return redirect("addresses", family.reference, whom.reference)
    context = _page(family, whom) | {
        "title": "Where they live",
        "back_href": reverse("family", args=[family.reference]),
        "parts": parts(family, "family"),
        "protected": withheld(whom),
        "shown": shown,
        "may_ask": is_own(request, family),
        "form": form,
        "move": reverse("record_move", args=[family.reference, whom.reference]),
        "cards": list(_cards(family, whom, shown=shown, may_mend=shown or _is_open(request, whom))),
    }
    return render(request, "cohorts/addresses.html", context)


@of_family
@never_cache
def record_move(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """Record a move. The address that it ends is not shown: for somebody protected no reason is needed."""
    whom = somebody_of(family, person)
    here = reverse("addresses", args=[family.reference, whom.reference])
    form = MoveForm(request.POST or None, homes={} if withheld(whom) else _homes(family, whom))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            stage.move(
                person=whom,
                from_on=given["from_on"],
                lines=[given[line] for line in stage.LINES],
                postcode=given["postcode"],
                uprn=given["uprn"],
                postcode_is_right=given.get("postcode_is_right", False),
                by=acting(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "The move is recorded.")
            return redirect(here)
    context = {"title": "Record a move", "form": form, "back_href": here, "submit": "Record the move"}
    if withheld(whom):
        context["note"] = "This person's address is protected. What is on file is not shown here."
    return render(request, "cohorts/form.html", _page(family, whom) | context)


@of_family
@never_cache
def change_address(request: HttpRequest, family: Family, person: str, number: int) -> HttpResponse:
    """Mend an address; a protected one within the hour after the reason was given."""
    whom = somebody_of(family, person)
    row = get_object_or_404(Address, pk=number, person=whom)
    here = reverse("addresses", args=[family.reference, whom.reference])
    if withheld(whom) and not (_is_open(request, whom) and is_own(request, family)):
        if request.method == "POST":
            messages.error(request, CLOSED)
        return redirect(here)
    initial = {name: getattr(row, name) for name in AddressForm.base_fields}
    form = AddressForm(request.POST or None, initial=initial)

    def act(wanted: Mapping[str, Any], seen: Mapping[str, str]) -> object:
        fields = {name: wanted[name] for name in initial}
        right = wanted.get("postcode_is_right", False)
        return stage.change_address(
            address=row, wanted=fields, seen=seen, postcode_is_right=right, by=acting(request), at=timezone.now()
        )

    page = _page(family, whom) | {"title": "Mend an address", "back_href": here, "submit": "Save the address"}
    page["note"] = "Mend here what is wrong. If the person moved, record a move instead."
    return ask_to_change(request, form, row, act, done="The address is saved.", to=here, page=page)


def somebody_of(family: Family, reference: str) -> Person:
    """Who is or was a member of this family under this reference; nobody else's pages open here."""
    found = next((it for it in households.members(family) if it.reference == reference), None)
    if found is None:
        raise Http404
    return found


def withheld(person: Person) -> bool:
    """Whether any address that a person ever had is one to keep from view."""
    return households.address_withheld(person, today(), ever=True)


def _page(family: Family, person: Person) -> dict[str, Any]:
    return {"caption": f"{name_of(person)}, {person.reference}, family {family.reference}"}


def _cards(family: Family, person: Person, *, shown: bool, may_mend: bool) -> Iterator[dict[str, Any]]:
    """Each address, the newest first; of one that is not shown, since when and until when."""
    for home in person.addresses.order_by("-from_on", "-pk"):
        page = reverse("change_address", args=[family.reference, person.reference, home.pk])
        mend = [{"text": "Mend", "href": page, "hidden": "this address"}] if may_mend else []
        yield {
            "title": f"From {day(home.from_on)}",
            "rows": [
                {"key": "Address", "value": in_one_line(home) if shown else tag("Protected", "red"), "actions": mend},
                {"key": "Moved in", "value": day(home.from_on)},
                {"key": "Moved out", "value": day(home.to_on) or "No day recorded"},
            ],
        }


def _homes(family: Family, person: Person) -> dict[Person, Address]:
    """Where the others of the family live today, as far as that may be shown and copied."""
    others = [it for it in households.members(family, today()) if it != person and not withheld(it)]
    found = {it: households.address_on(it, today()) for it in others}
    return {it: home for it, home in found.items() if home is not None}


def _is_open(request: HttpRequest, person: Person) -> bool:
    """Whether this person's protected addresses were opened with a reason, in this session and not long ago."""
    until: float = request.session.get(OPENED, {}).get(person.reference, 0)
    return timezone.now().timestamp() < until


def _open_with_reason(request: HttpRequest, person: Person, reason: str) -> None:
    """Record why a protected address is shown, and open its forms for an hour of this session."""
    at = timezone.now()
    with trail.act():
        trail.record(Event.PROTECTED_ADDRESS_OPENED, who=acting(request), at=at, about=person, reason=reason)
        known = request.session.get(OPENED, {})
        request.session[OPENED] = known | {person.reference: (at + OPEN_FOR).timestamp()}
