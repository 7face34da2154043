"""Pages on details to look at again: a team says that one is right or mends it; the data team asks, and sees how far.

Early Help is never told why a look was asked for.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from cohorts import details, details_seen, households
from cohorts import looking_again as stage
from cohorts.forms.homes import in_one_line
from cohorts.forms.wishes import name_of
from cohorts.models import Address, Family, Look, Person
from cohorts.rules.look_again import DETAILS, OF_ADDRESS, code_of, detail_of, sentence
from cohorts.views.family_pages import day, of_family, today
from cohorts.views.mended_at import in_form
from cohorts.views.people import described, of_the_family
from connecting_families.audit.refusals import Refused
from connecting_families.kit.forms import offer
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, listed

WAITING = [Column("Person"), Column("Detail"), Column("Shown to the team from"), Column("Today")]
COUNTS = {Look.WAITING: "Nobody said yet", Look.RIGHT: "Right as it is", Look.CHANGED: "Changed, then asked for again"}
COUNTED = [Column("Detail"), *(Column(words, numeric=True) for words in COUNTS.values())]
SHOWN = {
    "names": {"Given name", "Middle names", "Family name", "Previous family names"},
    "date_of_birth": {"Date of birth"},
    "sex": {"Sex"},
    "nino": {"National Insurance number"},
    "nhs_number": {"NHS number"},
    "upn": {"Unique pupil number"},
    "uln": {"Unique learner number"},
}
"""Which lines of a person's details say what a look is about."""


class AskForm(forms.Form):
    """Of whom which details are to be looked at."""

    reference = forms.CharField(
        label="Reference of the person", max_length=60, error_messages={"required": "Enter a reference"}
    )
    details = forms.MultipleChoiceField(
        label="What is to be looked at?", widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "details", [(detail, _named(detail)) for detail in DETAILS])


@of_family
def look(request: HttpRequest, family: Family, person: str, code: str) -> HttpResponse:
    """One detail that a team is asked to look at: it is right, or it is changed on its form."""
    row, detail = of_the_family(family, person), detail_of(code)
    asked = _waiting(row, detail) if detail else None
    if asked is None or detail is None:
        raise Http404
    back, refused = reverse("records_of_a_kind", args=[code]), ""
    if request.method == "POST":
        try:
            stage.is_right(look=asked, by=acting(request), at=timezone.now())
        except Refused as refusal:
            refused = str(refusal)
        else:
            messages.success(request, "Thank you. It is off the list.")
            return redirect(back)
    home = households.address_on(row, today()) if detail in OF_ADDRESS else None
    field = "given_name" if detail == "names" else detail
    context = {
        "title": f"Look at the {DETAILS[detail]}", "caption": f"Person {row.reference}", "back_href": back,
        "refused": refused,
        "facts": facts(("Person", format_html("<bdi>{}</bdi>", name_of(row))), *_of(row, detail, home)),
        "change_href": in_form(family.reference, row.reference, field, address=home.pk if home else None),
    }  # fmt: skip
    return render(request, "cohorts/look.html", context, status=409 if refused else 200)


@opened_by(Permission.ASK_FOR_LOOKS)
def looks(request: HttpRequest) -> HttpResponse:
    """How many details wait to be looked at, and what came of those that were; each that waits, by reference."""
    counts: dict[str, dict[str, int]] = {}
    for detail, outcome, number in Look.objects.values_list("detail", "outcome").annotate(Count("pk")):
        counts.setdefault(detail, {})[outcome] = number
    waits = Look.objects.filter(outcome=Look.WAITING).select_related("person")
    waits = waits.order_by("shown_from", "person__reference", "detail")
    page = Paginator(waits, 50).get_page(request.GET.get("page"))
    listed(request, "looks", people=[it.person.reference for it in page])
    waits_still = {it.pk for _, it in details_seen.still_to_take(page, today())}
    context = {
        "title": "Details to look at again", "back_href": reverse("home"), "page": page,
        "counted": Table(
            "What came of it", COUNTED,
            [[_named(detail), *(counts[detail].get(outcome, 0) for outcome in COUNTS)]
             for detail in DETAILS if detail in counts],
            empty="Nothing was asked for yet.",
        ),
        "table": Table(
            "Not closed yet", WAITING,
            [
                [it.person.reference, _named(it.detail), day(it.shown_from), _today(it, waits_still)]
                for it in page
            ],
            empty="Nothing waits.",
        ),
    }  # fmt: skip
    return render(request, "cohorts/looks.html", context)


@opened_by(Permission.ASK_FOR_LOOKS)
def ask_for_look(request: HttpRequest) -> HttpResponse:
    """Ask that details of somebody be looked at again."""
    form = AskForm(request.POST or None, initial={"reference": request.GET.get("reference", "")})
    if request.method == "POST" and form.is_valid():
        try:
            new = stage.ask(**form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(getattr(reason, "field", None), reason.sentence)
        else:
            messages.success(request, "Their team is asked from Monday on." if new else "That was asked for already.")
            return redirect("looks")
    context = {
        "title": "Ask a team to look again", "form": form, "submit": "Ask", "back_href": reverse("looks"),
    }  # fmt: skip
    return render(request, "kit/form_page.html", context)


def _named(detail: str) -> str:
    """A detail as a line begins with it."""
    return DETAILS[detail][0].upper() + DETAILS[detail][1:]


def _today(it: Look, waits_still: set[int]) -> str:
    return Look.OUTCOMES[Look.WAITING if it.pk in waits_still else Look.CHANGED]


def _waiting(row: Person, detail: str) -> Look | None:
    """The look that a team is asked to take at this detail today, if there is one; none at a protected address."""
    if detail in OF_ADDRESS and households.address_withheld(row, today(), ever=True):
        return None
    asked = [it for it in details_seen.waiting([row.pk]) if it.detail == detail and it.shown_from <= today()]
    return next((it for key, it in details_seen.still_to_take(asked, today()) if key == row.pk), None)


def _of(row: Person, detail: str, home: Address | None) -> list[tuple[str, object]]:
    if detail in OF_ADDRESS:
        return [("Lives at", in_one_line(home) if home else "No address is recorded")]
    given = {field: getattr(row, field) for field in details.FIELDS}
    return [(key, value or "Not recorded") for key, value in described(given) if key in SHOWN[detail]]


def kind_of(code: str) -> str | None:
    """What is asked by a code of a look; None for other codes."""
    detail = detail_of(code)
    return sentence(detail) if detail else None


def look_at(family: str, person: str, field: str) -> str:
    """The page of a look."""
    return reverse("look", args=[family, person, code_of(field)])
