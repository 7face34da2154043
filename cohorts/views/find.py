"""Find a family: a search box, and results under an address that tells nothing of what was typed.

What was typed stays on the server, in the session of whoever typed it, under a key drawn for it: no address, title,
log or history of a browser holds a name, and going back shows the results again without asking to send a form twice.
"""

import secrets
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cohorts import search
from cohorts.forms.find import FindForm
from cohorts.rules.clocks import LONDON
from cohorts.search import ON_A_PAGE, Asked, Found, OfFamily
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff import limits
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission

KEPT = 20
"""So many of the last searches of a session are kept."""
SEARCHES = "searches"
COLUMNS = [Column("Person"), Column("Reference"), Column("Born"), Column("Families")]


class Reader(NamedTuple):
    """Who reads the results: the own team, and whether every team's families are theirs to see."""

    team: str
    every_team: bool
    opens: bool = False
    """Whether the page of a family opens to them, of another team's with a reason."""
    adds: bool = False
    """Whether they may add a family."""

    def whole(self, found: Found) -> bool:
        """Whether somebody is shown with all that a list tells; of another team's only enough to recognise them."""
        return self.every_team or any(self.own(family) for family in found.families)

    def own(self, family: OfFamily) -> bool:
        """Whether a family is of the own team."""
        return bool(self.team) and family.team == self.team


@opened_by(Permission.FIND_FAMILIES)
def find(request: HttpRequest) -> HttpResponse:
    """The search box. A search is kept under a key, and its results are another page."""
    form = FindForm(request.POST or None, teams=search.teams())
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        key = secrets.token_hex(8)
        kept = dict(list(request.session.get(SEARCHES, {}).items())[1 - KEPT :])
        request.session[SEARCHES] = kept | {key: Asked(asked["terms"], asked["team"], asked["status"])}
        return redirect("find_results", key)
    return _page(request, form)


@opened_by(Permission.FIND_FAMILIES)
def results(request: HttpRequest, key: str) -> HttpResponse:
    """The results of a search that this session keeps (`?page=`); opening them searches again, and is recorded."""
    kept = request.session.get(SEARCHES, {}).get(key)
    if kept is None:
        # Of another session, or from before others: there is nothing to show, and nothing is given away.
        return redirect("find")
    if limits.too_often(request):
        return limits.wait(request)
    asked = Asked(*kept)
    number = request.GET.get("page", "")
    at = timezone.now()
    found = search.search(
        asked=asked, page=int(number) if number.isdecimal() and len(number) < 6 else 1, by=acting(request), at=at
    )
    form = FindForm(initial=asked._asdict() | {"terms": asked.text}, teams=search.teams())
    return _page(request, form, found=found, asked=asked, back_href=reverse("find"))


def _page(request: HttpRequest, form: FindForm, **context: Any) -> HttpResponse:
    context |= {"form": form, "title": "Find a family"}
    context["may_add"] = _reader(request).adds
    found: search.Results | None = context.get("found")
    if found:
        reader, today = _reader(request), timezone.now().astimezone(LONDON).date()
        rows = [[_name(row, reader), _references(row), _born(row, reader), _families(row, reader, today)]
                for row in found.found]  # fmt: skip
        context["page"] = Paginator(range(found.total), ON_A_PAGE).get_page(found.page)
        context["table"] = Table("People who fit, the likeliest first", COLUMNS, rows)
    return render(request, "cohorts/find.html", context)


def _reader(request: HttpRequest) -> Reader:
    user = request.user
    if not isinstance(user, User):
        return Reader("", every_team=False)
    adds = user.may(Permission.SEE_OWN_FAMILIES)
    return Reader(user.team, user.may(Permission.SEE_ALL_FAMILIES), adds or user.may(Permission.READ_FAMILIES), adds)


def _name(row: Found, reader: Reader) -> SafeString:
    person = row.person
    names = [person.given_name, person.middle_names if reader.whole(row) else "", person.family_name]
    # Names are written from left to right or from right to left, and keep that to themselves.
    return format_html("<bdi>{}</bdi>", " ".join(filter(None, names)) or "No name on file")


def _references(row: Found) -> SafeString:
    merged = format_html_join(
        "", '<br><span class="govuk-hint govuk-body-s">also recorded as {}, merged</span>', ((m,) for m in row.merged)
    )
    return format_html("{}{}", row.person.reference, merged)


def _born(row: Found, reader: Reader) -> str:
    born = row.person.date_of_birth
    if born is None:
        return "Not known"
    return f"{born:%-d %B %Y}" if reader.whole(row) else f"{born:%Y}"


def _families(row: Found, reader: Reader, today: Any) -> SafeString | str:
    if not row.families:
        return "In no family"
    lines = [
        (
            _link(family) if reader.opens else family.reference,
            f", {family.team}" if family.team else "",
            ", left" if family.left else "",
            _flag(family, today) if reader.every_team or reader.own(family) else "",
            tag("Your team", "green") if reader.own(family) else "",
        )
        for family in row.families
    ]
    return format_html_join("", '<div class="govuk-body-s govuk-!-margin-bottom-1">{}{}{} {} {}</div>', lines)


def _link(family: OfFamily) -> SafeString:
    return link(family.reference, reverse("family", args=[family.reference]))


def _flag(family: OfFamily, today: Any) -> SafeString:
    if family.flagged(today):
        return tag("Flagged")
    return tag("Flag lifted" if family.flagged_on and family.lifted_on else "Not flagged", "grey")
