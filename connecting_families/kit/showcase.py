"""Every component of the kit with something in it: the page for developers shows it, and the tests compare it.

What it says is invented, and of no family.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.http import QueryDict

from connecting_families.kit.charts import Bar, Bars, Flow
from connecting_families.kit.forms import Choice, DateBoxesField, DateTimeBoxesField
from connecting_families.kit.lists import Column, Table, asked_order
from connecting_families.kit.pieces import link, tag

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
    fieldsets: ClassVar = {"Who answers for it": ["team", "notes"]}

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
    received = DateTimeBoxesField(label="When did you hear of it?", help_text="For example, 27 3 2026 at 14:30")
    team = forms.ChoiceField(label="Team", choices=[("", "Choose a team"), ("north", "North"), ("south", "South")])
    notes = forms.CharField(label="Notes", widget=forms.Textarea)
    evidence = forms.FileField(label="Evidence", required=False)
    password = forms.CharField(label="Your password", widget=forms.PasswordInput)
    sure = forms.BooleanField(label="I have checked this with the family")
    version = forms.CharField(widget=forms.HiddenInput, initial="3")


class SampleFilter(forms.Form):
    """What a list may be narrowed to."""

    name = forms.CharField(label="Name", required=False)
    state = forms.ChoiceField(label="State", choices=[("", "Any"), ("open", "Open")], required=False)


Shown = tuple[str, dict[str, Any]]


def form_page(_: QueryDict) -> Shown:
    """A form, not yet sent."""
    context = {"title": "Add a family", "form": SampleForm(), "back_href": "/kit/", "submit": "Add"}
    return "kit/form_page.html", context


def errors_page(_: QueryDict) -> Shown:
    """The same form, sent with much to mend."""
    return "kit/form_page.html", form_page(_)[1] | {"form": SampleForm(ERRORS)}


def list_page(query: QueryDict) -> Shown:
    """A list with a filter, sorted and in pages."""
    columns = [
        Column("Round", "name"),
        Column("State"),
        Column("Families", "families", numeric=True),
        Column("Cut-off"),
    ]
    rounds = [
        [
            link(f"Round {n}", "/kit/"),
            tag("Expired", "red") if n % 3 else tag("Open", "green"),
            n * 1000,
            "1 March 2026",
        ]
        for n in range(1, 96)
    ]
    current = Paginator(rounds, 10).get_page(query.get("page"))
    table = Table("Rounds", columns, current, query=query, order=asked_order(columns, query, "name"))
    context = {"title": "Collection rounds", "table": table, "page": current, "form": SampleFilter(query)}
    return "kit/list_page.html", context


def check_page(_: QueryDict) -> Shown:
    """What was answered, before it is kept."""
    change = [{"text": "Change", "href": "/kit/form/", "hidden": "how it was given"}]
    rows = [
        {"key": "Given", "value": "27 March 2026"},
        {"key": "How", "value": "By hand, and read together", "actions": change},
    ]
    context = {
        "title": "Check your answers", "sections": [{"title": "The notice", "rows": rows}], "back_href": "/kit/",
        "before": "Once you confirm it, the notice counts from that day.", "submit": "Confirm the notice",
    }  # fmt: skip
    return "kit/check_page.html", context


def letter_page(_: QueryDict) -> Shown:
    """A letter: printed, it is alone on the paper."""
    context = {
        "title": "Print the letter", "subject": "How we use your information", "date": "27 March 2026",
        "sender": ["Anytown City Council", "Town Hall", "Anytown"], "to": ["The family at", "1 Invented Street"],
        "back_href": "/kit/",
    }  # fmt: skip
    return "developers/letter.html", context


def done_page(_: QueryDict) -> Shown:
    """Something of weight was done."""
    return "developers/done.html", {"title": "Submission delivered", "text": "Your reference is CF-2026-0001"}


def pieces_page(_: QueryDict) -> Shown:
    """Everything else."""
    return "developers/pieces.html", PIECES | {
        "title": "Components",
        "pages": [{"text": name.capitalize(), "href": f"/kit/{name}/"} for name in PAGES if name != "pieces"],
        "messages": [
            Message(constants.INFO, "Old news"),
            Message(constants.SUCCESS, "The run has been asked for."),
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
            {"title": "Notice", "href": "/notice/", "hint": "Due by 3 April", "status": "To do", "colour": "yellow"},
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
    }


PIECES: dict[str, Any] = {
    "poll_url": "",
    "crumbs": [{"text": "Rounds", "href": "/rounds/"}, {"text": "Round of March 2026"}],
    "parts": [
        {"text": "Cohort", "href": "/rounds/1/", "active": True},
        {"text": "Findings", "href": "/rounds/1/findings/"},
    ],
    "reasons": ["You prepared this submission.", "Its sample has not been looked at."],
    "chart": Bars(
        "Most are left out for want of a privacy notice",
        "Primary reason",
        "Families",
        [Bar("No privacy notice", 1240), Bar("Objected", 310, group=2), Bar("Moved away", None, "fewer than 10")],
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
}

PAGES: dict[str, Callable[[QueryDict], Shown]] = {
    "pieces": pieces_page,
    "form": form_page,
    "errors": errors_page,
    "list": list_page,
    "check": check_page,
    "letter": letter_page,
    "done": done_page,
}
"""Each with the name under which the page for developers has it."""
