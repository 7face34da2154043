"""The page of a family: what is there, what is missing, and who may open it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cohorts import families, people, seen
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

F1 = "/families/F1/"
MOST = {
    F1: 14, f"{F1}people/P1/": 12, f"{F1}notices/": 14, f"{F1}problems/": 13, f"{F1}flag/": 17, f"{F1}consents/": 11,
    "/": 15, "/find/": 3, "/account/": 4, "/families-to-finish/": 12,
}  # fmt: skip
"""Pages, and how many questions each may ask: one more is one for every page of every day."""
REASON = "The children moved to a family that my team supports."


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    return walk


def said(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def elsewhere(walk: Walk) -> None:
    walk.change("families", "family_ref", "F1", team="South")


def test_it_says_who_is_there_what_is_evidenced_and_what_is_to_look_after(walk: Walk, signed_in: SignedIn) -> None:
    page = said(signed_in("worker").get(F1))
    assert "of 6 headline problems evidenced" in page
    assert "Nothing is missing for this family to be eligible" in page
    assert "People in the family today" in page
    assert f'href="{F1}notices/"' in page
    entry = Entry.objects.filter(event="WISHES_VIEWED").latest("pk")
    assert (entry.who, entry.reference, entry.additional_data) == ("worker", "F1", {"page": "family"})


def test_it_never_tells_of_a_cohort(walk: Walk, signed_in: SignedIn) -> None:
    """The family was in one: nothing on its page may say so."""
    page = said(signed_in("worker").get(F1)).lower()
    assert walk.cohort.decisions.filter(family_ref="F1").exists()
    for word in ("cohort", "included", "excluded", "programme", "comparison", "submission", "sent to"):
        assert word not in page.split("</header>")[1], word


def test_who_changed_what_is_told_the_latest_first_and_of_an_identifier_only_that_it_changed(
    walk: Walk, signed_in: SignedIn
) -> None:
    client, row = signed_in("worker"), person_of("P1")
    assert "Nobody changed these records yet." in said(client.get(F1))
    for wanted in ({"given_name": "Perry"}, {"in_education": "education"}):
        asked: Any = {"wanted": wanted, "seen": seen.values(row, wanted)}
        families.change_person(person=row, **asked, by=walk.who("worker"), at=walk.now())
    for _ in range(25):
        client.get(F1)
    told = said(client.get(F1)).split("Changes to these records")[2]
    assert told.index("In education") < told.index("Given name")
    assert "worker (Early Help worker)" in told
    assert "Perry" not in told


def test_evidence_that_does_not_count_says_why_and_what_is_missing_is_told(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    assert "Recorded in error" not in said(client.get(F1))
    walk.change("evidence", "family_ref", "F1", in_error_at="2026-01-01T00:00:00Z")
    page = said(client.get(F1))
    assert "1 of 6 headline problems evidenced" in page
    assert "1 more headline problem needs to be evidenced." in page
    assert "Recorded in error" in page


def test_another_teams_family_opens_with_a_reason_for_an_hour(walk: Walk, signed_in: SignedIn) -> None:
    elsewhere(walk)
    client = signed_in("worker")
    assert client.get(F1).headers["Location"] == f"{F1}open/"
    asked = said(client.get(f"{F1}open/"))
    assert "information governance reads it" in asked
    assert "headline" not in asked
    refused = said(client.post(f"{F1}open/", {"reason": " "}))
    assert "Say why you open this family" in refused
    assert client.get(F1).status_code == 302
    assert "People in the family today" in said(client.post(f"{F1}open/", {"reason": REASON}, follow=True))
    entry = Entry.objects.get(event="OTHER_TEAMS_FAMILY_OPENED")
    assert (entry.who, entry.reference, entry.reason) == ("worker", "F1", REASON)
    assert client.get(f"{F1}notices/").status_code == 200
    walk.minutes += 61
    assert client.get(F1).headers["Location"] == f"{F1}open/"


def test_a_protected_family_opens_to_no_other_team(walk: Walk, signed_in: SignedIn) -> None:
    elsewhere(walk)
    client = signed_in("worker")
    client.post(f"{F1}open/", {"reason": REASON})
    assert client.get(F1).status_code == 200
    people.protect(person=person_of("P1"), kind="refuge", from_on=walk.now().date(), by=duty("test"), at=walk.now())
    for address in (F1, f"{F1}open/", f"{F1}notices/"):
        answer = client.get(address)
        assert answer.status_code == 403, address
        assert "somebody in it is protected" in said(answer)
    assert client.post(f"{F1}open/", {"reason": REASON}).status_code == 403
    assert Entry.objects.filter(event="OTHER_TEAMS_FAMILY_OPENED").count() == 1


def test_a_manager_opens_every_teams_families_without_a_reason(walk: Walk, signed_in: SignedIn) -> None:
    elsewhere(walk)
    accounts.add(username="manager", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    client = signed_in("manager")
    assert client.get(F1).status_code == 200
    assert client.get(f"{F1}open/").headers["Location"] == F1


def test_pages_ask_few_questions_of_the_database_and_none_about_everybody(walk: Walk, signed_in: SignedIn) -> None:
    """Beside those of the facts, which are as many for each family (cohorts/facts.py)."""
    client = signed_in("worker")
    found = {}
    for page in MOST:
        client.get(page)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(page).status_code == 200
        found[page] = len(asked)
        everybody = [each["sql"] for each in asked if "cohorts_survivor" in each["sql"]]
        assert not everybody or not page.startswith(F1), page
    assert {page: number for page, number in found.items() if number > MOST[page]} == {}


def test_the_data_team_reads_a_family_with_a_reason_and_is_led_to_nothing_else(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    assert client.get(F1)["Location"] == f"{F1}open/"
    asked = said(client.get(f"{F1}open/"))
    assert "Its Early Help team mends them." in asked
    assert client.post(f"{F1}open/", {"reason": "A number of this family is on two people."})["Location"] == F1
    page = said(client.get(F1))
    assert "Peregrine Quillfeather" in page
    for way in ("notices/", "people/", "flag/", "protections/"):
        assert f"{F1}{way}" not in page
        assert client.get(f"{F1}{way}").status_code in (403, 404)
    entry = Entry.objects.filter(event="OTHER_TEAMS_FAMILY_OPENED").latest("pk")
    assert (entry.who, entry.reason) == ("prepare", "A number of this family is on two people.")
    assert signed_in("govern").get(F1).status_code == 403


def test_the_data_team_reads_no_family_in_which_somebody_is_protected(walk: Walk, signed_in: SignedIn) -> None:
    at = walk.now()
    people.protect(person=person_of("P2"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    client = signed_in("prepare")
    assert client.get(F1).status_code == 403
    assert client.post(f"{F1}open/", {"reason": "A number is on two people."}).status_code == 403
