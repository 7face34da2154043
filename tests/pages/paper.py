"""What a page is on paper: the page without all that belongs to a screen."""

from playwright.sync_api import expect

from tests.pages.conftest import DESK, Reader

PAPER = 700
"""Pixels that fit between the edges of a sheet of A4."""

# Whatever somebody presses, follows to another page or fills in, and what the program says of itself.
OF_A_SCREEN = (
    "nav, button, form, .govuk-button, .govuk-back-link, .govuk-skip-link, .govuk-service-navigation, .cf-reasons,"
    " .moj-sub-navigation, .govuk-notification-banner, .cf-footer__line, .cf-account"
)


# What reaches beyond the edge; what is only read aloud stands anywhere.
WIDER = """width => [...document.querySelectorAll('main *:not(.govuk-visually-hidden)')]
  .filter(it => it.getBoundingClientRect().right > width).map(it => it.outerHTML.slice(0, 99))"""


def printed(reader: Reader, *says: str, but: tuple[str, ...] = ()) -> None:
    """On paper stands what a page says, under a heading, and nothing of a screen; nothing is cut at its edge.

    `but`: what stands on the screen, and never on paper.
    """
    page = reader.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    for left in page.locator(OF_A_SCREEN).all():
        expect(left).to_be_hidden()
    assert page.locator("h1:visible, h2:visible").count(), page.url
    for words in says:
        expect(page.get_by_text(words).filter(visible=True).first).to_be_visible()
    for words in but:
        expect(page.get_by_text(words).filter(visible=True)).to_have_count(0)
    wide = page.evaluate(WIDER, PAPER)
    assert wide == [], page.url
    page.set_viewport_size(DESK)
    page.emulate_media(media="screen")
