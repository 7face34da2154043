"""Following a link or pressing a button: it is done once the page that it leads to is there."""

from playwright.sync_api import Locator


def follow(pressed: Locator) -> None:
    """Click what leads to another page, or to the same one again, and wait for that page.

    A click by itself returns before a busy machine answers, and what is asked next would be asked of the old page.
    """
    with pressed.page.expect_navigation():
        pressed.click()
