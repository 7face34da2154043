"""Where a field is mended: for Early Help its place on the form, for who reads alone the page of the family."""

from collections.abc import Collection
from urllib.parse import quote

from django.forms import Form, RadioSelect
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from cohorts import details, other_teams
from cohorts.forms.homes import AddressForm, MoveForm
from cohorts.forms.people import ChangeForm
from cohorts.mending import OF_ADDRESS
from cohorts.views.family_pages import today
from connecting_families.kit.forms import DateBoxes
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import role_reasons


def anchor(person: str) -> str:
    """The name of the place on a family's page where a person is."""
    return f"person-{person}"


def on_family_page(family: str, person: str = "") -> str:
    """The page of a family, at one of its people; empty where its reference can stand in no address."""
    try:
        page = reverse("family", args=[family])
    except NoReverseMatch:
        return ""
    return f"{page}#{quote(anchor(person))}" if person else page


def closed(request: HttpRequest, families: Collection[str]) -> set[str]:
    """Which of these families the data team may not read: all for another role, and those with somebody protected."""
    if role_reasons(request, Permission.READ_FAMILIES):
        return set(families)
    return other_teams.with_somebody_protected(families, today())


def in_form(family: str, person: str, field: str, *, address: int | None) -> str:
    """The form that mends a field of a finding, at that field; empty where a reference can stand in no address.

    `address` is the key of the address that the finding is about, None where there is none on file.
    """
    try:
        if not person:
            return reverse("engagements", args=[family])
        if field in details.FIELDS:
            page = reverse("change_person", args=[family, person])
            return f"{page}#{_id(ChangeForm, field)}"
        if field not in OF_ADDRESS:
            return reverse("person", args=[family, person])
        line = "line_1" if field == "address" else field
        if address is None:
            return f"{reverse('record_move', args=[family, person])}#{_id(MoveForm, line)}"
        page = reverse("change_address", args=[family, person, address])
    except NoReverseMatch:
        return ""
    return f"{page}#{_id(AddressForm, line)}"


def _id(form: type[Form], field: str) -> str:
    """The id of a field's first box on its form."""
    widget = form.base_fields[field].widget
    if isinstance(widget, DateBoxes):
        return f"id_{field}_{widget.BOXES[0]}"
    return f"id_{field}_0" if isinstance(widget, RadioSelect) else f"id_{field}"
