"""Pages of who approves and sends: the sample, approving or sending back, sealing and delivering."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from transfers import approval as stage
from transfers import delivery, sealing, tasks
from transfers.forms import SendBackForm
from transfers.views.shown import act_on, ask_about, row_of, show


@require_POST
@opened_by(Permission.APPROVE_SUBMISSIONS)
def sample(request: HttpRequest, name: str) -> HttpResponse:
    """Open the sample: which records are drawn follows from the content; opening it is recorded."""
    row = row_of(name)
    try:
        drawn = stage.open_sample(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return show(request, row, refusal.reasons)
    # The reference of the study is not for people: nobody could look anything up with it.
    names = [column for column in drawn[0].values if column != "submission_person_ref"] if drawn else []
    rows = [[d.person_ref, d.family_ref, *(d.values[column] for column in names)] for d in drawn]
    context = {
        "title": "Sample of what would be sent",
        "caption": row.name,
        "back_href": reverse("submission", args=[row.name]),
        "table": Table("Sample, masked", [Column("Person"), Column("Family"), *map(Column, names)], rows),
    }
    return render(request, "transfers/sample.html", context)


@require_POST
@opened_by(Permission.APPROVE_SUBMISSIONS)
@reauthentication_required
def approve(request: HttpRequest, name: str) -> HttpResponse:
    """Agree that exactly this content may leave."""
    return act_on(request, name, stage.approve, "It is approved.")


@opened_by(Permission.APPROVE_SUBMISSIONS)
def send_back(request: HttpRequest, name: str) -> HttpResponse:
    """Send it back with a reason."""
    row = row_of(name)

    def act(given: dict[str, Any]) -> object:
        return stage.send_back(submission=row, **given, by=acting(request), at=timezone.now())

    page = {"title": "Send back", "submit": "Send back"}
    return ask_about(request, row, SendBackForm(request.POST or None), act, done="It is sent back.", page=page)


@require_POST
@opened_by(Permission.SEND_SUBMISSIONS)
@reauthentication_required
def seal(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the workers to seal it."""
    return act_on(request, name, sealing.request, "The workers were asked to seal it.", tasks.seal.delay)


@require_POST
@opened_by(Permission.SEND_SUBMISSIONS)
@reauthentication_required
def deliver(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the workers to deliver it."""
    return act_on(request, name, delivery.request, "The workers were asked to deliver it.", tasks.deliver.delay)
