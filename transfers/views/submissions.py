"""Pages of submissions: the list, one submission with what may be done next or why not, and the preparer's acts."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import polls, refused_form, role_reasons
from transfers import submission as stage
from transfers import voiding
from transfers.forms import VoidForm
from transfers.models import Submission
from transfers.rules.lifecycle import Stage
from transfers.views.shown import act_on, ask_about, busy_with, progress_of, row_of, show, stage_tag

COLUMNS = [Column("Submission"), Column("Round"), Column("Stage"), Column("People", numeric=True)]


@opened_by(Permission.SEE_SUBMISSIONS)
def submissions(request: HttpRequest) -> HttpResponse:
    """Every submission, the newest first, and the cohorts of which one may be drafted."""
    return _list(request)


@opened_by(Permission.SEE_SUBMISSIONS)
def submission(request: HttpRequest, name: str) -> HttpResponse:
    """One submission: where it stands, what it holds, who did what, and what may be done next."""
    row = row_of(name)
    if polls(request):
        return progress_of(request, row) if busy_with(row) else HttpResponse(status=204)
    with trail.act():
        trail.record(Event.SUBMISSION_VIEWED, who=acting(request), at=timezone.now(), about=row)
    return show(request, row)


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def draft(request: HttpRequest, cohort: int) -> HttpResponse:
    """Draft the submission of a cohort."""
    chosen = get_object_or_404(Cohort, pk=cohort)
    try:
        row = stage.draft(cohort=chosen, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _list(request, refusal.reasons)
    messages.success(request, f"The submission {row.name} is drafted.")
    return redirect("submission", row.name)


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def put_forward(request: HttpRequest, name: str) -> HttpResponse:
    """Put it forward."""
    return act_on(request, name, stage.put_forward, "It is put forward. Somebody else must approve it.")


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def take_up_again(request: HttpRequest, name: str) -> HttpResponse:
    """Make it a draft again."""
    return act_on(request, name, stage.take_up_again, "It is a draft again.")


@opened_by(Permission.VOID_SUBMISSIONS)
def make_void(request: HttpRequest, name: str) -> HttpResponse:
    """Make it void, with a reason; what that means stands above the form."""
    row = row_of(name)

    def act(given: dict[str, Any]) -> object:
        return voiding.make_void(submission=row, **given, by=acting(request), at=timezone.now())

    return ask_about(
        request, row, VoidForm(request.POST or None), act, done="It is void. Nothing of it leaves.",
        page={"title": "Make it void", "sealed": row.sealed_at is not None}, template="transfers/make_void.html",
    )  # fmt: skip


def _list(request: HttpRequest, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    page = Paginator(Submission.objects.select_related("round").order_by("-id"), 25).get_page(request.GET.get("page"))
    rows = [
        [link(r.name, reverse("submission", args=[r.name])), r.round.code, stage_tag(r), r.counts.get("persons", "")]
        for r in page
    ]
    newest = Cohort.objects.filter(state=Cohort.FINISHED).order_by("round_id", "-id").distinct("round_id")
    taken = Submission.objects.exclude(stage=Stage.VOID.name).values("round_id")
    context = {
        "title": "Submissions", "page": page, "forms": [refused_form(refused)] if refused else [],
        "table": Table("Submissions", COLUMNS, rows, empty="No submission was drafted yet."),
        "cohorts": newest.exclude(round_id__in=taken).select_related("round"),
        "reasons": role_reasons(request, Permission.PREPARE_SUBMISSIONS),
    }  # fmt: skip
    return render(request, "transfers/submissions.html", context, status=409 if refused else 200)
