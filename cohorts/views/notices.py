"""Pages on privacy notices: what a family was told, giving a notice, the letter, and who was not told in time."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households, letters, untold
from cohorts import notices as stage
from cohorts.forms.wishes import FAMILY, NoticeForm
from cohorts.models import Family, Notice, NoticeVersion
from cohorts.rules.facts import FamilyFacts, Question
from cohorts.rules.membership import members
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import day, named, notices_of, of_family, parts, today, whom
from cohorts.views.problems import known_today
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.kit.small_counts import Tabulated, in_words, tabulated
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import listed

GIVEN = [Column("To"), Column("Version"), Column("When"), Column("How"), Column("By")]
TOLD = [Column("Person"), Column("Told"), Column("Earliest day their details could be sent"), Column("Letter")]
TEAMS = [Column("Team"), Column("To tell", numeric=True)]
DUE = [Column("Family"), Column("Person"), Column("Told"), Column("Earliest day their details could be sent")]


@of_family
def notices(request: HttpRequest, family: Family) -> HttpResponse:
    """What a family and its people were told, and who was not told in time."""
    known, asked = known_today(family, timezone.now())
    numbers = [notice.number for notice in notices_of(known)]
    given = Notice.objects.filter(pk__in=numbers).select_related("version", "person")
    rows = [
        [whom(row), row.version.version, day(row.issued_on), row.get_channel_display(), row.issued_by]
        for row in given.order_by("-issued_on", "-id")
    ]
    newest = NoticeVersion.objects.filter(published_on__lte=today()).order_by("published_on", "id").last()
    context = {
        "title": "Privacy notices", "caption": f"Family {family.reference}", "parts": parts(family, "notices"),
        "buttons": [("Give a notice", reverse("give_notice", args=[family.reference]))],
        "tables": [
            Table("Notices given", GIVEN, rows, empty="No privacy notice was given to this family yet."),
            Table("Who was told in time", TOLD, _told(known, asked, newest), empty="Nobody is in it today."),
        ],
    }  # fmt: skip
    return render(request, "cohorts/wishes/list.html", context)


def _told(known: FamilyFacts, asked: Question, newest: NoticeVersion | None) -> list[list[object]]:
    """Of each member whether they were told in time, as the rules say, and their letter."""
    missing = {each.person_ref: each for each in untold.missing(known, asked)}
    rows: list[list[object]] = []
    for person in members(known, asked.moment.today):
        late = missing.get(person.person_ref)
        letter = reverse("letter", args=[known.family_ref, person.person_ref, newest.pk]) if newest else ""
        rows.append(
            [
                named(person),
                "In time" if late is None else f"On {day(late.told_on)}" if late.told_on else "Not told",
                "Today" if late is None else _earliest(late),
                link("Letter to print", letter, f"to {named(person)}") if letter else "",
            ]
        )
    return rows


def _earliest(late: untold.Untold) -> str:
    return day(late.earliest) if late.told_and_counts else f"{day(late.earliest)}, if they are told today"


@of_family
@once(Notice)
def give_notice(request: HttpRequest, family: Family) -> HttpResponse:
    """Record that a notice was given."""
    here = reverse("notices", args=[family.reference])
    if kept_already(request, Notice):
        return redirect(here)
    initial = {"issued_on": today(), "issued_by": acting(request).reference}
    people = households.members(family, today())
    form = NoticeForm(request.POST or None, people=people, today=today(), initial=initial)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        to = given.pop("person")
        about = {"family": family} if to == FAMILY else {"person": to}
        try:
            stage.issue(**given, **about, reference=reference(request, Notice), by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, "The notice is recorded.")
            return redirect(here)
    context = {
        "title": "Give a notice", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Record the notice", "drawn": draw(request, Notice, "N"),
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


@of_family
def letter(request: HttpRequest, family: Family, person: str, number: int) -> HttpResponse:
    """A letter to print for one person of the family; opening it is recorded, for an address is on it."""
    version = get_object_or_404(NoticeVersion, pk=number)
    people = {each.reference: each for each in households.members(family)}
    if person not in people:
        raise Http404
    row = people[person]
    written = letters.to(row, version, today())
    at = timezone.now()
    with trail.act():
        details = {"version": version.version, "by_hand": written.by_hand}
        trail.record(Event.LETTER_OPENED, who=acting(request), at=at, about=row, details=details)
    context = {
        "title": "Letter to print", "caption": f"Person {row.reference}", "letter": written,
        "back_href": reverse("notices", args=[family.reference]), "to": written.to, "date": day(today()),
        "sender": (settings.CF_COUNCIL_NAME, "Early Help"),
        "subject": "A study of how well families are helped",
    }  # fmt: skip
    return render(request, "cohorts/wishes/letter.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES)
def notices_due(request: HttpRequest) -> HttpResponse:
    """Who was given no notice in time, of the own team's families or (for who sees all) of every team's."""
    user = somebody(request)
    team = None if user.may(Permission.SEE_ALL_FAMILIES) else user.team
    people: Any = untold.People(team, timezone.now()) if team != "" else []
    teams = tabulated(people.by_team()) if team is None else None
    page = Paginator(people, 25).get_page(request.GET.get("page"))
    listed(request, "notices_due", people=[each.person_ref for each in page])
    rows = [
        [
            link(each.family_ref, reverse("notices", args=[each.family_ref]), f"notices, for {each.person_ref}"),
            each.person_ref,
            f"On {day(each.told_on)}" if each.told_on else "Not told",
            _earliest(each),
        ]
        for each in page
    ]
    whose = "the families of every team" if team is None else f"the families of your team, {team or 'none yet'},"
    context = {
        "title": "Notices due", "page": page,
        "note": f"People of {whose} who were given no privacy notice early enough for their details to be sent today.",
        "counted": _by_team(teams) if teams else None,
        "table": Table("Not told in time", DUE, rows, empty="Everybody was told in time."),
    }  # fmt: skip
    return render(request, "cohorts/wishes/due.html", context)


def _by_team(counts: Tabulated) -> Table:
    """For who sees every team: about how many each has to tell, and all together where that gives nobody away."""
    rows = [[team or "No team", in_words(count, "people").capitalize()] for team, count in counts.cells.items()]
    if counts.total is not None:
        rows.append(["Every team", in_words(counts.total, "people").capitalize()])
    return Table("By team", TEAMS, rows, empty="Everybody was told in time.")
