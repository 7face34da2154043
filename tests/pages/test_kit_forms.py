"""A form of the page kit says what to mend, and where."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django import forms

from connecting_families.kit.forms import DateBoxesField, DateTimeBoxesField
from tests.pages import showcase
from tests.pages.markup import attributes
from tests.pages.showcase import ERRORS, group, rendered


def test_a_form_that_was_not_sent_complains_of_nothing() -> None:
    page = showcase.form_page()
    assert "<title>Add a family" in page
    assert "govuk-error" not in page


def test_a_form_with_errors_says_so_in_the_title_and_links_to_what_to_mend() -> None:
    page = showcase.form_page(ERRORS)
    ids = {found["id"] for found in attributes("*", page) if "id" in found}
    links = re.findall(r'<a href="#([^"]*)">([^<]*)</a>', page.split("govuk-error-summary")[1] + page)
    assert "<title>Error: Add a family" in page
    assert ("id_born_month", "Enter a real date, for example 27 3 2026") in links
    assert ("id_name", "Fill in “Name”") in links
    assert ("id_team", "Choose an answer to “Team”") in links
    assert ("id_sure", "Tick “I have checked this with the family”") in links
    assert {target for target, _ in links} <= ids


@pytest.mark.parametrize("page", [showcase.form_page(), showcase.form_page(ERRORS)], ids=["to fill in", "with errors"])
def test_hints_and_errors_are_tied_to_their_field(page: str) -> None:
    found = attributes("*", page)
    ids = [each["id"] for each in found if "id" in each]
    described = {name for each in found for name in each.get("aria-describedby", "").split()}
    assert len(ids) == len(set(ids))
    assert described <= set(ids)
    assert {"id_name_hint", "id_born_hint", "id_how_0_hint"} <= described
    assert all("required" not in each and "placeholder" not in each for each in found)
    assert all("novalidate" in each for each in attributes("form", page))
    texts = [each for each in attributes("input", page) if each["type"] in {"text", "password"}]
    assert texts
    assert {each["autocomplete"] for each in texts} == {"off"}


def test_a_field_may_bring_its_own_template_and_autocomplete() -> None:
    own: dict[str, Any] = {"template_name": "django/forms/field_checkbox.html"}
    assert "govuk-checkboxes" in group(forms.CharField(**own))
    assert 'autocomplete="username"' in group(forms.CharField(widget=forms.TextInput({"autocomplete": "username"})))


def test_a_revealed_field_stands_below_its_choice_and_nowhere_else() -> None:
    page = showcase.form_page()
    conditional = page.split('<div class="govuk-radios__conditional">')[1].split("govuk-form-group")[1]
    assert 'for="id_address"' in conditional
    assert page.count('id="id_address"') == 1


def test_errors_that_belong_to_no_field_lead_nowhere_but_are_said() -> None:
    form = showcase.SampleForm({})
    form.full_clean()
    form.add_error(None, "The family is closed")
    summary = rendered("{% error_summary %}", form=form)
    assert "The family is closed" in summary
    assert ">The family is closed</a>" not in summary


def test_what_was_typed_for_a_number_is_kept_even_where_it_is_none() -> None:
    form = type("Sample", (forms.Form,), {"days": forms.IntegerField(min_value=1)})({"days": "twenty-eight"})
    (box,) = attributes("input", str(form))
    assert (box["type"], box["inputmode"], box["value"]) == ("text", "numeric", "twenty-eight")
    assert "min" not in box


BOXES = [
    (("27", "3", "2026"), date(2026, 3, 27)),
    ((" 01 ", "03", "1999"), date(1999, 3, 1)),
    (("29", "2", "2024"), date(2024, 2, 29)),
    (("", "", ""), "Enter a date, for example 27 3 2026"),
    (("", "3", ""), "The date must include a day and year"),
    (("27", "", "2026"), "The date must include a month"),
    (("29", "2", "2025"), "Enter a real date, for example 27 3 2026"),
    (("0", "1", "2026"), "Enter a real date, for example 27 3 2026"),
    (("1", "13", "2026"), "Enter a real date, for example 27 3 2026"),
    (("1", "1", "26"), "Enter a year from 1900 to 2099, for example 2026"),
    (("\u0661", "1", "2026"), "Enter a real date, for example 27 3 2026"),
]


@pytest.mark.parametrize(("typed", "meant"), BOXES)
def test_a_date_in_three_boxes(typed: tuple[str, str, str], meant: date | str) -> None:
    form = type("Sample", (forms.Form,), {"on": DateBoxesField()})(
        dict(zip(("on_day", "on_month", "on_year"), typed, strict=True))
    )
    if isinstance(meant, date):
        assert form.is_valid()
        assert form.cleaned_data["on"] == meant
    else:
        assert form.errors["on"] == [meant]


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        (("1", "13", "2026"), "id_on_month"),
        (("1", "", "x"), "id_on_month"),
        (("1", "1", "26"), "id_on_year"),
        (("30", "2", "2026"), "id_on_day"),
        (("", "", ""), "id_on_day"),
    ],
)
def test_a_date_error_leads_to_the_first_wrong_box(typed: tuple[str, str, str], target: str) -> None:
    data = dict(zip(("on_day", "on_month", "on_year"), typed, strict=True))
    form = type("Sample", (forms.Form,), {"on": DateBoxesField()})(data)
    assert f'href="#{target}"' in rendered("{% error_summary %}", form=form)
    assert f'id="{target}"' in str(form)


def test_a_date_that_need_not_be_given_may_be_left_empty_and_knows_whether_it_changed() -> None:
    field = DateBoxesField(required=False)
    assert field.clean(["", "", ""]) is None
    assert not field.has_changed(date(2026, 3, 27), ["27", "03", "2026"])
    assert field.has_changed(date(2026, 3, 27), ["28", "3", "2026"])
    assert field.has_changed(None, ["x", "", ""])
    assert 'value="27"' in group(DateBoxesField(initial=date(2026, 3, 27)))


TIMES = [
    (("27", "3", "2026", "14:30"), datetime(2026, 3, 27, 14, 30, tzinfo=UTC)),
    (("27", "6", "2026", "9.05"), datetime(2026, 6, 27, 8, 5, tzinfo=UTC)),
    # The hour that comes twice: the first is meant. The hour that there is not is refused.
    (("25", "10", "2026", "1:30"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    (("29", "3", "2026", "1:30"), "The clocks went forward over this time: enter one that there was"),
    (("27", "3", "2026", "24:00"), "Enter a time from 00:00 to 23:59, for example 14:30"),
    (("27", "3", "2026", ""), "The date and time must include a time"),
    (("30", "2", "2026", "1:30"), "Enter a real date and time, for example 27 3 2026 at 14:30"),
    (("", "", "", ""), "Enter a date and a time, for example 27 3 2026 at 14:30"),
]


@pytest.mark.parametrize(("typed", "meant"), TIMES)
def test_a_date_with_its_time(typed: tuple[str, ...], meant: datetime | str) -> None:
    data = dict(zip(("at_day", "at_month", "at_year", "at_time"), typed, strict=True))
    form = type("Sample", (forms.Form,), {"at": DateTimeBoxesField()})(data)
    if isinstance(meant, datetime):
        assert form.is_valid(), form.errors
        assert form.cleaned_data["at"] == meant
    else:
        assert form.errors["at"] == [meant]


def test_a_wrong_time_is_marked_alone_and_an_instant_is_shown_by_the_clock_on_the_wall() -> None:
    data = {"at_day": "27", "at_month": "3", "at_year": "2026", "at_time": "25:00"}
    form = type("Sample", (forms.Form,), {"at": DateTimeBoxesField()})(data)
    assert 'href="#id_at_time"' in rendered("{% error_summary %}", form=form)
    assert str(form).count("govuk-input--error") == 1
    shown = group(DateTimeBoxesField(initial=datetime(2026, 6, 27, 8, 5, tzinfo=UTC)))
    assert 'value="09:05"' in shown
    assert 'value="27"' in shown


MISTAKES = [
    (forms.CharField(label="Name"), "Ada\0", "“Name” holds a character that cannot be kept (NUL). Take it out."),
    (forms.CharField(label="Name", max_length=3), "Adas", "“Name” must be 3 characters or fewer. It has 4."),
    (forms.ChoiceField(label="Team", choices=[("a", "A")]), "\0", "Choose an answer to “Team” from those on the page"),
    (forms.IntegerField(label="Days", max_value=9), "10", "“Days” must be 9 or less"),
    (forms.CharField(max_length=3, error_messages={"max_length": "Too long for us"}), "Adas", "Too long for us"),
]


@pytest.mark.parametrize(("field", "given", "said"), MISTAKES)
def test_a_mistake_is_told_in_words_that_name_the_field(field: forms.Field, given: str, said: str) -> None:
    form = type("Sample", (forms.Form,), {"example": field})({"example": given})
    form.full_clean()
    bound: Any = form["example"]
    assert bound.sentences == [said]
    assert "\0" not in str(form)
