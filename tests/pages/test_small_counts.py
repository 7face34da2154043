"""Outside the data team and governance no page says how many people or families of a kind there are, if few."""

import re
from html import unescape

import pytest

from cohorts import mending
from cohorts.models import Family
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import SignedIn
from tests.pages.places import patterns
from tests.pages.visits import Visit, Visits
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

OUTSIDE = ("early_help_worker", "early_help_manager", "administrator")
OF_ONE_FAMILY = {str(each.name) for each in patterns() if "family" in each.pattern.converters}
OF_NO_FAMILY = {"staff", "teams", "colleague", "kit", "kit_page"}
"""Where accounts are listed, and where developers see components with numbers that nobody counted."""
THINGS = "person|people|child|children|famil(?:y|ies)|objections?|flags?|records?|notices?|pairs?|details?|found|more"
BARE = re.compile(rf"(?<!about )(?<!fewer than )\b\d[\d,]* (?:{THINGS})\b", re.IGNORECASE)
NUMERIC = re.compile(r'cell--numeric">\s*(.*?)\s*</td>', re.DOTALL)
ROUNDED = re.compile(r"Fewer than 10 \w+|About [\d,]*[05] \w+")


def said(page: str) -> str:
    """The words of the main part of a page."""
    main = page[page.find("<main") : page.find("</main>")]
    return unescape(" ".join(re.sub("<[^>]*>", " ", main).split()))


def text(visit: Visit) -> str:
    return said(visit.body)


@pytest.mark.xdist_group("places")
def test_no_page_of_theirs_says_a_bare_count(visits: Visits) -> None:
    looked_at = [v for v in visits.pages if v.role in OUTSIDE and v.route not in OF_ONE_FAMILY | OF_NO_FAMILY]
    assert {"home", "find_results", "notices_due", "records_to_mend"} <= {visit.route for visit in looked_at}
    # Whoever changes an account gives the password first, and is answered how many accounts it is about.
    looked_at = [v for v in looked_at if (v.role, v.route) != ("administrator", "account_reauthenticate")]
    told = {(visit.where, bare) for visit in looked_at for bare in BARE.findall(text(visit))}
    for visit in looked_at:
        cells = [said(f"<main>{cell}</main>") for cell in NUMERIC.findall(visit.body)]
        told |= {(visit.where, cell) for cell in cells if not ROUNDED.fullmatch(cell)}
    assert told == set()
    # It would be noticed: the data team and governance are told exactly.
    inside = [visit for visit in visits.pages if visit.role not in OUTSIDE]
    assert any(BARE.findall(text(visit)) for visit in inside)


def many_families(walk: Walk, number: int, team: str) -> None:
    """Families of one person who was never told, and whose sex nobody asked."""
    refs = [f"{team}{each}" for each in range(number)]
    walk.load({
        "families": [{"family_ref": f"F{ref}", "team": team, "flagged_on": "2026-01-05"} for ref in refs],
        "people": [{"person_ref": f"P{ref}", "given_name": "Mehitabel", "family_name": "Crake", "sex": "0",
                    "date_of_birth": "2015-06-07"} for ref in refs],
        "memberships": [{"family_ref": f"F{ref}", "person_ref": f"P{ref}", "joined_on": "2025-01-01",
                         "relationship": "child", "lives_in_household": "true"} for ref in refs],
    })  # fmt: skip


def test_many_are_rounded_and_a_total_is_said_where_it_gives_nobody_away(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("assemble")
    accounts.add(
        username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now()
    )  # fmt: skip
    many_families(walk, 13, "East")
    many_families(walk, 11, "South")
    manager = signed_in("manage")

    def page(address: str) -> str:
        return said(manager.get(address).content.decode())

    due = page("/notices-due/")
    assert "East About 15 people South About 10 people Every team About 25 people" in due
    assert "About 25 found" in due
    assert "About 25 people of flagged families" in page("/")
    assert "About 15 people" in page("/records-to-mend/?team=East")
    # One in another team: nothing is said of that team's, nor of all together.
    many_families(walk, 1, "West")
    due = page("/notices-due/")
    assert "West Fewer than 10 people" in due
    assert "Every team" not in due
    assert "People of flagged families" in page("/")
    assert "Fewer than 10 people" in page("/records-to-mend/?team=West")
    assert len(mending.to_mend("West", walk.now())) > 0
    assert Family.objects.filter(team="West").count() == 1
    # The list itself shows whom it is about, and no number of them.
    kind = page("/records-to-mend/DQ212/?team=West")
    assert "PWest0" in kind
    assert " found" not in kind
