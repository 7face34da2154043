"""Information governance answers for the promises, for a month, and to somebody who asks what is held about them."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import expect

from cohorts import answers, reviewing, rights
from cohorts.models import Agreement, NoticeVersion, Objection, RightsRequest
from connecting_families.governance import tasks
from connecting_families.governance.models import LookToCheck
from tests.audit.acts import governing as acts
from tests.journeys.conftest import ServeHere
from tests.journeys.test_permission import press, the_rules, title
from tests.journeys.test_submission import fill_in
from tests.pages.conftest import Browse, Reader, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.pages.paper import printed
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, PASSWORD, Walk

pytestmark = needs_a_browser


def test_governance_answers_for_promises_months_people_and_looks(
    walk_to: WalkTo, queue: None, serve_here: ServeHere, signed_in: SignedIn, browse: Browse, tmp_path: Path
) -> None:
    walk = walk_to("deliver")
    # Promises were checked before the months that are over, and nobody reviewed a notice or an agreement yet.
    acts.keep_outcomes(walk)
    acts.look_at_a_namesake(walk)
    asked = somebody_asks(walk)
    site = serve_here(walk)
    reader = browse(site, signed_in("govern"))
    a_promise_is_red_until_its_reason_is_mended(walk, reader)
    a_month_is_signed_off(reader)
    somebody_is_told_all_that_is_held_about_them(reader, asked, tmp_path)
    a_look_is_explained(reader)


def somebody_asks(walk: Walk) -> str:
    at, by = walk.now(), walk.who("worker")
    row = rights.receive(
        kind=RightsRequest.ACCESS, person=walk.person("P1"), made_by="self", channel="letter", team="North",
        received_at=at, by=by, at=at,
    )  # fmt: skip
    return str(row.reference)


def a_promise_is_red_until_its_reason_is_mended(walk: Walk, reader: Reader) -> None:
    page = reader.page
    the_rules(lambda: all_but_that_is_reviewed(walk))
    reader.open("/")
    follow(page.get_by_role("link", name="Promises", exact=True))
    checked(reader)
    expect(page.get_by_text("12 of 13 promises of the privacy notice are kept.")).to_be_visible()
    red = page.get_by_role("row", name=re.compile("^8\\. "))
    expect(red).to_contain_text("Broken")
    expect(red).to_contain_text("DSA")
    expect(page.get_by_role("heading", name="Evidence of promise 1 now")).to_be_visible()
    reader.look()
    printed(reader, "How they stand", "What keeps it", but=("Check them now",))
    # What is wrong names what to open, and leads there.
    follow(page.get_by_role("heading", name="To review first").locator("xpath=following::ul[1]").get_by_role("link"))
    follow(page.get_by_role("button", name="Record a review"))
    fill_in(reader, {"Law on which it rests": "Article 6(1)(e) UK GDPR", "Day": "1", "Month": "6", "Year": "2027"})
    press(reader, "Record it")
    follow(page.get_by_role("link", name="Promises", exact=True))
    checked(reader)
    expect(page.get_by_text("13 of 13 promises of the privacy notice are kept.")).to_be_visible()


def checked(reader: Reader) -> None:
    """Asked for on the page, done by a worker, seen on the page."""
    follow(reader.page.get_by_role("button", name="Check them now"))
    expect(reader.page.get_by_text("govern asked for a check on")).to_be_visible()
    the_rules(tasks.check_the_promises)
    reader.page.reload()


def a_month_is_signed_off(reader: Reader) -> None:
    page = reader.page
    follow(page.get_by_role("link", name="Months signed off"))
    reader.look()
    follow(page.get_by_role("link", name=re.compile("^October 2026")))
    reader.look()
    press(reader, "Sign it off")
    assert page.title().startswith("Error: ")
    page.get_by_label(re.compile("^What did you find")).fill("Nothing was late. The review of DSA was missing.")
    press(reader, "Sign it off")
    assert title(reader) == "October 2026"
    expect(page.get_by_text("by govern").first).to_be_visible()
    printed(reader, "October 2026", "The review of DSA was missing.", "Nothing was refused in the month.")


def somebody_is_told_all_that_is_held_about_them(reader: Reader, asked: str, folder: Path) -> None:
    page = reader.page
    follow(page.get_by_role("link", name="Requests", exact=True))
    follow(page.get_by_role("link", name=asked))
    follow(page.get_by_role("button", name="Make the report about P1"))
    reader.look()
    reason = page.get_by_label("Why do you make this report?")
    expect(reason).to_have_value(f"Request {asked}, received on 2 November 2026 (letter).")
    expect(page.get_by_label("The person", exact=True)).to_be_checked()
    reason.fill("")
    press(reader, "Make the report")
    expect(page.locator(".govuk-error-summary").get_by_text("Say why you make this report")).to_be_visible()
    reason.fill(f"Request {asked}, and shown a passport.")
    press(reader, "Make the report")
    expect(page.get_by_text("Zebulonia Quillfeather").first).to_be_visible()
    printed(
        reader, "What we hold about you, and what we sent", LINE, "What was sent, to whom and when",
        but=("Before you hand it over", "Download it as a file"),
    )  # fmt: skip
    follow(page.get_by_role("button", name="Download it as a file"))
    with page.expect_download() as download:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    download.value.save_as(folder / "report.json")
    said = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert said["spec"] == "connecting-families/subject-access/1"
    assert "Quillfeather" in str(said["parts"])


def a_look_is_explained(reader: Reader) -> None:
    page = reader.page
    page.goto(f"{reader.site}/trail/")
    follow(page.get_by_role("link", name="Looks to check"))
    press(reader, "Go through the trail now")
    expect(page.get_by_text("govern asked for it on")).to_be_visible()
    the_rules(tasks.sift_what_was_asked)
    page.reload()
    follow(page.get_by_role("link", name=re.compile("their own family name")))
    reader.look()
    expect(page.get_by_text("Nothing was recorded about them since.")).to_be_visible()
    press(reader, "Keep what came of it")
    assert page.title().startswith("Error: ")
    page.get_by_label("There is an explanation").check()
    page.get_by_label("How do you know?").fill("No relation, their manager says.")
    press(reader, "Keep what came of it")
    expect(page.get_by_text("None is here.")).to_be_visible()
    assert the_rules(lambda: LookToCheck.objects.get().state) == LookToCheck.FINE


def all_but_that_is_reviewed(walk: Walk) -> None:
    """Every version of the notice that was given to anybody, and all agreements but the one that was used."""
    at, by = timezone.now(), walk.who("govern")  # noqa: TID251 - the day of the walk
    given: dict[str, Any] = {"legal_reference": "Article 6(1)(e)", "next_on": at.date() + timedelta(days=365)}
    for row in NoticeVersion.objects.filter(version__in=("PN1", "PN2")):
        reviewing.record(of=row, contact="The data team, 01632 960000", **given, by=by, at=at)
    for agreement in Agreement.objects.exclude(reference="DSA"):
        reviewing.record(of=agreement, **given, by=by, at=at)
    answers.uphold(objection=Objection.objects.get(reference="OP6"), by=by, at=at)
