"""The page on who can be found in each dataset."""

from connecting_families.audit.models import Entry
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo


def test_it_says_who_can_be_found_what_mending_gains_and_who_is_missed(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    walk.change("people", "person_ref", "P2", upn="B801200005001")
    walk.assemble(walk.cohort.round)
    police, pupils = walk.cohort.matchability
    # P1, P3, P5 and others are too old for the pupils' database; P4 has no usable postcode and no known sex.
    assert (police["dataset"], pupils["dataset"]) == ("PNC", "NPD")
    assert pupils["by_key"] == [["UPN", 2], ["names + DOB + sex + postcode", 1]]
    assert pupils["none"] == 1
    assert police["none"] == 0
    assert police["applicable"] == walk.cohort.included == 7
    page = " ".join(signed_in("prepare").get(f"/cohorts/{walk.cohort.pk}/matchability/").content.decode().split())
    assert "Ask for the unique pupil number of 1 person" in page
    assert "+25.0 points" in page
    assert "Who is missed more often" in page
    assert Entry.objects.filter(event="MATCHABILITY_VIEWED", who="prepare").count() == 1
