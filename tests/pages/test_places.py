"""Every place of the site, as every role that may open it, with data: one walk, and what holds of every page of it."""

import re
from pathlib import Path

import pytest
from django.urls import URLPattern, reverse

from tests.pages import places, validator
from tests.pages.markup import attributes, read
from tests.pages.place import Act, Door, File, Place, Screen
from tests.pages.places import PLACES, patterns, roles_of, screens
from tests.pages.visits import NOBODY, Visits

pytestmark = pytest.mark.xdist_group("places")

EVERY = {str(pattern.name): pattern for pattern in patterns()}
TESTS = Path(__file__).parents[1]
DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//|^(?:https?|javascript|data|blob):", re.IGNORECASE)
COMMON = ("account_logout",)


# The table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_every_address_of_the_site_is_in_the_table(name: str) -> None:
    assert name in PLACES, f"Say in tests/pages/places.py what {name!r} is for."


def test_the_table_holds_nothing_that_is_not_there() -> None:
    assert PLACES.keys() - EVERY.keys() == set()
    assert [name for group in places.GROUPS.values() for name in group] == list(PLACES)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_a_place_is_for_is_said_in_one_sentence(place: Place) -> None:
    if isinstance(place, Screen):
        assert place.purpose.endswith(".")
        assert ". " not in place.purpose


def test_the_page_of_screens_is_written_from_the_table() -> None:
    """Where this fails, run `make screens`."""
    assert (DOCS / "screens.md").read_text(encoding="utf-8") == screens()


# Everywhere was somebody -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
def test_everybody_who_may_was_there_and_everything_was_pressed(visits: Visits, name: str) -> None:
    """Where this fails, tests/pages/council.py lacks what leads there, or the table where it is."""
    place, pattern = PLACES[name], EVERY[name]
    if tried_in := getattr(place, "tried_in", ""):
        assert reverse(name) in (TESTS / tried_in).read_text(encoding="utf-8")
    elif isinstance(place, Screen):
        missing = [role for role in _who(pattern, place) if not visits.opened(role, name)]
        assert missing == [], f"no page leads {missing} to {name!r}, or it was not answered with 200"
    else:
        how = ("pressed", "empty") if isinstance(place, Act) else ("link",)
        assert not isinstance(place, Door) or place.leads_to in PLACES
        done = [v for v in visits.seen if v.route == name and v.how in how and v.status in (200, 204, 302, 409)]
        assert done, f"nobody pressed, or downloaded, {name!r}"
        assert all(not v.is_page for v in done if isinstance(place, File))


def _who(pattern: URLPattern, place: Screen) -> list[str]:
    return [NOBODY] if place.alone else [role for role in roles_of(pattern) if not place.of or role in place.of]


def test_no_page_is_a_mistake_of_ours(visits: Visits) -> None:
    assert [visit.where for visit in visits.seen if visit.status >= 500] == []
    assert {visit.status for visit in visits.seen} <= {200, 204, 302, 403, 404, 405, 409}


def test_a_form_sent_empty_is_refused_with_what_to_mend_or_needs_nothing(visits: Visits) -> None:
    sent = [v for v in visits.pages if v.how == "empty" and v.route not in places.DEVELOPERS]
    assert len(sent) > 5
    asked = [v for v in sent if v.status != 403 and "Check the answers" not in v.body]
    assert [v.where for v in asked if not v.is_wrong] == []


# What holds of every page ----------------------------------------------------------------------------------------


def test_a_title_says_the_page_and_whether_there_is_something_to_mend(visits: Visits) -> None:
    for visit in visits.pages:
        page, *site = visit.title.split(" \N{EN DASH} ")
        assert site == ["Connecting Families", "Anytown City Council"], visit.where
        assert page.removeprefix("Error: "), visit.where
        assert visit.title.startswith("Error: ") == visit.is_wrong, visit.where


def test_there_is_one_heading_of_the_page(visits: Visits) -> None:
    for visit in visits.pages:
        headings = [token for token in read(visit.body) if token[0] == "<h1"]
        assert len(headings) == 1, visit.where


def test_nothing_is_inline_and_nothing_is_asked_of_another_host(visits: Visits) -> None:
    for visit in visits.pages:
        assert not re.search(r"<style|<script(?![^>]*\ssrc=)", visit.body), visit.where
        for found in attributes("*", visit.body):
            assert not [name for name in found if name == "style" or name.startswith("on")], visit.where
            assert not [n for n in ("src", "href", "action") if ELSEWHERE.match(found.get(n, ""))], visit.where
        policy = visit.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_every_page_is_valid_html(visits: Visits, tmp_path: Path) -> None:
    if reason := validator.why_not():
        pytest.skip(reason)
    known = "a page with a mistake"
    pages = {visit.where: visit.body for visit in visits.shapes} | {
        known: "<!DOCTYPE html><title>A</title><p id=a><p id=a>"
    }
    said = validator.complaints(pages, tmp_path)
    assert [each for each in said if each.startswith(known)], "the checker checks nothing"
    assert [each for each in said if not each.startswith(known)] == []
