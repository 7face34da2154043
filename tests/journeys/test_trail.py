"""Information governance answers a person who asks who opened their record, and sees whether the trail is whole."""

from playwright.sync_api import expect

from cohorts.search import Asked, search
from connecting_families.audit import seal
from connecting_families.governance import tasks
from connecting_families.governance.models import Verification
from tests.faults.test_workers import now
from tests.journeys.test_permission import press, the_rules, title
from tests.pages.conftest import Browse, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.conftest import WalkTo

pytestmark = needs_a_browser
WHY = "Somebody asked who opened their record."


def verified() -> object:
    """What a worker does with what was asked for."""
    tasks.verify_the_trail(Verification.objects.latest("pk").pk)
    return None


def test_governance_finds_who_looked_and_whether_the_trail_is_whole(
    walk_to: WalkTo, queue: None, signed_in: SignedIn, serve: Serve, browse: Browse
) -> None:
    walk = walk_to("put forward")
    worker, client = signed_in("worker"), signed_in("govern")
    worker.get("/families/F1/")
    search(asked=Asked("Zebulonia Quillfeather"), by=walk.who("worker"), at=now())
    assert seal.seal(at=now()) is not None
    reader = browse(serve(), client)
    page = reader.page

    page.goto(f"{reader.site}/")
    follow(page.get_by_role("link", name="Trail", exact=True))
    page.get_by_label("Words in the reason").fill("Zebulonia")
    page.get_by_label("Who", exact=True).fill("nobody at all")
    press(reader, "Apply filters")
    assert page.title().startswith("Error: Trail")
    page.get_by_label("Who", exact=True).fill("worker")
    page.get_by_label("Words in the reason").fill("")
    page.get_by_label("What", exact=True).select_option("A page of a family was opened")
    follow(page.get_by_role("button", name="Apply filters"))
    assert page.get_by_text("1 found").is_visible()
    follow(page.get_by_role("row", name="A page of a family was opened").get_by_role("link"))
    reader.look()
    assert title(reader).endswith("A page of a family was opened")

    follow(page.get_by_role("link", name="Back"))
    follow(page.get_by_role("link", name="Who looked at a person"))
    page.get_by_label("Whose record?").fill("P1")
    press(reader, "Look it up")
    assert page.get_by_role("link", name="Say why you look this up").is_visible()
    page.get_by_label("Why do you look this up?").fill(WHY)
    press(reader, "Look it up")
    assert page.get_by_role("row", name="Among what a search showed").is_visible()
    assert page.get_by_role("row", name="Family F1").is_visible()
    page.reload()
    assert page.get_by_role("cell", name=WHY).is_visible()

    follow(page.get_by_role("link", name="Who searched for a name"))
    page.get_by_label("Which name?").fill("quillfeather")
    page.get_by_label("Why do you look this up?").fill(WHY)
    follow(page.get_by_role("button", name="Look it up"))
    assert page.get_by_role("row", name="worker (Early Help worker)").is_visible()
    assert "quill" not in page.url.lower()

    follow(page.get_by_role("link", name="Verification", exact=True))
    press(reader, "Verify the trail now")
    expect(page.get_by_text("It waits for a worker.")).to_be_visible()
    the_rules(verified)
    page.get_by_text("Our own checkpoints that they were held against").wait_for()
    reader.look()
    assert page.locator("dd", has_text="Whole").is_visible()
    assert page.get_by_text("Fingerprint (SHA-256 of the public key)").is_visible()
