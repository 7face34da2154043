"""The site as people open it: signed in by the page itself, at a clock that a test sets, or in a browser."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from connecting_families.staff.roles import ROLES
from tests.pages import access, council
from tests.pages.chromium import CHROMIUM, Chromium
from tests.pages.visits import Visits, visit_everything
from tests.signing_in import sign_in
from tests.stages.conftest import QUICK, Stands, WalkTo, stands, walk_to  # noqa: F401 - fixtures
from tests.stages.walk import PASSWORD, Walk

SignedIn = Callable[[str], Client]
Serve = Callable[[], str]
Browse = Callable[..., "Reader"]
Clock = Callable[[Walk], None]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}

needs_a_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed: nothing was tried in a browser."
)


@pytest.fixture(autouse=True)
def nobody_is_left_on_the_database(request: pytest.FixtureRequest) -> None:
    """Close what an earlier test left open, before a browser starts.

    Inside a browser's event loop Django has other connections than outside, and cannot reach these; and a database on
    which somebody is left cannot be copied.
    """
    if {"committed", "walk_to"} & set(request.fixturenames):
        connection.close()


@pytest.fixture
def signed_in(settings: Any) -> SignedIn:
    """`signed_in(name)`: a client in which this member of staff has just signed in, with the password and a code."""
    settings.PASSWORD_HASHERS = QUICK

    def client_of(name: str) -> Client:
        client = Client()
        sign_in(client, name, PASSWORD)
        return client

    return client_of


@pytest.fixture
def at_the_walks_time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`at_the_walks_time(walk)`: what pages read from the clock goes on from where the walk stands."""

    def set_clock(walk: Walk) -> None:
        def now() -> datetime:
            return walk.now()

        monkeypatch.setattr(timezone, "now", now)

    return set_clock


@pytest.fixture
def walked_to(request: pytest.FixtureRequest, at_the_walks_time: Clock) -> WalkTo:
    """A walk whose clock the pages read."""
    to: WalkTo = request.getfixturevalue("walk_to")

    def walk(act: str) -> Walk:
        walked = to(act)
        at_the_walks_time(walked)
        return walked

    return walk


@pytest.fixture
def built(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Walk]:
    """`built()`: a council in which every screen has something to show; its clock goes on by itself."""

    made: list[Walk] = []

    def build() -> Walk:
        if made:
            return made[0]
        places: Stands = request.getfixturevalue("stands")
        places.further["council"] = ("assemble", council.build)
        walk: Walk = request.getfixturevalue("walk_to")("council")
        then, start = walk.now(), time.monotonic()
        monkeypatch.setattr(timezone, "now", lambda: then + timedelta(seconds=time.monotonic() - start))
        made.append(walk)
        return walk

    return build


@pytest.fixture(scope="session")
def walked_once() -> list[Visits | Exception]:
    """What was seen on the walk through the site, once it was walked; or why it could not be."""
    return []


@pytest.fixture
def visits(request: pytest.FixtureRequest, walked_once: list[Visits | Exception]) -> Visits:
    """Every page of the site as every role was answered it, and who is answered what; walked once for a run."""
    if not walked_once:
        client_of = request.getfixturevalue("signed_in")
        try:
            request.getfixturevalue("built")()
            walked = visit_everything(list(ROLES), client_of)
            walked.answers = access.ask(walked, client_of)
            walked_once.append(walked)
        except Exception as error:
            walked_once.append(error)
            raise
        finally:
            connection.close()
    seen = walked_once[0]
    if isinstance(seen, Exception):
        pytest.fail(f"The walk through the site was not finished: {seen!r}", pytrace=False)
    return seen


class _Quiet(WSGIRequestHandler):
    """Answers, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Not told."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve()`: the site, served by this process, on the database of the test; its address."""
    serving: list[ThreadedWSGIServer] = []

    def start() -> str:
        server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
        server.set_app(WSGIHandler())
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        serving.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in serving:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serve_apart() -> Iterator[Serve]:
    """`serve_apart()`: the site as a process with settings of its own, as the environment has them by then."""
    servers: list[subprocess.Popen[bytes]] = []

    def start() -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "connecting_families.wsgi"]
        servers.append(subprocess.Popen(command, cwd=configured.BASE_DIR, stderr=subprocess.DEVNULL))
        until = time.monotonic() + 30
        while not _answers(port):
            assert time.monotonic() < until, "The site did not start."
            time.sleep(0.05)
        return f"http://127.0.0.1:{port}"

    yield start
    for server in servers:
        server.terminate()
        server.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def violations(page: Page) -> list[list[str]]:
    """What axe finds wrong with a page: the rule and the first element of it."""
    return RUNNING[0].violations(page)


class Reader:
    """Somebody who opens pages in a browser, signed in as whoever a client is."""

    def __init__(self, context: BrowserContext, site: str, client: Client | None = None) -> None:
        self.site, self.complaints = site, list[str]()
        if client is not None:
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
        self.page: Page = context.new_page()
        self.page.set_viewport_size(DESK)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))

    def _heard(self, kind: str, text: str) -> None:
        # The browser also says of every page that is refused that it was.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def open(self, path: str) -> None:
        """Open a page, and look at it."""
        self.page.goto(self.site + path)
        self.look()

    def look(self) -> None:
        """No violation of the accessibility rules, nothing to scroll sideways to on a telephone, no complaint."""
        self.page.wait_for_load_state()
        assert violations(self.page) == [], self.page.url
        self.page.set_viewport_size(PHONE)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], self.page.url
        self.page.set_viewport_size(DESK)
        assert self.complaints == [], self.page.url
        assert self.page.locator("h1").count() == 1, self.page.url


RUNNING: list[Chromium] = []
"""The one of this process, for every folder of tests into which this is imported."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser, before it is entered."""
    if not RUNNING:
        RUNNING.append(Chromium())
    yield RUNNING[0]
    RUNNING[0].end()


@pytest.fixture
def browse(chromium: Chromium) -> Iterator[Callable[..., Reader]]:
    """`browse(site, client)`: a reader of the site. With it the browser is entered: ask the database before."""

    def reader(site: str, client: Client | None = None) -> Reader:
        return Reader(chromium.enter().new_context(), site, client)

    yield reader
    chromium.leave()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    """The browser; it is left before the database of the walk is, which its loop could not reach."""
    yield chromium.enter()
    chromium.leave()
