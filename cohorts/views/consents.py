"""Pages on consent: what a family's people agreed to, recording a consent, and its withdrawal."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import consent as stage
from cohorts import households
from cohorts.forms.wishes import ConsentForm, WithdrawalForm
from cohorts.models import Consent, Family
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import datasets_in_words, day, of_family, parts, records_of, today, whom
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting
from connecting_families.staff.views import moment

CONSENTS = [
    Column("For"),
    Column("Version"),
    Column("To"),
    Column("Given"),
    Column("By"),
    Column("State"),
    Column("Action"),
]


@of_family
def consents(request: HttpRequest, family: Family) -> HttpResponse:
    """What the people of a family agreed to."""
    people = households.members(family)
    given = Consent.objects.filter(person__in=records_of(people)).select_related("version", "person")
    rows = [
        [
            whom(row),
            row.version.version,
            datasets_in_words(row.datasets),
            day(row.given_on),
            row.get_given_by_display(),
            _state(row),
            _withdraw_link(family, row),
        ]
        for row in given.order_by("-given_on", "-id")
    ]
    context = {
        "title": "Consent", "caption": f"Family {family.reference}", "parts": parts(family, "consents"),
        "buttons": [("Record a consent", reverse("give_consent", args=[family.reference]))],
        "note": "Consent to a service is not consent to research. Nobody needs to consent unless their notice asks it.",
        "tables": [Table("Consents", CONSENTS, rows, empty="No consent was recorded for this family.")],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


def _state(row: Consent) -> object:
    if row.withdrawn_at is not None:
        return tag(f"Withdrawn {moment(row.withdrawn_at)}", "grey")
    return tag("Stands", "green")


def _withdraw_link(family: Family, row: Consent) -> object:
    if row.withdrawn_at is not None:
        return ""
    href = reverse("withdraw_consent", args=[family.reference, row.pk])
    return link("Withdraw", href, f"the consent {row.reference}")


@of_family
@once(Consent)
def give_consent(request: HttpRequest, family: Family) -> HttpResponse:
    """Record that somebody of the family consents to research."""
    here = reverse("consents", args=[family.reference])
    if kept_already(request, Consent):
        return redirect(here)
    people = households.members(family, today())
    form = ConsentForm(request.POST or None, people=people, initial={"given_on": today()})
    if request.method == "POST" and form.is_valid():
        given = {name: value for name, value in form.cleaned_data.items() if name != "covers"}
        try:
            stage.give(**given, reference=reference(request, Consent), by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, "The consent is recorded.")
            return redirect(here)
    context = {
        "title": "Record a consent", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Record the consent", "drawn": draw(request, Consent, "C"),
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


@of_family
def withdraw_consent(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """Record that a consent was withdrawn."""
    mine = Consent.objects.filter(person__in=records_of(households.members(family)))
    row = get_object_or_404(mine.select_related("person"), pk=number)
    here = reverse("consents", args=[family.reference])
    form = WithdrawalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        try:
            stage.withdraw(consent=row, withdrawn_at=form.cleaned_data["withdrawn_at"] or at, by=acting(request), at=at)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("withdrawn_at" if reason.code == "WITHDRAWN_LATER" else None, reason.sentence)
        else:
            messages.success(request, "The consent is withdrawn. From now on the person is left out.")
            return redirect(here)
    context = {
        "title": "Withdraw a consent", "caption": f"{whom(row)}, {row.reference}", "form": form, "back_href": here,
        "submit": "Record the withdrawal",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)
