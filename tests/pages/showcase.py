"""Every piece of the kit on three pages, for the tests alone: no address of the site leads here."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.template import engines
from django.test import RequestFactory

from connecting_families.kit.charts import Bar, Bars, Flow
from connecting_families.kit.forms import Choice, DateBoxesField
from connecting_families.kit.lists import Column, Table, asked_order
from connecting_families.kit.pieces import link, tag

HERE = Path(__file__).parent

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

# A form sent with a date that is none, and much left out.
ERRORS = {
    "born_day": "31",
    "born_month": "x",
    "born_year": "2026",
    "how": "post",
    "problems": ["crime"],
    "version": "3",
}


class SampleForm(forms.Form):
    """One of each kind of field."""

    reveals: ClassVar = {"how": {"post": ["address"]}, "problems": {"crime": ["crime_since"]}}

    name = forms.CharField(label="Name", help_text="As the family says it", max_length=60)
    born = DateBoxesField(
        label="Date of birth",
        help_text="For example, 27 3 1980",
        error_messages={"required": "Enter the date of birth"},
    )
    how = forms.ChoiceField(
        label="How was the notice given?",
        choices=[("hand", Choice("By hand", hint="Read together with the family")), ("post", "By post")],
        widget=forms.RadioSelect,
    )
    address = forms.CharField(
        label="Address", required=False, widget=forms.TextInput({"class": "govuk-input--width-20"})
    )
    problems = forms.MultipleChoiceField(
        label="Headline problems",
        choices=[("crime", "Crime or antisocial behaviour"), ("school", "Children not attending school")],
        widget=forms.CheckboxSelectMultiple,
    )
    crime_since = DateBoxesField(label="Since when?", required=False)
    team = forms.ChoiceField(label="Team", choices=[("", "Choose a team"), ("north", "North"), ("south", "South")])
    notes = forms.CharField(label="Notes", widget=forms.Textarea)
    evidence = forms.FileField(label="Evidence", required=False)
    password = forms.CharField(label="Your password", widget=forms.PasswordInput)
    sure = forms.BooleanField(label="I have checked this with the family")
    version = forms.CharField(widget=forms.HiddenInput, initial="3")


class Person:
    """Somebody who is signed in."""

    is_authenticated = True

    def get_full_name(self) -> str:
        """Their name."""
        return "Ada Example"


def page(template: str, context: dict[str, Any], *, address: str = "/", user: Person | None = None) -> str:
    """A page of the site, from the text of its template."""
    request = RequestFactory().get(address)
    full = {"user": user or Person(), "messages": []} | FRAME | context
    return engines["django"].from_string(template).render(full, request)


def form_page(data: dict[str, Any] | None = None) -> str:
    """A page with a form, empty or sent."""
    form = SampleForm(data)
    context = {"form": form, "title": "Add a family", "caption": "Round of March 2026", "back_href": "/families/"}
    return page('{% extends "kit/form_page.html" %}', context)


def list_page(address: str = "/rounds/?sort=-families&page=2") -> str:
    """A list with a filter, sorted, in pages."""
    columns = [
        Column("Round", "name"),
        Column("State"),
        Column("Families", "families", numeric=True),
        Column("Cut-off"),
    ]
    rounds = [
        [
            link(f"Round {n}", f"/rounds/{n}/"),
            tag("Expired", "red") if n % 3 else tag("Open", "green"),
            n * 1000,
            "1 March 2026",
        ]
        for n in range(1, 96)
    ]
    query = RequestFactory().get(address).GET
    current = Paginator(rounds, 10).get_page(query.get("page"))
    table = Table("Rounds", columns, current, query=query, order=asked_order(columns, query, "name"))

    class Filter(forms.Form):
        """What a list may be narrowed to."""

        name = forms.CharField(label="Name", required=False)
        state = forms.ChoiceField(label="State", choices=[("", "Any"), ("open", "Open")], required=False)

    context = {"title": "Collection rounds", "table": table, "page": current, "form": Filter(query)}
    return page('{% extends "kit/list_page.html" %}', context, address=address)


def detail_page() -> str:
    """Everything else."""
    return page(
        (HERE / "showcase.html").read_text(),
        {
            "title": "Round of March 2026",
            "messages": [
                Message(constants.INFO, "Old news"),
                Message(constants.SUCCESS, "The run has been asked for."),
            ],
            "poll_url": "/runs/7/progress/",
            "crumbs": [{"text": "Rounds", "href": "/rounds/"}, {"text": "Round of March 2026"}],
            "parts": [
                {"text": "Cohort", "href": "/rounds/1/", "active": True},
                {"text": "Findings", "href": "/rounds/1/findings/"},
            ],
            "facts": [
                {
                    "key": "Cut-off",
                    "value": "1 March 2026",
                    "actions": [{"text": "Change", "href": "/change/", "hidden": "cut-off"}],
                },
                {"key": "SHA-256", "value": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"},
            ],
            "tasks": [
                {"title": "Members", "href": "/members/", "status": "Completed"},
                {
                    "title": "Notice",
                    "href": "/notice/",
                    "hint": "Due by 3 April",
                    "status": "To do",
                    "colour": "yellow",
                },
                {"title": "Flag", "status": "Cannot start yet", "cannot_start": True},
            ],
            "events": [
                {
                    "title": "Approved",
                    "by": "B. Example",
                    "at": datetime(2026, 3, 27, 14, 5, tzinfo=UTC),
                    "text": "No query.",
                },
                {"title": "Notice given", "at": date(2026, 3, 2)},
            ],
            "reasons": ["You prepared this submission.", "Its sample has not been looked at."],
            "chart": Bars(
                "Most are left out for want of a privacy notice",
                "Primary reason",
                "Families",
                [
                    Bar("No privacy notice", 1240),
                    Bar("Objected", 310, group=2),
                    Bar("Moved away", None, "fewer than 10"),
                ],
                csv_href="/reasons.csv",
            ),
            "flow": Flow(
                "How 4,000 families became 2,450",
                "families",
                4000,
                [Bar("No privacy notice", 1240), Bar("Objected", 310)],
                [Bar("Supported", 1450), Bar("Comparison", 1000)],
            ),
            "steps": [
                {"text": "Take the facts", "state": "done"},
                {"text": "Apply the rules", "state": "now"},
                {"text": "Write the decisions", "state": "next"},
            ],
        },
    )


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
