"""A preparer finds somebody on file twice, merges the two records, sees that they were wrong, and parts them."""

from typing import Any

from cohorts import objections
from tests.journeys.test_permission import choose, press, title, who_is_out
from tests.pages.conftest import Browse, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo

pytestmark = needs_a_browser


def test_a_preparer_merges_two_records_and_parts_them_again(
    walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse
) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    told: dict[str, Any] = {"received_at": at, "by": walk.who("worker"), "at": at}
    objections.receive(person=person_of("P3"), **told)
    client = signed_in("prepare")
    preparer = browse(serve(), client)
    page = preparer.page
    preparer.open("/")
    follow(page.get_by_role("link", name="0 pairs of records"))
    preparer.look()
    press(preparer, "Bring two records together")
    page.get_by_label("Reference of one record").fill("P3")
    page.get_by_label("Reference of the other record").fill("P5")
    press(preparer, "Compare them")
    assert title(preparer).endswith("Compare two records")
    assert page.get_by_role("row", name="Given name").get_by_text("Different").is_visible()
    press(preparer, "Record the decision")
    follow(page.get_by_role("link", name="Choose whether the two records are of one person"))
    choose(preparer, "Yes, one person", "P5")
    page.get_by_label("What speaks for it?").fill("Their school knows them under both names.")
    press(preparer, "Record the decision")
    assert page.get_by_text("count as one person from now on").is_visible()
    assert who_is_out("F2") == who_is_out("F3") == {"P5": "OBJECTION_PERSON"}
    follow(page.get_by_role("link", name="Undo the merge of P3"))
    preparer.look()
    assert page.get_by_text("is left with both").is_visible()
    page.get_by_label("Why are they not one person?").fill("They are cousins.")
    press(preparer, "Undo the merge")
    assert page.get_by_text("P3 stands alone again").is_visible()
    assert (who_is_out("F2"), who_is_out("F3")) == ({"P3": "OBJECTION_PERSON"}, {"P5": "OBJECTION_PERSON"})
