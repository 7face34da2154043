"""The page kit in a browser: readable by everybody, on a phone, under our Content-Security-Policy, without a script.

The pages are handed to the browser here; there is no server and nothing to reach.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from tests.pages import showcase
from tests.pages.chromium import CHROMIUM
from tests.pages.conftest import violations

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'"
)
SITE = "http://site.example"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Needs a Chromium on this machine.")

Answers = dict[str, Callable[[], str]]


def opened(browser: Browser, answers: Answers, *, width: int = 1280, script: bool = True) -> tuple[Page, list[str]]:
    """A page that is answered from here, and what its console says; another host is refused."""
    page = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=script)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE).split("?")[0]
        if path in answers:
            headers = {"Content-Security-Policy": POLICY}
            route.fulfill(body=answers[path](), content_type="text/html; charset=utf-8", headers=headers)
        elif path.startswith("/static/"):
            file = Path(__file__).parents[2] / "static" / path.removeprefix("/static/")
            route.fulfill(body=file.read_bytes(), content_type=KINDS[file.suffix])
        else:
            said.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", answer)
    return page, said


PAGES: Answers = {
    "/form": showcase.form_page,
    "/errors": lambda: showcase.form_page(showcase.ERRORS),
    "/list": showcase.list_page,
    "/detail": showcase.detail_page,
    # A page that takes its time is asked how far the work on it is.
    "/runs/7/progress/": showcase.detail_page,
}


@pytest.mark.parametrize("width", [1280, 640, 320])
@pytest.mark.parametrize("path", ["/form", "/errors", "/list", "/detail"])
def test_a_page_is_sound(browser: Browser, path: str, width: int) -> None:
    page, said = opened(browser, PAGES, width=width)
    page.goto(SITE + path)
    found = violations(page)
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert found == []
    assert too_wide <= 0
    assert said == []


MISTAKES = {
    "image-alt": ("</h1>", '</h1><img src="/static/favicon.svg">'),
    "label": ("</h1>", '</h1><input type="text" name="nameless">'),
    "list": ("</h1>", "</h1><ul><p>Nothing of a list</p></ul>"),
    "aria-allowed-attr": ("</h1>", '</h1><p aria-checked="true">Neither</p>'),
    "color-contrast": ("</h1>", '</h1><p class="govuk-footer"><a class="govuk-link--inverse" href="/">White</a></p>'),
    "html-has-lang": ('lang="en"', ""),
    "document-title": ("<title>", "<title></title><title>"),
    "meta-viewport": ("initial-scale=1", "initial-scale=1, user-scalable=no"),
}


def test_what_axe_finds_in_a_page_is_found_where_it_is_examined(browser: Browser) -> None:
    wrong = ""
    page, _ = opened(browser, {"/form": lambda: showcase.form_page().replace(*MISTAKES[wrong], 1)})
    for wrong in MISTAKES:
        page.goto(f"{SITE}/form")
        found = [rule for rule, _ in violations(page)]
        inside = Axe().run(page, options={"rules": {"region": {"enabled": False}}}).response["violations"]
        assert wrong in found
        assert found == [each["id"] for each in inside]


def test_the_error_summary_has_the_focus_and_its_links_lead_to_the_box(browser: Browser) -> None:
    page, _ = opened(browser, PAGES, script=True)
    page.goto(SITE + "/errors")
    assert "govuk-error-summary" in page.evaluate("document.activeElement.className")
    page.get_by_role("link", name="Enter a real date, for example 27 3 2026").click()
    assert page.evaluate("document.activeElement.id") == "id_born_month"
    page.close()


def test_what_a_choice_asks_for_is_shown_with_it_without_a_script(browser: Browser) -> None:
    page, _ = opened(browser, PAGES, script=False)
    page.goto(SITE + "/form")
    assert not page.get_by_label("Address").is_visible()
    page.get_by_label("By post").check()
    assert page.get_by_label("Address").is_visible()
    page.get_by_label("By hand").check()
    assert not page.get_by_label("Address").is_visible()
    page.close()


def test_a_part_that_changes_is_replaced_until_it_is_done(browser: Browser) -> None:
    done = [f'<div id="progress" aria-live="polite" data-poll-url="/poll"><p>Step {n}</p></div>' for n in (1, 2)]
    done.append('<div id="progress" aria-live="polite"><p>All done</p></div>')
    asked: list[str] = []

    def progress() -> str:
        asked.append(done[len(asked)])
        return asked[-1]

    page, said = opened(browser, {"/detail": showcase.detail_page, "/runs/7/progress/": progress})
    page.clock.install()
    page.goto(SITE + "/detail")
    for text in ("Step 1", "Step 2", "All done"):
        with page.expect_response("**/runs/7/progress/"):
            page.clock.run_for(2000)
        page.locator("#progress", has_text=text).wait_for()
    page.clock.run_for(10_000)
    assert len(asked) == 3
    assert page.locator("#progress").get_attribute("aria-busy") == "false"
    assert said == []
    page.close()
