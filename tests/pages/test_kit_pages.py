"""Lists, charts and the frame of the page kit; and that no page of it asks for anything of another host."""

import re
from pathlib import Path

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from connecting_families.kit import pieces
from connecting_families.kit.charts import COLOURS, Bar, Bars, Flow
from connecting_families.kit.lists import Column, Order, Table, asked_order
from tests.pages import showcase
from tests.pages.markup import attributes, headings_step_by_one
from tests.pages.showcase import ERRORS, rendered

ROOT = Path(__file__).parents[2]
COLUMNS = [Column("Round", "name"), Column("State"), Column("Families", "families", numeric=True)]


def headings(query: str) -> list[tuple[str, str]]:
    """What the columns say of the order, and where they lead."""
    address = QueryDict(query)
    table = Table("Rounds", COLUMNS, [], query=address, order=asked_order(COLUMNS, address, "name"))
    return [(heading.aria_sort, heading.href) for heading in table.headings]


def test_columns_sort_by_links_that_keep_the_filters_and_go_back_to_the_first_page() -> None:
    assert headings("state=open&page=3") == [
        ("ascending", "?state=open&sort=-name"),
        ("", ""),
        ("none", "?state=open&sort=families"),
    ]
    assert headings("sort=-families")[2] == ("descending", "?sort=families")
    assert 'aria-sort="descending"' in showcase.list_page()


@pytest.mark.parametrize("sort", ["password", "-password", "-", ""])
def test_nobody_sorts_by_what_is_no_column(sort: str) -> None:
    assert asked_order(COLUMNS, QueryDict(f"sort={sort}"), "-families") == Order("families", descending=True)


def test_an_empty_table_says_so() -> None:
    assert "There is nothing to show." in rendered("{% table table %}", table=Table("Rounds", COLUMNS, []))


def test_a_button_that_cannot_be_used_is_replaced_by_the_reasons() -> None:
    template = "{% button 'Approve' reasons=reasons cannot='approve this submission' %}"
    ours = rendered(template, reasons=["You prepared <it>."])
    assert "You cannot approve this submission, because:" in ours
    assert "You prepared &lt;it&gt;." in ours
    assert "<button" not in ours
    assert "<button" in rendered(template, reasons=[])


def test_the_bars_of_a_chart_are_to_scale_and_a_hidden_count_has_none() -> None:
    chart = Bars("Title", "Reason", "Families", [Bar("A", 200), Bar("B", 50, group=3), Bar("C", None, "fewer than 10")])
    ours = rendered("{% bars chart %}", chart=chart)
    drawn = [(rect["width"], rect["fill"]) for rect in attributes("rect", ours)]
    assert drawn == [("100.0", COLOURS[0]), ("25.0", COLOURS[3]), ("0.0", COLOURS[0])]
    assert "fewer than 10" in ours


def test_a_flow_that_loses_somebody_is_refused() -> None:
    with pytest.raises(ValueError, match="10 were considered, but 3 excluded and 6 included"):
        Flow("Title", "families", 10, [Bar("A", 3)], [Bar("B", 6)])


def test_a_tag_has_a_colour_of_the_style_sheet() -> None:
    css = (ROOT / "static" / "app.css").read_text()
    assert all(f".govuk-tag--{colour} " in css for colour in pieces.COLOURS - {"blue"})
    with pytest.raises(ValueError, match="no tag in 'beige'"):
        pieces.tag("Open", "beige")


def test_only_the_result_of_the_last_action_is_told_and_not_beside_errors() -> None:
    page = showcase.detail_page()
    assert "The run has been asked for." in page
    assert "Old news" not in page
    assert page.count("govuk-notification-banner__title") == 1


def test_a_page_that_waits_says_where_to_ask_and_reloads_itself_without_a_script() -> None:
    page = showcase.detail_page()
    assert 'data-poll-url="/runs/7/progress/"' in page
    assert re.search(r"<noscript>\s*<meta http-equiv=\"refresh\" content=\"5\">\s*</noscript>", page)
    assert "http-equiv" not in showcase.list_page()


@pytest.mark.parametrize(
    "page", [showcase.form_page(ERRORS), showcase.list_page(), showcase.detail_page()], ids=["form", "list", "detail"]
)
def test_headings_of_a_page(page: str) -> None:
    main = page.split("<main")[1]
    after_summary = main[main.index("<h1") :]
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert headings_step_by_one(after_summary)
    assert len(re.findall(r"<main[ >]", page)) == 1


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_nothing(name: str) -> None:
    page = render_to_string(f"{name}.html")
    assert "<h1" in page
    assert "Connecting Families</title>" in page


def test_a_refusal_says_why() -> None:
    assert "Your role may not read the trail." in render_to_string(
        "403.html", {"exception": "Your role may not read the trail."}
    )


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_a_template_is_inline_or_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=\s*[\"']|javascript:", text, re.IGNORECASE)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text), "a script has no body"
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text), "no request leaves the host"


def test_the_style_sheet_asks_for_no_other_file_and_has_no_font_of_govuk() -> None:
    css = (ROOT / "static" / "app.css").read_text()
    assert "url(" not in css
    assert "@import" not in css
    assert "GDS Transport" not in css
    assert ".js-enabled" not in css
    assert 'font-family: "Helvetica Neue", Helvetica, Arial, sans-serif' in css


def test_every_class_of_the_templates_is_in_the_style_sheet() -> None:
    css = (ROOT / "static" / "app.css").read_text()
    pages = "".join([showcase.form_page(ERRORS), showcase.list_page(), showcase.detail_page()])
    used = {name for found in attributes("*", pages) for name in found.get("class", "").split()}
    styled = {name.replace("\\", "") for name in re.findall(r"\.((?:[\w-]|\\.)+)", css)}
    # Names of GOV.UK and MOJ Frontend that carry no style of their own.
    bare = {
        "govuk-generic-header__container",
        "govuk-template__header",
        "govuk-template__footer",
        "govuk-checkboxes",
        "govuk-radios",
        "govuk-table__body",
        "govuk-table__head",
        "govuk-table__row",
        "moj-timeline__header",
    }
    assert used - styled - bare == set()


@pytest.mark.django_db
def test_signing_in(client: Client) -> None:
    address = reverse("account_login")
    page = client.get(address).content.decode()
    boxes = {each["name"]: each for each in attributes("input", page)}
    assert "<title>Sign in " in page
    assert boxes["login"]["autocomplete"] == "username"
    assert boxes["password"]["autocomplete"] == "current-password"
    assert "placeholder" not in boxes["login"]
    assert "Sign out" not in page
    refused = client.post(address, {"login": "nobody", "password": ""}).content.decode()
    assert "<title>Error: Sign in" in refused
    assert '<a href="#id_password">Fill in “Password”</a>' in refused


@pytest.mark.django_db
def test_a_page_of_allauth_without_a_template_of_ours_is_in_our_frame(client: Client) -> None:
    page = client.get(reverse("account_inactive")).content.decode()
    assert headings_step_by_one(page)
    assert "govuk-generic-header" in page


@pytest.mark.parametrize("name", ["reauthenticate", "logout"])
def test_account_pages(name: str) -> None:
    page = render_to_string(f"account/{name}.html", {"form": showcase.SampleForm()})
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert f'action="{reverse(f"account_{name}")}"' in page
