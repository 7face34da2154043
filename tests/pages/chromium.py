"""One Chromium for all the tests of a process: to start one takes longer than most of them take in it.

Each test has contexts of its own, which share nothing and are closed after it. Outside a test no loop of Playwright's
counts as running: inside one, Django refuses to ask the database, or asks it by other connections.

Of the two programs of Chromium the one without the windows, menus and services of a desktop is taken, where it is
installed: pages are drawn by the same engine, for half of the time.
"""

import asyncio
import shutil

from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

from tests.pages.examined import Examined

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


class Chromium:
    """The browser of this process, started when it is first entered."""

    def __init__(self) -> None:
        self._inside = False
        self._running: tuple[Playwright, Browser, asyncio.AbstractEventLoop] | None = None
        self._examined: Examined | None = None

    def enter(self) -> Browser:
        """From here on until it is left, the browser can be used."""
        if self._running is None:
            playwright = sync_playwright().start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            self._running = playwright, browser, asyncio.get_running_loop()
        asyncio._set_running_loop(self._running[2])
        self._inside = True
        return self._running[1]

    def violations(self, page: Page) -> list[list[str]]:
        """What axe finds wrong with a page of this browser: the rule and the first element of it."""
        if self._examined is None:
            self._examined = Examined(self.enter())
        return self._examined.violations(page)

    def leave(self) -> None:
        """Close what a test opened in it. A browser that was lost is ended, and the next test starts another."""
        if self._inside and self._running is not None:
            browser = self._running[1]
            try:
                for context in browser.contexts:
                    if self._examined is None or context != self._examined.context:
                        context.close()
            except Error:
                self.end()
            if not browser.is_connected():
                self.end()
        asyncio._set_running_loop(None)
        self._inside = False

    def end(self) -> None:
        """End it."""
        if self._running is not None:
            playwright, _, loop = self._running
            asyncio._set_running_loop(loop)
            playwright.stop()
            self._running = self._examined = None
            asyncio._set_running_loop(None)
        self._inside = False
