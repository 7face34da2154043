"""A family becomes one to flag, is flagged, and a manager looks at it: without a script, as a worker would tell it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from cohorts.rules.evidence import missing_to_flag
from cohorts.views.problems import known_today
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.faults.test_workers import now
from tests.journeys.test_permission import press, the_rules
from tests.pages.conftest import DESK, PHONE, Browse, Reader, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.asked import family_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

pytestmark = needs_a_browser
Begin = Callable[[], tuple[Reader, Reader]]


class WithoutScript(Reader):
    """A reader whose browser runs no script: not the one either that looks for violations of the rules."""

    def look(self) -> None:
        """Nothing to scroll sideways to on a telephone."""
        self.page.set_viewport_size(PHONE)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], self.page.url
        self.page.set_viewport_size(DESK)


def a_family(walk: Walk) -> None:
    """A family of which nothing was recorded, and a manager."""
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    walk.load({
        "families": [{"family_ref": "F9", "team": "North"}],
        "people": [{"person_ref": "P91", "given_name": "Ottilie", "family_name": "Wren", "date_of_birth": "1990-01-01",
                    "sex": "2"},
                   {"person_ref": "P92", "given_name": "Basil", "family_name": "Wren", "date_of_birth": "2016-01-01",
                    "sex": "1"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01", "relationship": role,
                         "lives_in_household": "true"} for ref, role in (("P91", "lead"), ("P92", "child"))],
        "notices": [{"notice_ref": "N9", "version": "PN1", "family_ref": "F9", "issued_on": "2026-07-01",
                     "channel": "letter"}],
    })  # fmt: skip


@pytest.fixture
def begin(walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse) -> Begin:
    """A worker and a manager, each in a browser that runs no script."""

    def started() -> tuple[Reader, Reader]:
        a_family(walk_to("assemble"))
        clients = [signed_in(name) for name in ("worker", "manage")]
        site = serve()
        browser = browse(site, clients[0]).page.context.browser
        assert browser is not None
        worker, manager = (
            WithoutScript(browser.new_context(java_script_enabled=False), site, each) for each in clients
        )
        return worker, manager

    return started


def missing() -> Any:
    return the_rules(lambda: missing_to_flag(*known_today(family_of("F9"), now())))


def tick(reader: Reader, headline: str, indicator: str, person: str, **day: str) -> None:
    """Tick a thing below its headline, and fill in what it reveals."""
    page = reader.page
    box = page.get_by_role("group", name=headline, exact=True).locator(f'input[value="{indicator}"]')
    when = page.locator(f'[id="id_{indicator}_observed_on_day"]')
    expect(when).to_be_hidden()
    box.check()
    expect(when).to_be_visible()
    for part, value in ({"day": "1", "month": "9", "year": "2026"} | day).items():
        page.locator(f'[id="id_{indicator}_observed_on_{part}"]').fill(value)
    page.locator(f'[id="id_{indicator}_person"]').select_option(label=person)
    page.locator(f'[id="id_{indicator}_source"]').select_option(label="The family told us")


def test_problems_are_recorded_mended_and_counted_and_the_family_is_flagged_and_reviewed(begin: Begin) -> None:
    worker, manager = begin()
    page = worker.page
    worker.open("/families/F9/flag/")
    expect(page.get_by_text("2 more headline problems need to be evidenced.").first).to_be_visible()
    follow(page.get_by_role("link", name="Problems", exact=True))
    worker.look()
    press(worker, "Record problems")
    # Three things of two headline problems, one of them with a mistake.
    tick(worker, "Domestic abuse", "TF5.1", "Ottilie Wren")
    tick(worker, "Domestic abuse", "TF5.3", "The whole family")
    tick(worker, "School attendance", "TF2.1", "Basil Wren", month="")
    press(worker, "Continue")
    expect(page).to_have_title(re.compile("^Error: "))
    follow_error = page.locator(".govuk-error-summary a")
    expect(follow_error).to_have_count(1)
    expect(follow_error).to_contain_text("the date must include a month")
    page.locator('[id="id_TF2.1_observed_on_month"]').fill("9")
    press(worker, "Continue")
    expect(page.get_by_role("heading", name="Check the answers")).to_be_visible()
    press(worker, "Change the answers")
    expect(page.locator('[id="id_TF2.1_observed_on_month"]')).to_have_value("9")
    press(worker, "Continue")
    press(worker, "Record the problems")
    expect(page.get_by_text("2 of 6 headline problems evidenced")).to_be_visible()
    assert missing() == []
    # One was somebody else's: it counts no more, and what is missing is said again.
    follow(page.get_by_role("link", name=re.compile("Recorded in error.*three terms", re.IGNORECASE)))
    worker.look()
    page.get_by_label("What was wrong with it?").fill("It was another child.")
    press(worker, "Mark it as recorded in error")
    expect(page.get_by_text("1 of 6 headline problems evidenced")).to_be_visible()
    assert missing() == ["1 more headline problem needs to be evidenced."]
    press(worker, "Record problems")
    tick(worker, "Health", "TF6.1", "Ottilie Wren")
    press(worker, "Continue")
    press(worker, "Record the problems")
    follow(page.get_by_role("link", name="Flag", exact=True))
    press(worker, "Flag this family")
    press(worker, "Flag the family")
    expect(page.get_by_text("Waits for a manager").first).to_be_visible()
    manager.open("/flags-to-review/")
    follow(manager.page.get_by_role("link", name="F9 flag"))
    press(manager, "Review the flag")
    manager.page.get_by_label("No, send it back").check()
    manager.page.get_by_label("What has to be put right?").fill("Ask the school.")
    press(manager, "Record the review")
    page.reload()
    expect(page.get_by_text("Ask the school.")).to_be_visible()
    press(worker, "Flag this family")
    press(worker, "Flag the family")
    manager.open("/families/F9/flag/")
    press(manager, "Review the flag")
    manager.page.get_by_label("Yes, confirm it").check()
    press(manager, "Record the review")
    expect(manager.page.get_by_text("The flag is confirmed.")).to_be_visible()
