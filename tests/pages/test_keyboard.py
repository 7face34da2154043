"""The walk by keyboard alone: sign in, open a round with every kind of field, explain, put forward, approve."""

import pytest

from tests.pages.conftest import Browse, Serve, SignedIn, needs_a_browser
from tests.pages.keyboard import Keyboard
from tests.pages.visits import Visits
from tests.stages.conftest import WalkTo

pytestmark = needs_a_browser


def test_signing_in_by_keyboard(walk_to: WalkTo, serve: Serve, browse: Browse) -> None:
    walk_to("assemble")
    reader = browse(serve())
    keys = Keyboard(reader.page)
    reader.page.goto(f"{reader.site}/")
    keys.skip_to_content()
    keys.type_into("Username", "prepare")
    keys.type_into("Password", "not this one")
    keys.press("Sign in")
    assert reader.page.title().startswith("Error: ")
    assert "govuk-error-summary" in reader.page.evaluate("document.activeElement.className")


def test_a_round_is_opened_by_keyboard(walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse) -> None:
    walk_to("assemble")
    reader = browse(serve(), signed_in("prepare"))
    keys = Keyboard(reader.page)
    reader.page.goto(f"{reader.site}/rounds/")
    keys.skip_to_content()
    keys.press("Open a collection round")
    # Sent with nothing in it: the summary has the focus, and its links lead to what is to be mended.
    keys.press("Open the round")
    assert "govuk-error-summary" in reader.page.evaluate("document.activeElement.className")
    keys.go_to("Enter the cut-off", kinds=("a",))
    reader.page.keyboard.press("Enter")
    assert reader.page.evaluate("document.activeElement.id") == "id_cut_off_day"
    reader.page.keyboard.type("30")
    keys.type_into("Month", "9", group="Cut-off")
    keys.type_into("Year", "2026", group="Cut-off")
    keys.choose("Expanded Troubled Families (TF, 2015-04)", group="Framework")
    keys.tick("PNC")
    keys.tick("NPD")
    keys.pick("Agreement", "DSA")
    keys.type_into("Days of notice", "28")
    keys.choose("The recipient leaves that dataset out", group="If somebody objects")
    shown = reader.page.url
    keys.press("Open the round")
    # The code was left out: what was typed is kept, and one thing is left to mend.
    assert reader.page.url == shown
    keys.go_to("Enter a code for the round", kinds=("a",))
    reader.page.keyboard.press("Enter")
    reader.page.keyboard.type("KEYS")
    keys.press("Open the round")
    assert "/rounds/KEYS/" in reader.page.url


def test_a_submission_is_put_forward_by_keyboard(
    walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse
) -> None:
    walk = walk_to("draft")
    name = walk.submission.name
    reader = browse(serve(), signed_in("prepare"))
    keys = Keyboard(reader.page)
    reader.page.goto(f"{reader.site}/")
    keys.press("Submissions")
    keys.press(name)
    keys.press("Explain open queries")
    for _ in range(reader.page.locator("main textarea").count()):
        stop = keys.tab()
        while stop["tag"] != "textarea":
            stop = keys.tab()
        reader.page.keyboard.type("Asked again: it is so.")
    keys.press("Keep the explanations")
    assert "The explanations are kept." in reader.page.content()
    keys.press("Put forward for approval")
    assert "It is put forward." in reader.page.content()


@pytest.mark.xdist_group("places")
def test_everything_on_every_page_is_reached_and_seen(visits: Visits, request: pytest.FixtureRequest) -> None:
    from tests.pages.test_places_in_browser import Shown

    shown = Shown(request.getfixturevalue("browser").new_context())
    keys, wrong = Keyboard(shown.page), list[object]()
    for visit in visits.of_each_place:
        shown.open(visit)
        # What stands above the content is the same everywhere, and gone through on the home page.
        begin = "body" if visit.route == "home" else "main"
        expected = shown.page.evaluate(REACHABLE, begin)
        reached = 0
        shown.page.wait_for_function(SETTLED)
        shown.page.evaluate(TO_THE_TOP, begin)
        try:
            while reached <= expected and keys.tab():
                reached += 1
        except AssertionError as error:
            wrong.append((visit.where, str(error)))
            continue
        if reached < expected:
            wrong.append((visit.where, f"{reached} of {expected} reached"))
    assert wrong == []


# A summary of errors has the focus of itself; on a busy machine it comes a moment after the page.
SETTLED = "!document.querySelector('[autofocus]') || document.activeElement.matches('[autofocus]')"
# From where a page begins, or its content, and not from the summary of errors, which has the focus of itself.
TO_THE_TOP = """where => {
  const begin = document.querySelector(where), had = begin.getAttribute('tabindex');
  begin.tabIndex = -1;
  begin.focus({preventScroll: true});
  if (had === null) begin.removeAttribute('tabindex');
}"""
# Every stop that there must be: of a group of radio buttons one.
REACHABLE = """where => {
  const begin = document.querySelector(where);
  const groups = new Set();
  const stops = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  return [...document.querySelectorAll(stops)].filter(e => e.checkVisibility() && begin.compareDocumentPosition(e) & 4
    && !(e.type === 'radio' && (groups.has(e.name) || !groups.add(e.name)))).length;
}"""
