"""Who is answered what, for every address of the site: as docs/access.md has it, and as the table of roles says."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from connecting_families.staff.guards import METHODS
from connecting_families.staff.roles import ROLES
from tests.pages import access
from tests.pages.access import GUESSED, OF_ANOTHER_TEAM, THERE, Answer, Asked
from tests.pages.places import patterns
from tests.pages.test_roles import OF_EVERYBODY
from tests.pages.visits import NOBODY, Visits

pytestmark = pytest.mark.xdist_group("places")

NAMED = {str(pattern.name): pattern for pattern in patterns()}
PAGE = Path(__file__).parents[2] / "docs" / "access.md"
ROLE_OF = {OF_ANOTHER_TEAM: "early_help_worker"}


def everything(visits: Visits) -> Iterator[tuple[Asked, str, str, Answer]]:
    for asked, of in visits.answers.items():
        for role, ways in of.items():
            for way, answer in ways.items():
                yield asked, role, way, answer


def test_the_page_is_what_the_program_answers(visits: Visits) -> None:
    """Where this fails, look at what is different before you run `make access`."""
    page = access.page(visits.answers)
    if os.environ.get("CF_ACCESS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


def test_every_address_stands_in_the_page() -> None:
    """Asked of the page alone, so that a new address is missed by its name."""
    there = access.in_the_page(PAGE.read_text(encoding="utf-8"))
    assert [name for name, pattern in NAMED.items() if access.written(pattern) not in there] == []


def test_nothing_is_a_mistake_of_ours_whoever_asks_and_however(visits: Visits) -> None:
    known = {200, 204, 302, 403, 404, 405, 409}
    assert [asked for *asked, answer in everything(visits) if answer.status not in known] == []


def test_a_way_that_is_not_open_says_which_are(visits: Visits) -> None:
    for asked, role, way, answer in everything(visits):
        assert (answer.status == 405) == bool(answer.allow), (asked, role, way)
        assert way not in answer.allow.split(", "), (asked, role, way)
        assert set(answer.allow.split(", ")) <= {"", *METHODS}, (asked, role, way)
        assert way not in ("PUT", "DELETE") or answer.status == 405, (asked, role)


def test_head_is_answered_as_get_is_and_leaves_the_same_on_the_trail(visits: Visits) -> None:
    heads = 0
    for asked, of in visits.answers.items():
        for role, ways in of.items():
            if "HEAD" in ways:
                heads += 1
                assert ways["HEAD"] == ways["GET"], (asked, role)
    assert heads > 300


def test_who_is_not_signed_in_is_led_to_the_sign_in_whatever_they_ask_for(visits: Visits) -> None:
    for asked, role, way, answer in everything(visits):
        if role == NOBODY and asked.route not in OF_EVERYBODY:
            assert answer.said in ("sign in", "405"), (asked, way)


def test_a_role_that_may_not_is_refused_once_on_the_trail_and_one_that_may_is_not(visits: Visits) -> None:
    refused = 0
    for asked, role, way, answer in everything(visits):
        if role == NOBODY or asked.route in OF_EVERYBODY or answer.status == 405:
            continue
        where = (asked, role, way)
        if answer.status == 403:
            ((event, who),) = answer.recorded
            assert (event, bool(who), answer.says_why or way == "HEAD") == ("ACCESS_REFUSED", True, True), where
            refused += 1
        assert may(asked, role) or answer.status == 403, where
        assert not may(asked, role) or answer.status != 403 or of_their_team(asked, role), where
    assert refused > 1000


def may(asked: Asked, role: str) -> bool:
    """Whether a role has the permission that an address asks for."""
    needed = set(getattr(NAMED[asked.route].callback, "permissions", ()))
    return not needed or bool(ROLES[ROLE_OF.get(role, role)].permits & needed)


def of_their_team(asked: Asked, role: str) -> bool:
    """Whether who may in general may be refused here: what is another team's, to all but a manager."""
    return asked.route in OF_A_TEAM and role != "early_help_manager" and (role != "early_help_worker")


OF_A_TEAM = {name for name, pattern in NAMED.items() if "family" in pattern.pattern.converters} | {"team_request"}


def test_what_is_not_there_is_told_from_nothing_that_may_not_be_seen(visits: Visits) -> None:
    """A number that is guessed tells nobody whose role may not look whether there is such a thing."""
    there = {asked.route: of for asked, of in visits.answers.items() if asked.what == THERE}
    for asked, of in visits.answers.items():
        for role in of if asked.what == GUESSED else ():
            if role == NOBODY or not may(asked, role):
                assert of[role] == {way: there[asked.route][role][way] for way in of[role]}, (asked, role)


def test_nobody_of_another_team_is_shown_or_changes_anything_of_a_family(visits: Visits) -> None:
    """Until a reason was given: then it may be looked at for an hour (test_find.py), and nothing recorded."""
    looked = 0
    for asked, of in visits.answers.items():
        if "family" in NAMED[asked.route].pattern.converters and asked.what == THERE and asked.route != "open_family":
            looked += 1
            assert of[OF_ANOTHER_TEAM]["GET"].said in ("reason", "403", "405"), asked
            assert of[OF_ANOTHER_TEAM]["POST"].said in ("reason", "403", "405"), asked
    assert looked > 30
