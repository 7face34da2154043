"""The home page: for each role what waits for it. Early Help is shown nothing of cohorts."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from cohorts.models import Cohort, Round
from cohorts.queries import standing_unmatched_objections
from connecting_families.audit.models import Entry
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission
from transfers.models import RecipientCertificate, Submission
from transfers.rules.lifecycle import Stage

WAITING = {
    Stage.DRAFT: "to be put forward",
    Stage.PUT_FORWARD: "for approval by another person",
    Stage.SENT_BACK: "to be mended and taken up again",
    Stage.APPROVED: "to be sealed",
    Stage.SEALED: "to be delivered",
    Stage.SENDING: "for word of its delivery",
}


@opened_by()
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this person."""
    user = User.objects.get(pk=acting(request).person)
    role = ROLES.get(user.role)
    context: dict[str, Any] = {"title": "Connecting Families", "purpose": ""}
    if role:
        context = {"title": role.title, "purpose": role.purpose}
    if user.may(Permission.SEE_SUBMISSIONS):
        context["submissions"] = [_submission(row) for row in Submission.objects.order_by("-id")[:10]]
        context["runs"] = Cohort.objects.filter(state=Cohort.REQUESTED).count()
        context["rounds"] = Round.objects.count()
    if user.may(Permission.SEE_TRAIL):
        context["unmatched"] = standing_unmatched_objections(timezone.now())
        context["certificates"] = RecipientCertificate.objects.filter(second_accepted_by=None, revoked_at=None).count()
        context["entries"] = Entry.objects.count()
    context["families"] = user.may(Permission.SEE_OWN_FAMILIES)
    return render(request, "home.html", context)


def _submission(row: Submission) -> dict[str, Any]:
    waits = WAITING.get(row.at_stage)
    words = f"{row.at_stage.value}: waits {waits}" if waits else row.at_stage.value
    return {"key": link(row.name, reverse("submission", args=[row.name])), "value": words}
