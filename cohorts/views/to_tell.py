"""Whom of a cohort to tell again before they could be sent: on a page, and as a work list for the teams."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from cohorts import to_tell as listed
from cohorts.forgetting import is_forgotten
from cohorts.models import Cohort
from cohorts.to_tell import Coverage, People, ToTell
from cohorts.views.cohorts import viewed
from cohorts.views.mended_at import closed, on_family_page
from connecting_families.audit.events import Event
from connecting_families.kit.forms import offer
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.kit.spreadsheets import csv_for_people
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts

PEOPLE = [Column("Team"), Column("Family"), Column("Person"), Column("Told last"), Column("What to do"),
          Column("Could be sent with a cut-off from")]  # fmt: skip
HEADER = ("Team", "Family", "Person", "Told last", "What to do", "Could be sent with a cut-off from")
TEAMS = [Column("Team"), Column("To tell or to ask", numeric=True)]
NO_TEAM, WITHOUT = "No team", "-"
LEAVE = "Tell them nothing: since the run they have objected, were protected, died or went from the file"


class TeamFilter(forms.Form):
    """The families of which team; left empty, of all."""

    team = forms.ChoiceField(label="Team", required=False)

    def __init__(self, *args: Any, teams: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "team", [("", "Every team"), *((team or WITHOUT, team or NO_TEAM) for team in teams)])


@opened_by(Permission.SEE_COHORTS)
def to_tell(request: HttpRequest, number: int) -> HttpResponse:
    """Who is out for want of a notice or a consent, by team, and by which cut-off each and all could be sent."""
    row = _remembered(number)
    teams = People(row, None, timezone.now()).by_team()
    form, people = _asked(request, row, teams)
    cut: Any = people
    page = Paginator(cut, 50).get_page(request.GET.get("page"))
    viewed(request, Event.NOTICE_COVERAGE_VIEWED, row)
    query = f"?{urlencode({'team': form.cleaned_data['team']})}" if form.cleaned_data.get("team") else ""
    out_of_reach = closed(request, {it.family_ref for it in page})
    here = reverse("to_tell", args=[row.pk])
    context = {
        "title": "Who is to be told again", "caption": f"Cohort {row.pk}", "page": page,
        "back_href": reverse("cohort", args=[row.pk]), "form": form if len(teams) > 1 else None,
        "facts": coverage_facts(listed.coverage(row), row.round.cut_off),
        "days": row.notice_days, "if_told_today": day(people.if_told_today), "all_from": day(people.all_from()),
        "csv_href": reverse("to_tell_csv", args=[row.pk]) + query,
        "teams": Table(
            "By team", TEAMS,
            [[link(team or NO_TEAM, f"{here}?{urlencode({'team': team or WITHOUT})}"), count] for team, count in teams],
        ),
        "table": Table(
            "People to tell, or to ask", PEOPLE,
            [_row(it, row.pk, reach=it.family_ref not in out_of_reach) for it in page],
            empty="Nobody of the team is out for want of them." if teams else
            "Nobody is out for want of a notice or a consent.",
        ),
    }  # fmt: skip
    return render(request, "cohorts/to_tell.html", context)


@opened_by(Permission.SEE_COHORTS)
def to_tell_csv(request: HttpRequest, number: int) -> HttpResponseBase:
    """The list by team, for those who tell families; without those who are to be told nothing, and without names."""
    row = _remembered(number)
    _, people = _asked(request, row, People(row, None, timezone.now()).by_team())
    viewed(request, Event.TO_TELL_EXPORTED, row)
    return csv_for_people("people-to-tell.csv", HEADER, _lines(people))


def coverage_facts(found: Coverage, cut_off: date) -> list[dict[str, Any]]:
    """How far the notice reached, as rows of a summary list."""
    share = f" ({found.told / found.considered:.1%})" if found.considered else ""
    return facts(
        ("Cut-off of the round", day(cut_off)),
        ("Told in time", f"{found.told:,} of {found.considered:,} people considered{share}"),
        ("Not told, or told too late", f"{found.not_told:,}"),
        ("Asked for a consent that is missing", f"{found.no_consent:,}"),
    )


def day(on: date | None) -> str:
    """A date in words; empty for none."""
    return f"{on:%-d %B %Y}" if on else ""


def _remembered(number: int) -> Cohort:
    """A finished cohort of which it can be said who was in it. Http404 for others."""
    row = get_object_or_404(Cohort.objects.select_related("round"), pk=number, state=Cohort.FINISHED)
    if is_forgotten(row):
        raise Http404
    return row


def _asked(request: HttpRequest, row: Cohort, teams: list[tuple[str, int]]) -> tuple[TeamFilter, People]:
    form = TeamFilter(request.GET, teams=[team for team, _ in teams])
    chosen = form.cleaned_data["team"] if form.is_valid() else ""
    return form, People(row, ("" if chosen == WITHOUT else chosen) if chosen else None, timezone.now())


def _what_to_do(it: ToTell) -> str:
    if it.stopped:
        return LEAVE
    told = "" if it.in_time else "Told too late for this round" if not it.if_told_today else "Give them the notice"
    asked = "Ask for their consent" if it.no_consent else ""
    return ". ".join(words for words in (told, asked) if words) or "Nothing: this was mended since the run"


def _from(it: ToTell) -> str:
    if it.stopped:
        return ""
    return f"{day(it.earliest)}, if they are told today" if it.if_told_today else day(it.earliest)


def _row(it: ToTell, cohort: int, *, reach: bool) -> list[object]:
    family = on_family_page(it.family_ref, it.person_ref) if reach else ""
    where = link(it.family_ref, family, f", where {it.person_ref} is") if family else it.family_ref
    asked = urlencode({"family": it.family_ref, "person": it.decided_as})
    whom = link(it.person_ref, f"{reverse('decision', args=[cohort])}?{asked}", ": why they are out")
    return [it.team or NO_TEAM, where, whom, day(it.told_on) or "Never", _what_to_do(it), _from(it)]


def _lines(people: People) -> Iterator[list[object]]:
    for it in people:
        if not it.stopped:
            told = it.told_on.isoformat() if it.told_on else ""
            yield [it.team or NO_TEAM, it.family_ref, it.person_ref, told, _what_to_do(it), it.earliest.isoformat()]
