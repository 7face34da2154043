"""Whoever asks for too much in a minute is asked to wait, in a browser: what they read, and that they go on then."""

import re
from typing import Any

from django.core.cache import cache
from playwright.sync_api import expect

from tests.journeys.test_signing_in import (
    begin,
    give_code,
    give_password,
    the_database_is_asked_from_within_the_browsers_loop,  # noqa: F401 - a fixture
)
from tests.pages.conftest import Browse, Reader, Serve, needs_a_browser
from tests.pages.following import follow
from tests.signing_in import code_of, enrol
from tests.stages.conftest import WalkTo

pytestmark = needs_a_browser
NAME = "Quillfeather"


def asked_to_wait(reader: Reader, title: str) -> None:
    """The page says so, in the browser's tab, too, and to programs by its headers."""
    expect(reader.page).to_have_title(re.compile(f"^{title}"))
    reader.look()


def test_searching_and_signing_in_too_often(walk_to: WalkTo, serve: Serve, browse: Browse, settings: Any) -> None:
    settings.CF_SEARCHES_A_MINUTE = 2
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip", "login_failed": "1/m/ip,5/300s/key"}
    begin(walk_to("assemble"), "j.bell")
    enrol("j.bell")
    cache.clear()
    reader = browse(serve())
    page = reader.page
    answers: dict[str, tuple[int, str | None]] = {}
    page.on("response", lambda each: answers.update({each.url: (each.status, each.headers.get("retry-after"))}))
    reader.open("/rounds/")
    for password in ("not this one", "nor this", "and not this"):
        give_password(reader, "j.bell", password)
    asked_to_wait(reader, "Too many tries")
    assert answers[f"{reader.site}/account/login/"] == (429, "60")
    # A minute later they go on to where they wanted to go.
    cache.clear()
    follow(page.get_by_role("button", name="Try once more"))
    give_password(reader, "j.bell")
    give_code(reader, code_of("j.bell"))
    expect(page).to_have_url(f"{reader.site}/rounds/")
    reader.open("/find/")
    page.get_by_label("Whom are you looking for?").fill(NAME)
    follow(page.get_by_role("button", name="Search"))
    expect(page).to_have_title(re.compile("^Find a family: results"))
    found = page.url
    for _ in range(2):
        page.reload()
    asked_to_wait(reader, "Too many searches")
    assert (page.url, answers[found]) == (found, (429, "60"))
    cache.clear()
    follow(page.get_by_role("button", name="Show the results"))
    assert page.url == found
    assert page.get_by_label("Whom are you looking for?").input_value() == NAME
