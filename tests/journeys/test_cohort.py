"""A cohort as a data preparer sees it: a run watched to its end, a finding mended and gone, explained, compared."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from cohorts import objections
from cohorts.models import Cohort
from tests.faults.test_workers import a_worker
from tests.journeys.test_permission import the_rules
from tests.pages.conftest import Reader, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo

pytestmark = needs_a_browser


def press(reader: Reader, button: str) -> None:
    follow(reader.page.get_by_role("button", name=button))


def watched(reader: Reader) -> None:
    """Ask for a run from the page of the round, and stay until it ends: the page goes on by itself."""
    reader.open("/rounds/2026/")
    press(reader, "Assemble a cohort now")
    expect(reader.page.get_by_role("heading", name=re.compile("people are in"))).to_be_visible(timeout=30_000)
    reader.look()


def test_a_run_is_watched_a_finding_is_mended_explained_and_compared(
    walk_to: WalkTo,
    queue: None,
    signed_in: SignedIn,
    serve: Callable[[], str],
    browse: Callable[..., Reader],
) -> None:
    walk = walk_to("assemble")
    at, first = walk.now(), walk.cohort.pk
    # Somebody objected since the first cohort of the round.
    objections.receive(person=person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    clients = [signed_in(name) for name in ("prepare", "worker")]
    site = serve()
    preparer = browse(site, clients[0])
    browser = preparer.page.context.browser
    assert browser is not None
    worker = Reader(browser.new_context(), site, clients[1])
    with a_worker():
        # A worker is led from the count to the box, and mends it there.
        worker.open("/")
        follow(worker.page.get_by_role("link", name="Records to mend"))
        worker.look()
        follow(worker.page.get_by_role("link", name=re.compile("^The National Insurance number is not of the form")))
        worker.look()
        follow(worker.page.get_by_role("link", name=re.compile("^P5")))
        expect(worker.page.locator(":target")).to_have_id("id_nino")
        worker.page.locator(":target").fill("AB123456D")
        press(worker, "Save the details")
        worker.open("/records-to-mend/DQ204/")
        expect(worker.page.get_by_text("Nothing of this is wrong.")).to_be_visible()
        # The next run does not find it any more.
        watched(preparer)
        page = preparer.page
        expect(page.get_by_role("cell", name="DQ201")).to_be_visible()
        expect(page.get_by_role("cell", name="DQ204")).to_have_count(0)
        follow(page.get_by_role("link", name="What is different from the cohort before"))
        preparer.look()
        expect(page.get_by_text(re.compile("0 came, 1 went"))).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("^P1 F1 Went"))).to_be_visible()
        # Why, with what was read.
        page.go_back()
        follow(page.get_by_role("link", name="This person objects, or someone objects for them."))
        follow(page.get_by_role("link", name="P1", exact=True))
        preparer.look()
        expect(page.get_by_text(re.compile("about everything: stands"))).to_be_visible()
        # The rules run again for the first cohort: P1 objected after its moment, the number was no reason.
        preparer.open(f"/cohorts/{first}/")
        press(preparer, "Run the rules again")
        expect(page.get_by_text("every decision would be the same").first).to_be_visible(timeout=30_000)
        preparer.look()
    # What is right as it is, is explained: for everybody, and for one.
    preparer.open(f"/cohorts/{_newest()}/")
    press(preparer, "Draft its submission")
    press(preparer, "Explain open queries")
    page.get_by_label(re.compile("^DQ201")).fill("Of no fixed abode since June.")
    press(preparer, "Keep the explanations")
    press(preparer, "Explain open queries")
    follow(page.get_by_role("link", name="DQ212", exact=True))
    preparer.look()
    follow(page.get_by_role("link", name="P4", exact=True))
    page.get_by_label("Why is this right as it is?").fill("Did not want to say.")
    press(preparer, "Keep the explanation")
    preparer.look()
    expect(page.get_by_role("cell", name="Did not want to say.")).to_be_visible()


def _newest() -> object:
    return the_rules(lambda: Cohort.objects.latest("pk").pk)
