"""Every naughty string as the name of somebody of a family: on the family's page, on a letter, and when it is found."""

import html
import re
from typing import Any

import pytest
from django.utils import timezone

from cohorts.models import Person
from tests.pages.conftest import SignedIn
from tests.pages.test_naughty_strings import strings
from tests.stages.asked import version_of
from tests.stages.conftest import WalkTo

LONGEST = 60
"""Letters of what is looked for and typed in a name here; longer ones are cut, and stay as naughty."""
EACH = 3
"""Of so many names one is looked at on a letter: each with its own page."""


def words_of(page: Any, before: str, after: str) -> str:
    """A part of a page, as it is read."""
    part = page.content.decode().partition(before)[2].partition(after)[0]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", part)).split())


def foreign_scripts(page: Any) -> int:
    """How many scripts of a page are not our own files."""
    return len(re.findall('<script(?! src="/static/)', page.content.decode()))


@pytest.fixture
def names() -> list[str]:
    """What can be a name: a file refuses what holds a NUL or another control character."""
    cut = [" ".join(text[:LONGEST].split()) for text in strings()]
    return [text for text in dict.fromkeys(cut) if text and text.isprintable()]


def test_a_name_is_shown_exactly_wherever_it_stands(
    walk_to: WalkTo, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    walk = walk_to("assemble")
    people = [
        {"person_ref": f"N{n}", "given_name": name, "family_name": "Naughty", "date_of_birth": "1990-01-02", "sex": "2"}
        for n, name in enumerate(names)
    ]
    members = [
        {"family_ref": "F5", "person_ref": row["person_ref"], "joined_on": "2025-01-01", "relationship": "lead"}
        for row in people
    ]
    walk.load({"people": people, "memberships": members})
    assert Person.objects.filter(reference__startswith="N").count() == len(names) > len(strings()) * 0.7

    at = walk.now()
    monkeypatch.setattr(timezone, "now", lambda: at)
    client = signed_in("worker")
    page = client.get("/families/F5/")
    shown = words_of(page, "People in the family today", "</table>")
    assert foreign_scripts(page) == 0
    for name in names:
        assert f"{name} Naughty" in shown, name
    version = version_of("PN1").pk
    for number, name in enumerate(names):
        if number % EACH == 0:
            letter = client.get(f"/families/F5/letter/N{number}/{version}/")
            assert words_of(letter, 'class="cf-letter"', "</article>").count(f"{name} Naughty") == 1, name
            assert foreign_scripts(letter) == 0, name
    found = client.post("/find/", {"terms": "Naughty 1990"}, follow=True)
    assert found.status_code == 200
    assert foreign_scripts(found) == 0
