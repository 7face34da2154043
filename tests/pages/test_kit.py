"""The page kit's markup is GOV.UK Frontend's: compared with the examples that the package brings."""

import re
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.html import format_html
from django.utils.safestring import SafeString

from connecting_families.kit.forms import Choice, DateBoxesField
from connecting_families.kit.lists import Column, Table
from tests.pages import showcase
from tests.pages.markup import attributes, expected, first, options, read
from tests.pages.showcase import group, rendered


def asked(example: dict[str, Any]) -> dict[str, Any]:
    """Label, hint and choices of an example, as arguments of a field that may be left empty."""
    label = example.get("label") or example["fieldset"]["legend"]
    found = {"label": label["text"], "help_text": example.get("hint", {}).get("text", ""), "required": False}
    if "items" in example:
        items = example["items"]
        found["choices"] = [(i["value"], Choice(i["text"], i.get("hint", {}).get("text", ""))) for i in items]
    return found


@pytest.mark.parametrize(
    ("component", "example", "kind", "extra"),
    [
        ("input", "with error and hint", forms.CharField, {}),
        (
            "input",
            "with width-10 class",
            forms.CharField,
            {"widget": forms.TextInput({"class": "govuk-input--width-10"})},
        ),
        ("textarea", "with hint and error message", forms.CharField, {"widget": forms.Textarea}),
        ("select", "with hint text and error message", forms.ChoiceField, {}),
        ("radios", "with hint and error message", forms.ChoiceField, {"widget": forms.RadioSelect}),
        (
            "checkboxes",
            "with error message and hint",
            forms.MultipleChoiceField,
            {"widget": forms.CheckboxSelectMultiple},
        ),
        ("file-upload", "with error message and hint", forms.FileField, {}),
        ("date-input", "default", DateBoxesField, {}),
        ("date-input", "with error message and hint", DateBoxesField, {}),
    ],
)
def test_a_field_is_what_govuk_frontend_makes_of_it(
    component: str, example: str, kind: type[forms.Field], extra: dict[str, Any]
) -> None:
    given = options(component, example)
    error = given.get("errorMessage", {}).get("text", "")
    assert read(group(kind(**asked(given), **extra), error=error)) == read(expected(component, example))


@pytest.mark.parametrize("box", ["day", "month"])
def test_one_wrong_box_of_a_date_is_marked_alone(box: str) -> None:
    example = options("date-input", f"with error on {box} input")
    error = ValidationError(example["errorMessage"]["text"], params={"boxes": [box]})
    ours = group(DateBoxesField(**asked(example)), error=error)
    assert read(ours) == read(expected("date-input", f"with error on {box} input"))


def test_radios_in_a_line_keep_the_answer_given() -> None:
    widget = forms.RadioSelect({"class": "govuk-radios--inline"})
    field = forms.ChoiceField(**asked(options("radios", "inline")), widget=widget)
    assert read(group(field, example="no")) == read(expected("radios", "inline"))


def test_choices_explain_themselves() -> None:
    field = forms.ChoiceField(**asked({**options("radios", "with hints on items")}), widget=forms.RadioSelect)
    theirs = re.sub(r"govuk-fieldset__legend--l|</?h1[^>]*>", "", expected("radios", "with hints on items"))
    assert read(group(field)) == read(theirs)


def test_a_single_checkbox_is_described_by_its_hint() -> None:
    field = forms.BooleanField(label="I agree to the terms and conditions", required=False)
    field.help_text = "Please accept the terms and conditions"
    name = "with single option set 'aria-describedby' on input, and describedBy"
    theirs = expected("checkboxes", name).replace("test-target-element ", "").replace(' value="yes"', "")
    assert read(group(field)) == read(theirs)


@pytest.mark.parametrize(
    ("component", "example", "template", "context"),
    [
        ("tag", "default", "{% tag 'Alpha' %}", {}),
        ("tag", "grey", "{% tag 'Grey' 'grey' %}", {}),
        ("tag", "green", "{% tag 'Green' 'green' %}", {}),
        (
            "details",
            "default",
            "{% details 'Help with nationality' %}{{ text }}{% enddetails %}",
            {"text": options("details", "default")["text"]},
        ),
        (
            "inset-text",
            "default",
            "{% inset %}{{ text }}{% endinset %}",
            {"text": options("inset-text", "default")["text"]},
        ),
        ("button", "default", "{% button 'Save and continue' %}", {}),
        ("button", "secondary", "{% button 'Secondary button' kind='secondary' name='secondary' %}", {}),
        ("button", "warning", "{% button 'Warning button' kind='warning' name='Warning' %}", {}),
        ("button", "link", "{% button 'Link button' href='/' %}", {}),
        (
            "notification-banner",
            "default",
            "{% include 'kit/notification_banner.html' %}",
            {"text": "This publication was withdrawn on 7 March 2014."},
        ),
        (
            "notification-banner",
            "with type as success",
            "{% include 'kit/notification_banner.html' %}",
            {"text": "Email sent to example@email.com", "kind": "success"},
        ),
        (
            "panel",
            "default",
            "{% include 'kit/panel.html' %}",
            {
                "title": "Application complete",
                "text": format_html("Your reference number<br><strong>{}</strong>", "HDJ2123F"),
            },
        ),
        (
            "warning-text",
            "default",
            "{% include 'kit/warning.html' %}",
            {"text": options("warning-text", "default")["text"]},
        ),
        (
            "breadcrumbs",
            "with last breadcrumb as current page",
            "{% include 'kit/breadcrumbs.html' %}",
            {"items": options("breadcrumbs", "with last breadcrumb as current page")["items"]},
        ),
    ],
)
def test_a_piece_is_what_govuk_frontend_makes_of_it(
    component: str, example: str, template: str, context: dict[str, Any]
) -> None:
    assert read(rendered(template, **context)) == read(expected(component, example))


@pytest.mark.parametrize("example", ["with actions", "with some actions", "as a summary card with a text header"])
def test_summary_list(example: str) -> None:
    given = options("summary-list", example)
    rows = []
    for row in given["rows"]:
        actions = [
            {"text": a["text"], "href": a["href"], "hidden": a["visuallyHiddenText"]}
            for a in row.get("actions", {}).get("items", [])
        ]
        value = row["value"]
        shown = SafeString(value["html"]) if "html" in value else value["text"]
        rows.append({"key": row["key"]["text"], "value": shown, "actions": actions})
    ours = rendered(
        "{% summary_list rows card %}", rows=rows, card=given.get("card", {}).get("title", {}).get("text", "")
    )
    assert read(ours) == read(expected("summary-list", example))


@pytest.mark.parametrize("example", ["with hint text and additional states", "with all possible colours"])
def test_task_list(example: str) -> None:
    items = []
    for item in options("task-list", example)["items"]:
        status = item["status"].get("tag", item["status"])
        items.append(
            {
                "title": item["title"]["text"],
                "href": item.get("href", ""),
                "hint": item.get("hint", {}).get("text", ""),
                "status": status["text"],
                "colour": status.get("classes", "").removeprefix("govuk-tag--") if "tag" in item["status"] else "",
                "cannot_start": "cannot-start-yet" in status.get("classes", ""),
            }
        )
    theirs = expected("task-list", example).replace(" govuk-tag--blue", "")
    ours = rendered("{% task_list items %}", items=items)
    assert read(ours) == read(theirs)


def test_table() -> None:
    given = options("table", "with head and caption")
    columns = [Column(head["text"], numeric=head.get("format") == "numeric") for head in given["head"]]
    table = Table(given["caption"], columns, [[cell["text"] for cell in row] for row in given["rows"]])
    ours = rendered("{% table table %}", table=table)
    assert read(first("table", ours)) == read(expected("table", "with head and caption"))
    assert attributes("div", ours)[0]["role"] == "region"


def test_pagination() -> None:
    request = RequestFactory().get("/?page=10&state=open")
    page = Paginator(range(400), 10).page(10)
    ours = rendered("{% pagination page %}", page=page, request=request)
    theirs = re.sub(
        r'<li class="govuk-pagination__item">\s*<a[^>]*>\s*(8|12)\s*</a>\s*</li>',
        "",
        expected("pagination", "with many pages"),
    )
    assert read(re.sub(r'href="[^"]*"', "", ours)) == read(re.sub(r'href="[^"]*"', "", theirs))
    assert 'href="?page=11&amp;state=open"' in ours
    assert rendered("{% pagination page %}", page=Paginator([1], 10).page(1), request=request).strip() == ""


def test_the_frame_is_govuk_frontends() -> None:
    page = showcase.list_page()
    given = options("service-navigation", "with service name and navigation")
    context = {
        "navigation": [
            {"text": item["text"], "href": item["href"], "active": item.get("active", False)}
            for item in given["navigation"]
        ]
    }
    theirs = expected("service-navigation", "with service name and navigation")
    theirs = theirs.replace("#/", "/").replace("Apply for a juggling license", "Connecting Families")
    ours = rendered("{% include 'kit/service_navigation.html' %}", **context).replace("#/", "/")
    assert read(ours) == read(theirs)
    header = expected("generic-header", "default").replace("My cool service", "Anytown City Council")
    assert read(header)[0] in read(page)
    assert "govuk-skip-link" in attributes("a", page)[0]["class"]
    assert attributes("html", page)[0]["lang"] == "en"


@pytest.mark.parametrize("example", ["default", "mixed with and without links"])
def test_the_error_summary_is_what_govuk_frontend_makes_of_it(example: str) -> None:
    links = [(item.get("href", "")[1:], item["text"]) for item in options("error-summary", example)["errorList"]]
    ours = render_to_string("kit/error_summary.html", {"links": links})
    without_focus = re.sub(r'\s+tabindex="-1"|\s+autofocus', "", ours)
    assert without_focus != ours, "without a script, autofocus is what brings a person to the summary"
    assert read(without_focus) == read(expected("error-summary", example))


@pytest.mark.parametrize(
    ("component", "field"), [("radios", forms.ChoiceField), ("checkboxes", forms.MultipleChoiceField)]
)
def test_a_choice_that_asks_for_more_is_what_govuk_frontend_makes_of_it(
    component: str, field: type[forms.ChoiceField]
) -> None:
    example = options(component, "with conditional items")
    widget = forms.RadioSelect if component == "radios" else forms.CheckboxSelectMultiple
    choices = [(item["value"], item["text"]) for item in example["items"]]
    labels = [re.findall("<label[^>]*>(.*?)</label>", item["conditional"]["html"])[0] for item in example["items"]]
    more = {f"more_{n}": forms.CharField(label=label, required=False) for n, label in enumerate(labels)}
    asked: dict[str, Any] = {"label": example["fieldset"]["legend"]["text"], "required": False}
    fields = {"how": field(choices=choices, widget=widget, **asked), **more}
    reveals = {"how": {value: [f"more_{n}"] for n, (value, _) in enumerate(choices)}}
    form = type("Sample", (forms.Form,), fields | {"reveals": reveals})(auto_id="%s")
    ours = str(form["how"].as_field_group())
    # Theirs hides by a script; ours by the style sheet alone, and each field stands in a group of its own.
    theirs = re.sub(
        rf' govuk-{component}__conditional--hidden" id="[^"]*"|govuk-!-width-one-third',
        '"',
        expected(component, "with conditional items"),
    )
    theirs = re.sub(r'data-aria-controls="[^"]*"|""', "", theirs)
    alone = re.sub(r'(__conditional">\s*)<div class="govuk-form-group">(.*?)</div>', r"\1\2", ours, flags=re.DOTALL)
    assert alone != ours
    assert [token[0] for token in read(alone)] == [token[0] for token in read(theirs)]
    assert len(attributes("input", ours)) == 2 * len(choices)


def test_fields_that_belong_together_stand_under_one_legend() -> None:
    example = options("fieldset", "styled as medium text")["legend"]["text"]
    fields = {name: forms.CharField(required=False) for name in ("line", "town", "other")}
    form = type("Sample", (forms.Form,), fields | {"fieldsets": {example: ["line", "town"]}})(auto_id="%s")
    ours = str(form)
    assert read(re.sub(r"<div.*?</div>", "", first("fieldset", ours), flags=re.DOTALL)) == read(
        expected("fieldset", "styled as medium text")
    )
    assert re.findall('name="(.*?)"', first("fieldset", ours)) == ["line", "town"]
    assert re.findall('name="(.*?)"', ours) == ["line", "town", "other"]


@pytest.mark.parametrize(("example", "number"), [("first page", 1), ("last page", 3)])
def test_the_ends_of_a_list(example: str, number: int) -> None:
    page = Paginator(range(30), 10).page(number)
    ours = rendered("{% pagination page %}", page=page, request=RequestFactory().get("/"))
    theirs = expected("pagination", example)
    assert read(re.sub(r'href="[^"]*"', "", ours)) == read(re.sub(r'href="[^"]*"', "", theirs))
