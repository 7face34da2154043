"""Work lists of Early Help: what is wrong in the records of a team's families, each with the form that mends it.

They are made from today's records, and never say whether a family was in a cohort.
"""

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from cohorts import mending
from cohorts.mending import ToMend
from cohorts.rules.findings import KINDS
from cohorts.rules.look_again import DETAILS
from cohorts.views.family_pages import today
from cohorts.views.looks import kind_of, look_at
from cohorts.views.mended_at import in_form
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.forms import offer
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.kit.small_counts import in_words as in_words_of
from connecting_families.kit.small_counts import rounded
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import in_words

BY_KIND = [Column("What is wrong, and what would be right"), Column("To mend", numeric=True)]
PEOPLE = [Column("Person"), Column("Family"), Column("Field")]
FAMILY = "The family"
PROTECTED = "Where somebody lives whose address is protected is not looked at here: their own page asks for a reason."


class TeamFilter(forms.Form):
    """Whose families; only who sees every team is asked."""

    team = forms.ChoiceField(label="Team", required=False)

    def __init__(self, *args: Any, teams: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "team", [("", "Choose a team"), *((team, team) for team in teams)])


@opened_by(Permission.SEE_OWN_FAMILIES)
def records_to_mend(request: HttpRequest) -> HttpResponse:
    """How many people lack what, of the families of one team whose flag stands."""
    team, form = _team(request)
    found = _found(request, team)
    counts: dict[str, set[tuple[str, str]]] = {}
    for it in found:
        counts.setdefault(it.code, set()).add(_whom(it))
    query = f"?{urlencode({'team': team})}" if form else ""
    rows = [
        [link(_sentence(code), reverse("records_of_a_kind", args=[code]) + query), _how_many(whom)]
        for code, whom in sorted(counts.items(), key=lambda kind: (-(rounded(len(kind[1])) or 0), kind[0]))
    ]
    empty = "Nothing was found wrong in the records." if team else "No team is chosen."
    context = {
        "title": "Records to mend", "back_href": reverse("home"), "form": form, "note": _note(team, form),
        "table": Table("What is to be mended", BY_KIND, rows, empty=empty),
    }  # fmt: skip
    return render(request, "cohorts/wishes/due.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES)
def records_of_a_kind(request: HttpRequest, code: str) -> HttpResponse:
    """The people in whose records one kind of thing is wrong, each with the form that mends it."""
    if code not in KINDS and kind_of(code) is None:
        raise Http404
    team, form = _team(request)
    found = [it for it in _found(request, team, code) if it.code == code]
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    back = reverse("records_to_mend") + (f"?{urlencode({'team': team})}" if form else "")
    context = {
        "title": "Records to mend", "caption": "Look again" if kind_of(code) else code, "back_href": back, "form": form,
        "page": page,
        "note": f"{_sentence(code)} {PROTECTED}",
        "table": Table("Each leads to its form", PEOPLE, [_row(it) for it in page], empty="Nothing of this is wrong."),
    }  # fmt: skip
    return render(request, "cohorts/wishes/due.html", context)


def _team(request: HttpRequest) -> tuple[str, TeamFilter | None]:
    """Whose families are asked for: the own team's, or for who sees every team the one that they chose."""
    user = somebody(request)
    if not user.may(Permission.SEE_ALL_FAMILIES):
        return user.team, None
    teams = mending.teams(today())
    own = user.team if user.team in teams else ""
    form = TeamFilter(request.GET if "team" in request.GET else {"team": own}, teams=teams)
    return (form.cleaned_data["team"] if form.is_valid() else ""), form


def _found(request: HttpRequest, team: str, code: str = "") -> list[ToMend]:
    """What is to be mended; looking is recorded, for it says of whose records something is wrong."""
    if not team:
        return []
    at = timezone.now()
    with trail.act():
        details = {"team": team, "code": code}
        trail.record(Event.RECORDS_TO_MEND_VIEWED, who=acting(request), at=at, details=details)
    return mending.to_mend(team, at)


def _note(team: str, form: TeamFilter | None) -> str:
    if not team:
        return "Choose a team." if form else "You are in no team yet: an administrator enters you in one."
    return f"Of the families of {team} that are flagged today, as their records are now. {PROTECTED}"


def _whom(it: ToMend) -> tuple[str, str]:
    """A person is one in whichever family, and a family is one."""
    return ("", it.person_ref) if it.person_ref else (it.family_ref, "")


def _how_many(whom: set[tuple[str, str]]) -> str:
    """In words that say nothing of few; who they are stands on the list itself."""
    people = any(not family for family, _ in whom)
    return in_words_of(rounded(len(whom)), "people" if people else "families").capitalize()


def _sentence(code: str) -> str:
    return kind_of(code) or KINDS[code].sentence


def _row(it: ToMend) -> list[object]:
    if kind_of(it.code):
        href, field, what = look_at(it.family_ref, it.person_ref, it.field), in_words(DETAILS[it.field]), "look at it"
    else:
        href = in_form(it.family_ref, it.person_ref, it.field, address=it.address)
        field, what = in_words(it.field), "mend it"
    whom = it.person_ref or FAMILY
    return [link(whom, href, f": {field.lower()}, {what}") if href else whom, it.family_ref, field]
