"""Every page in every role, in a browser: nothing that axe finds, nothing wider than a telephone, no complaint."""

from collections.abc import Callable

import pytest

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Reader, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

pytestmark = needs_a_browser
Serve = Callable[[], str]
Browse = Callable[..., Reader]

FORMS = {
    "prepare": ["/rounds/open/", "/certificates/add/", "/certificates/accept/"],
    "approve": ["{submission}send-back/", "/certificates/accept/"],
    "govern": ["/certificates/accept/"],
}
READ = ["/rounds/", "/rounds/2026/", "{cohort}", "{cohort}people/", "{cohort}people/?decision=OBJECTION_PERSON",
        "{cohort}decision/?family=F4&person=P6", "{cohort}decision/?family=F1&person=P1", "/submissions/",
        "{submission}", "/certificates/"]  # fmt: skip
PAGES = {
    "prepare": ["/", *READ, "/trail/"],
    "approve": ["/", *READ, "/rounds/open/"],
    "govern": ["/", *READ, "/trail/", "/trail/?since_day=40", "/trail/?event=COHORT_ASSEMBLED", "{entry}"],
    "worker": ["/", "/rounds/", "/nowhere/"],
    "admin": ["/", "/submissions/"],
}


def addresses(walk: Walk, patterns: list[str]) -> list[str]:
    """Where these pages are in this walk."""
    entry = Entry.objects.filter(event="FINDING_EXPLAINED").latest("pk")
    where = {
        "cohort": f"/cohorts/{walk.cohort.pk}/",
        "submission": f"/submissions/{walk.submission.name}/",
        "entry": f"/trail/{entry.pk}/",
    }
    return [pattern.format(**where) for pattern in patterns]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_sound(walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse, name: str) -> None:
    walk = walk_to("put forward")
    accounts.add(username="admin", role="administrator", password=PASSWORD, by=duty("test"), at=walk.now())
    pages, forms = addresses(walk, PAGES[name]), addresses(walk, FORMS.get(name, []))
    client = signed_in(name)
    reader = browse(serve(), client)
    for path in pages:
        reader.open(path)
    for path in forms:
        reader.open(path)
        follow(reader.page.locator("main form button").last)
        assert reader.page.title().startswith("Error: "), path
        reader.look()


@pytest.mark.parametrize(
    ("act", "name"),
    [("draft", "prepare"), ("open sample", "approve"), ("ask to seal", "approve"), ("deliver", "prepare")],
)
def test_a_submission_is_sound_at_every_stage(
    walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse, act: str, name: str
) -> None:
    walk = walk_to(act)
    path = f"/submissions/{walk.submission.name}/"
    reader = browse(serve(), signed_in(name))
    reader.open("/")
    reader.open(path)
    if act == "draft":
        follow(reader.page.get_by_role("button", name="Put forward for approval"))
        assert reader.page.title().startswith("Error: ")
        reader.look()
        reader.open(f"{path}explain/")
        for box in reader.page.locator("main textarea").all():
            box.fill("No.")
        follow(reader.page.get_by_role("button", name="Keep the explanations"))
        assert reader.page.title().startswith("Error: ")
        reader.look()
    if act == "open sample":
        follow(reader.page.get_by_role("button", name="Open the sample"))
        reader.look()
        reader.open(path)
        follow(reader.page.get_by_role("button", name="Approve exactly this content"))
        assert reader.page.title().startswith("Confirm that it is you")
        reader.look()


def test_signing_in_is_sound(walk_to: WalkTo, serve: Serve, browse: Browse) -> None:
    walk_to("assemble")
    reader = browse(serve())
    reader.open("/rounds/")
    assert "/account/login/" in reader.page.url
    reader.page.fill("[name=login]", "prepare")
    reader.page.fill("[name=password]", "not this one")
    follow(reader.page.get_by_role("button", name="Sign in"))
    assert reader.page.title().startswith("Error: Sign in")
    reader.look()
