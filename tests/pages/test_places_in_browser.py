"""Every page of the walk through the site (visits.py) in a browser, one of each shape: readable by everybody, at every
width, under its own Content-Security-Policy, with a script and without one.

The pages are handed to the browser here, each with the headers it was answered with; another host is refused.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.pages.conftest import needs_a_browser, violations
from tests.pages.visits import Visit, Visits

pytestmark = [needs_a_browser, pytest.mark.xdist_group("places")]

SITE = "http://localhost"
STATIC = Path(__file__).parents[2] / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WIDTHS = (320, 640, 1280)
"""At 400%, which is narrower than a telephone, at 200%, and a desk: at its width the next page is opened."""
PHOTOGRAPHED = (1280, 390)
WATCH = "addEventListener('securitypolicyviolation', e => console.error('refused by policy: ' + e.violatedDirective))"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HIDDEN = """() => [...document.querySelectorAll('main *')].filter(e => e.innerText && !e.checkVisibility()
  && !e.closest('details, [class*=conditional], noscript, option')).map(e => e.outerHTML.slice(0, 200))"""


class Shown:
    """A browser's tab that is handed the pages of visits, and hears what it complains of."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.visit: Visit | None = None
        self.page.add_init_script(WATCH)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        address, visit = route.request.url, self.visit
        file = STATIC / address.removeprefix(f"{SITE}/static/")
        if route.request.is_navigation_request() and visit is not None:
            # Of two cookies Playwright makes one header that no browser takes; here nothing asks for any.
            left_out = ("Content-Length", "Set-Cookie")
            headers = {name: value for name, value in visit.headers.items() if name not in left_out}
            route.fulfill(body=visit.body, headers=headers, content_type="text/html; charset=utf-8")
        elif address.startswith(f"{SITE}/static/") and file.is_file():
            route.fulfill(body=file.read_bytes(), content_type=KINDS[file.suffix])
        elif address.startswith(f"{SITE}/") and route.request.resource_type == "image":
            route.fulfill(body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type=KINDS[".svg"])
        elif route.request.headers.get("x-poll"):
            route.fulfill(status=200, body=visit.body if visit else "", content_type="text/html")
        else:
            self.complaints.append(f"asked for {address}")
            route.abort()

    def open(self, visit: Visit) -> None:
        """Open a page."""
        self.visit = visit
        self.complaints.clear()
        # An address of a page that refreshes itself must not do so later, in the place of another.
        self.page.goto(SITE + visit.address)

    def too_wide(self) -> list[int]:
        """The widths at which the page would have to be scrolled sideways."""
        found = []
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            if self.page.evaluate(TOO_WIDE) > 0:
                found.append(width)
        return found


def test_every_page_is_sound(visits: Visits, request: pytest.FixtureRequest) -> None:
    # The walk is over before the browser starts: inside its loop the database cannot be asked.
    context = request.getfixturevalue("browser").new_context()
    shown = Shown(context)
    wrong: list[object] = []
    for visit in visits.shapes if os.environ.get("CF_SCREENS") else visits.richest:
        shown.open(visit)
        wrong += [(visit.where, *each) for each in violations(shown.page)]
        wrong += [(visit.where, "too wide", width) for width in shown.too_wide()]
        wrong += [(visit.where, said) for said in shown.complaints]
        _photograph(shown.page, visit)
    assert wrong == []


def test_every_page_is_whole_without_a_script(visits: Visits, request: pytest.FixtureRequest) -> None:
    shown = Shown(request.getfixturevalue("browser").new_context(java_script_enabled=False))
    wrong: list[object] = []
    for visit in visits.of_each_place:
        shown.open(visit)
        assert shown.page.locator("h1").is_visible(), visit.where
        wrong += [(visit.where, hidden) for hidden in shown.page.evaluate(HIDDEN)]
        wrong += [(visit.where, said) for said in shown.complaints if "meta" not in said]
    assert wrong == []


def test_the_tab_hears_what_is_refused(visits: Visits, request: pytest.FixtureRequest) -> None:
    shown = Shown(request.getfixturevalue("browser").new_context())
    bad = "<h1 style='color:red'>A</h1><script>1</script><img src='http://elsewhere.example/a.png'>"
    shown.open(visits.shapes[0]._replace(body=f"<!DOCTYPE html><title>A</title>{bad}"))
    said = " ".join(shown.complaints)
    assert "style-src" in said
    assert "script-src" in said
    assert "img-src" in said


def _photograph(page: Page, visit: Visit) -> None:
    """A photograph at both widths, where make screens asks for one."""
    if folder := os.environ.get("CF_SCREENS"):
        name = f"{visit.route or visit.status}-{visit.role}-{visit.how.replace(', ', '-')}-{visit.shape[-4:]}.png"
        for width in PHOTOGRAPHED:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(folder) / str(width) / name, full_page=True)
