"""Whoever is shown somebody leaves an entry: every page and download of the site, as every role, on the one walk."""

import re

import pytest

from connecting_families.audit.events import Event
from tests.pages.council import planted
from tests.pages.visits import Visit, Visits

pytestmark = pytest.mark.xdist_group("places")

PLANTED = planted()
REFERENCE = re.compile(r"\b[PF]\d{1,2}\b")
# What only names again whose reference was asked for, in the address, before anything of them is shown.
NAMES_AGAIN = {"ask_for_report", "not_on_paper", "open_family", "who_looked"}
# What shows an example of ours.
EXAMPLES = {"find", "kit", "kit_page"}
# What shows the name of a colleague, which is also that of a family here.
COLLEAGUES = {"colleague", "change_colleague"}


def shows_somebody(visit: Visit) -> bool:
    """Whether it says something of somebody on file that whoever is there did not type themselves."""
    said = visit.body[visit.body.find("<main") :] if visit.is_page else visit.body
    read = re.sub(r'\s(?:href|action|value|id|name|for)="[^"]*"', " ", said)
    return bool(REFERENCE.search(read)) or any(word in said for word in PLANTED)


def opened(visits: Visits) -> list[Visit]:
    """What was opened: followed a link to, pressed for, or sent a form for that led on to it."""
    return [
        visit
        for visit in visits.seen
        if visit.status == 200 and (visit.how in ("link", "pressed") or visit.how.endswith(", then"))
        and visit.route not in NAMES_AGAIN | EXAMPLES | COLLEAGUES
        # Of what was typed into a filled form, the next page may tell again.
        and not (visit.how.startswith("filled") and not REFERENCE.search(visit.body))
    ]  # fmt: skip


def reads(visit: Visit) -> bool:
    """Whether an entry tells of it; a button that is refused shows the page again, and the refusal tells of that."""
    refused = visit.how == "pressed" and any(code.endswith("_REFUSED") for code in visit.events)
    return refused or any(Event[code].reads for code in visit.events)


def test_whoever_is_shown_somebody_leaves_a_read_event(visits: Visits) -> None:
    shown = [visit for visit in opened(visits) if shows_somebody(visit)]
    assert len({visit.route for visit in shown}) > 40
    assert sorted({visit.where for visit in shown if not reads(visit)}) == []


def test_a_page_that_shows_nobody_leaves_none_that_says_so(visits: Visits) -> None:
    """The walk tells one from the other: what is found above is no accident of entries that come anyway."""
    nobody = {visit.route for visit in opened(visits) if not visit.events}
    assert {"rounds", "agreements", "uploads", "certificates", "my_account"} <= nobody
