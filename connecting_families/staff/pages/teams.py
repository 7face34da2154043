"""Pages of the register of teams."""

from datetime import timedelta

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff import teams as stage
from connecting_families.staff.forms import EndTeamForm, TeamForm
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import Team, User
from connecting_families.staff.roles import Permission

COLUMNS = [Column("Team"), Column("From"), Column("Until"), Column("People in it", numeric=True), Column("Change")]


@opened_by(Permission.MANAGE_STAFF)
def teams(request: HttpRequest) -> HttpResponse:
    """Every team there is or was, and names that accounts have and the register lacks."""
    rows = [
        [
            row.name,
            f"{row.from_on:%-d %B %Y}",
            _until(row),
            User.objects.filter(team=row.name, is_active=True).count(),
            "" if row.to_on else link("End", reverse("end_team", args=[row.pk]), row.name),
        ]
        for row in Team.objects.order_by("name")
    ]
    known = set(Team.objects.values_list("name", flat=True))
    named = set(User.objects.exclude(team="").values_list("team", flat=True))
    context = {
        "title": "Teams", "back_href": reverse("staff"), "lacking": sorted(named - known),
        "table": Table("The register of teams", COLUMNS, rows, empty="No team was entered yet."),
    }  # fmt: skip
    return render(request, "staff/teams.html", context)


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
def add_team(request: HttpRequest) -> HttpResponse:
    """Enter a team."""
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            stage.enter(**form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("name", reason.sentence)
        else:
            messages.success(request, "The team is in the register.")
            return redirect("teams")
    context = {"form": form, "title": "Add a team", "submit": "Add the team", "back_href": reverse("teams")}
    return render(request, "kit/form_page.html", context)


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
def end_team(request: HttpRequest, number: int) -> HttpResponse:
    """End a team."""
    row = get_object_or_404(Team, pk=number)
    form = EndTeamForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            stage.end(team=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("last_day" if reason.code == "ENDS_BEFORE_IT_BEGINS" else None, reason.sentence)
        else:
            messages.success(request, "The team has its last day.")
            return redirect("teams")
    context = {"form": form, "title": "End a team", "caption": row.name, "submit": "End it"}
    return render(request, "kit/form_page.html", context | {"back_href": reverse("teams")})


def _until(row: Team) -> object:
    return tag(f"{row.to_on - timedelta(days=1):%-d %B %Y}", "grey") if row.to_on else "No end"
