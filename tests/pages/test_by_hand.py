"""The journey in a browser, as people walk it: from a round to a delivered submission, and the trail of it."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from cohorts import loading
from connecting_families import invented
from connecting_families.audit.trail import Who, duty
from connecting_families.staff import accounts
from connecting_families.workers import WORKER
from tests.faults.test_workers import now, people, queue, recipient, wait_until  # noqa: F401 - fixtures
from tests.pages.conftest import needs_a_browser, violations
from tests.pages.following import follow
from tests.signing_in import code_of, enrol

PASSWORD = "a walk through anytown"

pytestmark = needs_a_browser


@pytest.fixture
def site(
    committed: str, queue: None, folders: Path, people: dict[str, Who], recipient: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:  # fmt: skip
    """The site and a worker as processes, with invented families on file; its address."""
    invented.write(folders / "cases", 60)
    loading.load_directory(folders / "cases", by=duty("load"), at=now())
    accounts.add(username="govern", role="information_governance", password=PASSWORD, by=duty("test"), at=now())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "connecting_families.wsgi"]
    processes = [subprocess.Popen(words, cwd=settings.BASE_DIR) for words in (gunicorn, WORKER)]
    try:
        wait_until(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A browser's page; anything that it complains of fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert not complaints


def sign_in(page: Page, site: str, who: str) -> None:
    enrol(who)
    page.context.clear_cookies()
    page.goto(f"{site}/account/login/")
    look(page)
    page.fill("[name=login]", who)
    page.fill("[name=password]", PASSWORD)
    follow(page.locator("main button").first)
    look(page)
    page.fill("[name=code]", code_of(who))
    follow(page.locator("main button").first)
    look(page)


def look(page: Page) -> None:
    """No violation of the accessibility rules, and nothing to scroll sideways to on a telephone."""
    assert violations(page) == [], page.url
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
    page.set_viewport_size({"width": 1280, "height": 900})


def press(page: Page, words: str) -> None:
    follow(page.get_by_role("button", name=words))
    if "/account/reauthenticate/" in page.url:
        look(page)
        page.fill("[name=password]", PASSWORD)
        follow(page.locator("main button").first)
    look(page)


def test_a_round_is_walked_from_its_opening_to_its_delivery(page: Page, site: str) -> None:
    sign_in(page, site, "prepare")
    page.goto(f"{site}/rounds/open/")
    look(page)
    press(page, "Open the round")
    expect(page).to_have_title(re.compile("^Error: "))
    page.fill("[name=code]", "HAND")
    for box, value in zip(page.locator("input[name^=cut_off]").all(), ("30", "9", "2026"), strict=True):
        box.fill(value)
    page.check("[name=framework][value=TF]")
    for dataset in ("PNC", "NPD"):
        page.check(f"[name=datasets][value={dataset}]")
    page.select_option("[name=agreement]", "DSA-2026")
    press(page, "Open the round")
    press(page, "Assemble a cohort now")
    until = time.monotonic() + 60
    while "Digest of the decisions" not in page.content():
        assert time.monotonic() < until
        time.sleep(0.2)
        page.reload()
    look(page)
    for words in ("Who can be found in each dataset", "What is different from the cohort before"):
        follow(page.get_by_role("link", name=words))
        look(page)
        follow(page.get_by_role("link", name="Back"))
    follow(page.get_by_role("link", name="Everyone who is in"))
    look(page)
    follow(page.locator("main table a").first)
    look(page)
    expect(page.locator("main")).to_contain_text("No reason speaks against sending")

    page.goto(f"{site}/submissions/")
    look(page)
    press(page, "Draft its submission")
    submission = page.url
    expect(page.locator("main")).to_contain_text("You cannot put this forward yet, because: Explain these open queries")
    expect(page.get_by_role("button", name="Put forward for approval")).to_have_count(0)
    follow(page.get_by_role("button", name="Explain open queries").or_(page.get_by_text("Explain open queries")).first)
    look(page)
    for box in page.locator("main textarea").all():
        box.fill("Invented, and wrong by design.")
    press(page, "Keep the explanations")
    press(page, "Put forward for approval")
    expect(page.locator("main")).to_contain_text("Your role may not")
    expect(page.get_by_role("button", name="Approve exactly this content")).to_have_count(0)

    sign_in(page, site, "approve")
    page.goto(submission)
    expect(page.locator("main")).to_contain_text("Open the sample of this submission first")
    press(page, "Open the sample")
    expect(page.locator("main")).to_contain_text("•")
    page.goto(submission)
    press(page, "Approve exactly this content")
    page.goto(submission)
    expect(page.locator("main")).to_contain_text("Approved by")
    press(page, "Seal it for its recipients")
    # The page follows the workers by itself.
    expect(page.get_by_role("button", name="Deliver it")).to_be_visible(timeout=60_000)
    press(page, "Deliver it")
    expect(page.locator("main")).to_contain_text("This submission was delivered", timeout=60_000)
    look(page)

    sign_in(page, site, "govern")
    page.goto(f"{site}/trail/")
    look(page)
    expect(page.locator("main")).to_contain_text("A submission was delivered")
    follow(page.locator("main table a").first)
    look(page)
    page.goto(f"{site}/certificates/accept/")
    look(page)
