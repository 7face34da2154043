"""The kit's own showcase as whole pages, and pieces of it; for the tests alone."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template import engines
from django.template.loader import render_to_string
from django.test import RequestFactory

from connecting_families.kit import showcase
from connecting_families.kit.showcase import ERRORS, SampleForm

__all__ = ["ERRORS", "SampleForm"]

FRAME = {
    "council_name": "Anytown City Council",
    "contact": "questions@anytown.example or 01632 960000",
    "heartbeat": "Worker seen 2 minutes ago. Oldest waiting run: none. Trail last verified today at 06:00.",
    "role_title": "Data preparer",
    "navigation": [
        {"text": "Home", "href": "/", "active": False},
        {"text": "Collection rounds", "href": "/rounds/", "active": True},
        {"text": "Submissions", "href": "/submissions/", "active": False},
        {"text": "Trail", "href": "/trail/", "active": False},
    ],
}


class Person:
    """Somebody who is signed in."""

    is_authenticated = True

    def get_full_name(self) -> str:
        """Their name."""
        return "Ada Example"


def page(name: str, address: str = "/", user: Person | None = None, **more: Any) -> str:
    """A page of the showcase, in the frame of the site."""
    request = RequestFactory().get(address)
    template, context = showcase.PAGES[name](request.GET)
    full = {"user": user or Person(), "messages": []} | FRAME | context | more
    return render_to_string(template, full, request)


def form_page(data: dict[str, Any] | None = None) -> str:
    """A page with a form, empty or sent."""
    return page("form" if data is None else "errors")


def list_page(address: str = "/rounds/?sort=-families&page=2&state=open") -> str:
    """A page with a filter, a table and pages."""
    return page("list", address)


def detail_page() -> str:
    """Everything else, while work goes on."""
    return page("pieces", title="Round of March 2026", poll_url="/runs/7/progress/")


def rendered(template: str, **context: Any) -> str:
    """A piece of a page."""
    return str(engines["django"].from_string("{% load kit %}" + template).render(context))


def group(field: forms.Field, name: str = "example", error: ValidationError | str = "", **data: Any) -> str:
    """The markup of one field of a form; with this error, if one is given."""
    form = type("Sample", (forms.Form,), {name: field})(data if error or data else None, auto_id="%s")
    if error:
        form.full_clean()
        form.add_error(name, error)
    return str(form[name].as_field_group())
