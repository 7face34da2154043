"""The page on what is different from the cohort before."""

from cohorts import objections
from connecting_families.audit.models import Entry
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import files


def test_the_page_says_who_came_and_went_and_is_recorded(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    client = signed_in("prepare")
    assert "this is the first one" in client.get(f"/cohorts/{walk.cohort.pk}/difference/").content.decode()
    at = walk.now()
    objections.receive(person=person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    walk.assemble(walk.cohort.round)
    page = client.get(f"/cohorts/{walk.cohort.pk}/difference/").content.decode()
    assert "0 came, 1 went, and of 0 something else is sent" in " ".join(page.split())
    assert page.count('scope="row"') == 2
    nobody = client.get(f"/cohorts/{walk.cohort.pk}/difference/?kind=CAME").content.decode()
    assert "Nobody." in nobody
    entry = Entry.objects.filter(event="DIFFERENCE_VIEWED").latest("pk")
    assert (entry.who, entry.reference) == ("prepare", str(walk.cohort.pk))
    assert client.get("/cohorts/99999/difference/").status_code == 404
    assert files()["people"][0]["family_name"] not in page
