"""Finding a family on the page: nothing typed stands in an address, a title or a log, and going back loses nothing."""

import logging
from typing import Any

import pytest
from django.test import Client

from cohorts import people
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Browse, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.conftest import WalkTo
from tests.stages.test_search import MORE, many
from tests.stages.walk import PASSWORD, Walk


@pytest.fixture
def walk(walk_to: WalkTo, signed_in: SignedIn) -> Walk:
    """Workers of two teams, and families of both."""
    walked = walk_to("assemble")
    walked.load(MORE)
    for name, role, team in (
        ("north", "early_help_worker", "North"),
        ("manager", "early_help_manager", ""),
    ):
        accounts.add(username=name, role=role, team=team, password=PASSWORD, by=duty("test"), at=walked.now())
    return walked


def found(client: Client, terms: str, **filters: str) -> str:
    """What the page says of a search."""
    answer = client.post("/find/", {"terms": terms} | filters, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_somebody_is_found_and_what_was_typed_stands_nowhere_but_on_the_page(
    walk: Walk, signed_in: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    client, before = signed_in("north"), Entry.objects.latest("pk").pk
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/find/", {"terms": "zeo wojcik"}, follow=True)
    said = answer.content.decode()
    assert "<bdi>Zoë Wójcik</bdi>" in said
    (where, _), *_ = answer.redirect_chain
    title = said.partition("<title>")[2].partition("</title>")[0]
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "django.db.backends")
    for place in (where, title, logged, *(str(entry.__dict__) for entry in Entry.objects.filter(pk__gt=before))):
        for word in ("wojcik", "wójcik", "zeo", "zoë"):
            assert word not in place.lower()


def test_families_of_another_team_are_listed_with_less(walk: Walk, signed_in: SignedIn) -> None:
    of_own_team, of_another = found(signed_in("north"), "hall"), found(signed_in("manager"), "hall")
    assert "1990" in of_own_team
    assert "1 February 1990" not in of_own_team
    assert "Your team" not in of_own_team
    assert ">Not flagged</strong>" not in of_own_team
    assert ">Not flagged</strong>" in of_another
    assert "1 February 1990" in of_another
    own = found(signed_in("north"), "wojcik")
    assert "3 April 2015" in own
    assert "Your team" in own
    assert "also recorded as P17, merged" in of_own_team


def test_no_address_is_shown_and_no_cohort(walk: Walk, signed_in: SignedIn) -> None:
    people.protect(
        person=walk.person("P10"), kind="refuge", from_on=walk.now().date(), by=walk.who("worker"), at=walk.now()
    )
    for terms in ("wojcik", "hall", "quillfeather"):
        said = found(signed_in("manager"), terms)
        assert "Osier Lane" not in said
        assert "AB1" not in said
        assert "Marlinspike" not in said
        assert "cohort" not in said.lower()


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ("", "Enter a name, a date of birth, a postcode or a reference"),
        ("   ", "Enter a name, a date of birth, a postcode or a reference"),
        ("zoe\0wojcik", "holds a character that cannot be kept"),
        ("x" * 10_000, "Type at most 200 characters"),
        ("a " * 50, "Type at most 12 words"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_in_words(walk: Walk, signed_in: SignedIn, terms: str, says: str) -> None:
    said = found(signed_in("north"), terms)
    assert says in said
    assert "<title>Error: " in said
    assert not Entry.objects.filter(event="FAMILIES_SEARCHED").exists()


@pytest.mark.parametrize(
    "terms", ["%", "_", "'; DROP TABLE x --", '"', "\\", "\N{RIGHT-TO-LEFT OVERRIDE}cb", "<b>x</b>"]
)
def test_odd_characters_are_looked_for_as_they_are(walk: Walk, signed_in: SignedIn, terms: str) -> None:
    said = found(signed_in("north"), terms)
    assert "Nobody was found" in said or "%_&#x27;&quot;\\" in said
    assert "<b>x</b>" not in said


def test_a_search_is_of_the_session_that_made_it(walk: Walk, signed_in: SignedIn) -> None:
    answer = signed_in("north").post("/find/", {"terms": "wojcik"})
    assert signed_in("manager").get(answer["Location"]).headers["Location"] == "/find/"


def test_only_the_last_searches_are_kept(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("north")
    where = [client.post("/find/", {"terms": "wojcik"})["Location"] for _ in range(21)]
    assert [client.get(address).status_code for address in (where[0], where[1], where[-1])] == [302, 200, 200]


def test_an_odd_page_is_the_first(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("north")
    where = client.post("/find/", {"terms": "wojcik"})["Location"]
    for page in ("", "0", "-1", "x", "9" * 500, "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT TWO}"):
        assert "Zoë" in client.get(where, {"page": page}).content.decode()


@needs_a_browser
def test_a_worker_searches_turns_pages_and_goes_back(
    walk: Walk, signed_in: SignedIn, serve: Serve, browse: Browse, monkeypatch: Any
) -> None:
    walk.load(many(60))
    client = signed_in("north")
    reader = browse(serve(), client)
    page = reader.page
    reader.open("/find/")
    follow(page.get_by_role("button", name="Search"))
    assert page.title().startswith("Error: Find a family")
    reader.look()
    page.get_by_label("Whom are you looking for?").fill("barnabi")
    follow(page.get_by_role("button", name="Search"))
    page.get_by_text("60 found").wait_for()
    assert page.title().startswith("Find a family: results (page 1 of 3)")
    reader.look()
    follow(page.get_by_role("link", name="Next"))
    assert page.title().startswith("Find a family: results (page 2 of 3)")
    first = page.locator("main table th[scope=row]").first.inner_text()
    reader.look()
    follow(page.get_by_role("link", name="Home", exact=True))
    page.go_back()
    assert page.locator("main table th[scope=row]").first.inner_text() == first
    page.go_back()
    assert page.title().startswith("Find a family: results (page 1 of 3)")
    assert page.get_by_label("Whom are you looking for?").input_value() == "barnabi"
    page.get_by_label("Team").select_option("South")
    follow(page.get_by_role("button", name="Search"))
    page.get_by_role("heading", name="Nobody was found").wait_for()
    reader.look()
    page.get_by_label("Whom are you looking for?").fill("dyke")
    follow(page.get_by_role("button", name="Search"))
    page.get_by_text("Anne-Marie van-Dyke").wait_for()
    reader.look()
    assert "arnab" not in page.url
    assert "dyke" not in page.url
