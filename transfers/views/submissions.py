"""Pages of submissions: one page shows a submission and what may be done next, or why it may not."""

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import queries
from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, not_permitted, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission
from transfers import approval, delivery, sealing, tasks
from transfers import submission as stage
from transfers.forms import ExplainForm, SendBackForm
from transfers.models import Submission
from transfers.rules import lifecycle
from transfers.rules.lifecycle import Stage

COLUMNS = [Column("Submission"), Column("Round"), Column("Stage"), Column("People", numeric=True)]
FILES = [Column("File"), Column("Bytes", numeric=True), Column("SHA-256")]
COLOURS = {Stage.SENT: "green", Stage.VOID: "red", Stage.SENT_BACK: "orange"}


@opened_by(Permission.SEE_SUBMISSIONS)
def submissions(request: HttpRequest) -> HttpResponse:
    """Every submission, the newest first, and the cohorts of which one may be drafted."""
    page = Paginator(Submission.objects.select_related("round").order_by("-id"), 25).get_page(request.GET.get("page"))
    rows = [
        [link(r.name, reverse("submission", args=[r.name])), r.round.code, _tag(r), f"{r.counts.get('persons', 0):,}"]
        for r in page
    ]
    newest = Cohort.objects.filter(state=Cohort.FINISHED).order_by("round_id", "-id").distinct("round_id")
    taken = Submission.objects.exclude(stage=Stage.VOID.name).values("round_id")
    context = {
        "title": "Submissions", "table": Table("Submissions", COLUMNS, rows), "page": page,
        "cohorts": newest.exclude(round_id__in=taken).select_related("round"),
        "reasons": _role(request, Permission.PREPARE_SUBMISSIONS),
    }  # fmt: skip
    return render(request, "transfers/submissions.html", context)


@opened_by(Permission.SEE_SUBMISSIONS)
def submission(request: HttpRequest, name: str) -> HttpResponse:
    """One submission: where it stands, what it holds, who did what, and what may be done next."""
    row = _row(name)
    with trail.act():
        trail.record(Event.SUBMISSION_VIEWED, who=acting(request), at=timezone.now(), about=row)
    return _page(request, row)


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def draft(request: HttpRequest, cohort: int) -> HttpResponse:
    """Draft the submission of a cohort."""
    chosen = get_object_or_404(Cohort, pk=cohort)
    try:
        row = stage.draft(cohort=chosen, by=acting(request), at=timezone.now())
    except Refused as refusal:
        for reason in refusal.reasons:
            messages.error(request, reason.sentence)
        return redirect("submissions")
    return redirect("submission", row.name)


@opened_by(Permission.PREPARE_SUBMISSIONS)
def explain(request: HttpRequest, name: str) -> HttpResponse:
    """Explain open queries, a sentence for each code."""
    row = _row(name)
    form = ExplainForm(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        for code in [field for field in form.changed_data if form.cleaned_data[field]]:
            try:
                stage.explain(
                    submission=row, code=code, text=form.cleaned_data[code], by=acting(request), at=timezone.now()
                )
            except Refused as refusal:
                form.add_error(code, " ".join(reason.sentence for reason in refusal.reasons))
        if not form.errors:
            messages.success(request, "The explanations are kept.")
            return redirect("submission", row.name)
    context = {"form": form, "title": "Explain open queries", "caption": row.name, "submit": "Keep the explanations"}
    return render(request, "kit/form_page.html", context | {"back_href": reverse("submission", args=[row.name])})


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def put_forward(request: HttpRequest, name: str) -> HttpResponse:
    """Put it forward."""
    return _act(request, name, stage.put_forward, "It is put forward. Somebody else must approve it.")


@require_POST
@opened_by(Permission.PREPARE_SUBMISSIONS)
def take_up_again(request: HttpRequest, name: str) -> HttpResponse:
    """Make it a draft again."""
    return _act(request, name, stage.take_up_again, "It is a draft again.")


@require_POST
@opened_by(Permission.APPROVE_SUBMISSIONS)
def sample(request: HttpRequest, name: str) -> HttpResponse:
    """Open the sample: which records are drawn follows from the content; opening it is recorded."""
    row = _row(name)
    try:
        drawn = approval.open_sample(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, row, refusal.reasons)
    columns = [Column("Person"), *(Column(column) for column in drawn[0].values if column != "submission_person_ref")]
    rows = [
        [d.person_ref, *(value for column, value in d.values.items() if column != "submission_person_ref")]
        for d in drawn
    ]
    context = {
        "title": "Sample of what would be sent", "caption": row.name, "table": Table("Sample, masked", columns, rows),
        "back_href": reverse("submission", args=[row.name]),
    }  # fmt: skip
    return render(request, "transfers/sample.html", context)


@require_POST
@opened_by(Permission.APPROVE_SUBMISSIONS)
@reauthentication_required
def approve(request: HttpRequest, name: str) -> HttpResponse:
    """Agree that exactly this content may leave."""
    return _act(request, name, approval.approve, "It is approved.")


@opened_by(Permission.APPROVE_SUBMISSIONS)
def send_back(request: HttpRequest, name: str) -> HttpResponse:
    """Send it back with a reason."""
    row = _row(name)
    form = SendBackForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            approval.send_back(
                submission=row, reason=form.cleaned_data["reason"], by=acting(request), at=timezone.now()
            )
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, "It is sent back.")
            return redirect("submission", row.name)
    context = {"form": form, "title": "Send back", "caption": row.name, "submit": "Send back"}
    return render(request, "kit/form_page.html", context | {"back_href": reverse("submission", args=[row.name])})


@require_POST
@opened_by(Permission.SEND_SUBMISSIONS)
@reauthentication_required
def seal(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the workers to seal it."""
    return _act(request, name, sealing.request, "A worker signs and encrypts it.", tasks.seal)


@require_POST
@opened_by(Permission.SEND_SUBMISSIONS)
@reauthentication_required
def deliver(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the workers to deliver it."""
    return _act(request, name, delivery.request, "A worker delivers it.", tasks.deliver)


def _act(request: HttpRequest, name: str, act: Callable[..., object], done: str, then: Any = None) -> HttpResponse:
    """Do one act; where it is refused, the page says why. `then` is the task that goes on with it."""
    row = _row(name)
    try:
        act(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, _row(name), refusal.reasons)
    if then is not None:
        then.delay(row.pk)
    messages.success(request, done)
    return redirect("submission", row.name)


def _page(request: HttpRequest, row: Submission, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    at = timezone.now()
    busy = (row.at_stage is Stage.APPROVED and row.sealing_requested_at) or (
        row.at_stage in (Stage.SEALED, Stage.SENDING) and row.delivery_requested_at
    )
    context: dict[str, Any] = {
        "title": row.name, "submission": row, "stage": _tag(row), "refused": refused, "facts": _facts(row),
        "back_href": reverse("submissions"), "poll_url": reverse("submission", args=[row.name]) if busy else "",
        "queries": queries.open_queries(row.cohort), "at_stage": row.at_stage.name,
        "prepare": _role(request, Permission.PREPARE_SUBMISSIONS),
        "approve": _role(request, Permission.APPROVE_SUBMISSIONS)
        or (approval.reasons_against(row, acting(request), at) if row.at_stage is Stage.PUT_FORWARD else []),
        "may_look": not _role(request, Permission.APPROVE_SUBMISSIONS),
        "seal": _role(request, Permission.SEND_SUBMISSIONS) or lifecycle.reasons_against("seal", row.at_stage),
        "deliver": _role(request, Permission.SEND_SUBMISSIONS)
        or lifecycle.reasons_against("attempt delivery", row.at_stage),
        "files": Table(
            "Sealed files", FILES, [[f["name"], f"{f['bytes']:,}", f["sha256"]] for f in row.sealed_files]
        ),
    }  # fmt: skip
    return render(request, "transfers/submission.html", context, status=409 if refused else 200)


def _facts(row: Submission) -> list[dict[str, Any]]:
    counts = row.counts
    facts = [
        ("Stage", _tag(row)),
        ("Round and cohort", f"{row.round.code}, cohort {row.cohort_id}"),
        ("Prepared by", f"{row.prepared_by.username}, {_time(row.prepared_at)}"),
        ("People and families", f"{counts['persons']:,} people of {counts['families']:,} families" if counts else ""),
        ("Groups", f"{counts['programme']:,} programme, {counts['comparison']:,} comparison" if counts else ""),
        ("Columns of identifiers.csv", ", ".join(row.content.get("identifiers", {}).get("columns", []))),
        ("Columns of programme.csv", ", ".join(row.content.get("programme", {}).get("columns", []))),
        ("Content (SHA-256)", row.content_sha256),
        ("Put forward", _time(row.put_forward_at)),
        ("Sent back", row.sent_back_reason),
        ("Approved by", f"{row.approved_by.username}, {_time(row.approved_at)}" if row.approved_by else ""),
        ("Sealed", _time(row.sealed_at)),
        ("Delivered", _time(row.sent_at)),
        ("Void, because", row.void_reason),
    ]
    return [{"key": key, "value": value} for key, value in facts if value]


def _row(name: str) -> Submission:
    return get_object_or_404(
        Submission.objects.select_related("round__agreement", "cohort", "prepared_by", "approved_by"), name=name
    )


def _role(request: HttpRequest, permission: Permission) -> list[Any]:
    user = request.user
    return [] if isinstance(user, User) and user.may(permission) else [not_permitted(permission)]


def _tag(row: Submission) -> object:
    return tag(row.at_stage.value, COLOURS.get(row.at_stage, "blue"))


def _time(at: Any) -> str:
    return f"{timezone.localtime(at):%-d %B %Y, %H:%M}" if at else ""
