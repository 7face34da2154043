"""A form of a desk that asks for one act on one record; whom a reference names is shown before anything is kept."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join

from cohorts import households
from cohorts.forms.wishes import ReferenceForm, born, name_of
from cohorts.models import Family, Person
from cohorts.views.asked import told
from cohorts.views.family_pages import today
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.staff.guards import acting
from connecting_families.staff.views import facts, listed

Page = dict[str, Any]
Act = Callable[[dict[str, Any]], str]
"""What a valid form asks for, by what was typed; says what was done. It raises Refused."""


class Desk(NamedTuple):
    """A desk: the route of the page of one of its records, and the event by which opening one is recorded."""

    route: str
    opened: Event

    def viewed(self, request: HttpRequest, row: Model) -> None:
        """Record that somebody opened a record."""
        with trail.act():
            trail.record(self.opened, who=acting(request), at=timezone.now(), about=row)

    def ask(self, request: HttpRequest, row: Model, form: forms.Form, page: Page, act: Act) -> HttpResponse:
        """A form for one act on a record. What speaks against it stands in the form, and what was typed stays."""
        if request.method == "POST" and form.is_valid():
            try:
                done = act(form.cleaned_data)
            except Refused as refusal:
                told(form, refusal)
            else:
                messages.success(request, done)
                return redirect(self.route, row.pk)
        return self._form(request, row, form, page)

    def ask_whom(self, request: HttpRequest, row: Model, here: str, page: Page, act: Act) -> HttpResponse:
        """A form for whom a record is about: who that is is shown first, and `act` is done once that was confirmed.

        `act` is told `person` or `family`. `here` is the page on which somebody was shown them, as it is recorded, and
        page["confirm"] what the button says then. What `act` refuses is raised: the page of the record says it.
        """
        form = ReferenceForm(request.POST or None)
        found: Person | Family | None = None
        if request.method == "POST" and form.is_valid():
            found = _named(form.cleaned_data["reference"].strip())
            if found is None:
                form.add_error("reference", "Nobody on file has this reference: check it, or ask the family's worker")
        if found is None:
            return self._form(request, row, form, page)
        if "confirmed" not in request.POST:
            more = {"found": _shown(request, found, here), "hidden": [("reference", found.reference)],
                    "submit": page["confirm"]}  # fmt: skip
            return self._form(request, row, form, page | more)
        messages.success(request, act({"person": found} if isinstance(found, Person) else {"family": found}))
        return redirect(self.route, row.pk)

    def _form(self, request: HttpRequest, row: Model, form: forms.Form, page: Page) -> HttpResponse:
        if request.method == "GET":
            self.viewed(request, row)
        here = {"form": form, "caption": str(row), "back_href": reverse(self.route, args=[row.pk])}
        return render(request, "governance/decide.html", here | page)


def _named(reference: str) -> Person | Family | None:
    person = Person.objects.filter(reference=reference).first()
    return households.survivor(person) if person else Family.objects.filter(reference=reference).first()


def _shown(request: HttpRequest, found: Person | Family, here: str) -> list[dict[str, Any]]:
    """Whose reference it is; that somebody was shown it is recorded."""
    people = [found] if isinstance(found, Person) else households.members(found, today())
    listed(request, here, people=[each.reference for each in people])
    named = format_html_join("", '<p class="govuk-body">{}, {}</p>', ((name_of(each), born(each)) for each in people))
    return facts(("Reference", found.reference), ("Who that is", named or "A family without members today"))
