"""What the page of a draft says of putting it forward: how far the notice reached, and why not yet, mended where."""

from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from cohorts import looks, to_tell
from cohorts.views.to_tell import coverage_facts, day
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.staff.guards import acting
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import role_reasons
from transfers import submission as stage
from transfers.models import Submission

PAGES = {
    Event.MATCHABILITY_VIEWED: ("Who can be found", "matchability"),
    Event.DIFFERENCE_VIEWED: ("The difference", "difference"),
}
"""Of each page that is to be opened first its name on the link, and the name of its address."""


class Mended(NamedTuple):
    """A reason, and where it is mended: names of links with their addresses."""

    code: str
    sentence: str
    leads_to: tuple[tuple[str, str], ...]


def putting_forward(request: HttpRequest, row: Submission, at: datetime) -> dict[str, Any]:
    """Of a draft: the coverage of its notice, whom to tell, and what stands in place of the button."""
    people = to_tell.People(row.cohort, None, at)
    number = people.count()
    return {
        "coverage": coverage_facts(to_tell.coverage(row.cohort), row.round.cut_off),
        "to_tell": number,
        "all_from": day(people.all_from()) if number else "",
        "put_forward": role_reasons(request, Permission.PREPARE_SUBMISSIONS) or _against(request, row, at),
    }


def _against(request: HttpRequest, row: Submission, at: datetime) -> list[Mended]:
    by = acting(request)
    found = stage.reasons_against(row, by, at)
    return [Mended(why.code, why.sentence, _where(request, row, why)) for why in found]


def _where(request: HttpRequest, row: Submission, why: Why) -> tuple[tuple[str, str], ...]:
    """Where this reason is mended, as far as whoever asks may go there."""
    if why.code == "NOT_LOOKED_AT":
        not_opened = looks.to_open(row.cohort, acting(request))
        return tuple((PAGES[event][0], reverse(PAGES[event][1], args=[row.cohort_id])) for event in not_opened)
    if why.code == "QUERIES_NOT_EXPLAINED":
        explain = reverse("explain", args=[row.name])
        return (("Explain open queries", explain), ("The findings", reverse("findings", args=[row.cohort_id])))
    if why.code == "UNMATCHED_OBJECTION":
        may = not role_reasons(request, Permission.DECIDE_OBJECTIONS)
        return (("The objection desk", reverse("objection_desk")),) if may else ()
    if why.code == "NOBODY_INCLUDED":
        return (("Why everybody is out", reverse("cohort", args=[row.cohort_id])),)
    return (("The agreement", reverse("agreement", args=[row.round.agreement_id])),)
