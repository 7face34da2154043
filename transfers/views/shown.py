"""How a submission is shown: its stage, what it holds, what was done to it, and the next act or why it may not be."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from cohorts.rules.findings import KINDS
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link, tag
from connecting_families.staff.guards import acting
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, in_role, in_words, moment, refused_form, role_reasons
from transfers import approval, explained, progress, voiding
from transfers.models import Submission
from transfers.rules import delivering, lifecycle
from transfers.rules.lifecycle import Stage
from transfers.views.put_forward import putting_forward

RECEIVED = [
    Column("Package"),
    Column("Rows sent", numeric=True),
    Column("Rows loaded", numeric=True),
    Column("Rows rejected", numeric=True),
]
FILES = [Column("File"), Column("Bytes", numeric=True), Column("SHA-256")]
QUERIES = [Column("What is asked"), Column("Code"), Column("Findings", numeric=True), Column("Explanation")]
COLOURS = {
    Stage.SENT: "green",
    Stage.RECEIPTED: "green",
    Stage.VOID: "red",
    Stage.DESTROYED: "grey",
    Stage.SENT_BACK: "orange",
}
READS = {Event.SUBMISSION_VIEWED.name, Event.SAMPLE_VIEWED.name, Event.QUERIES_VIEWED.name}
SEALING = ("Signing it, and encrypting it for its recipients", "Laying the sealed files in the outbox")
DELIVERING = ("Sending the sealed files", "Looking whether they arrived whole")
AT_IT = "The workers are at it. You may leave this page and come back."
WAITING = "The recipient was not reached, or did not take it. The workers try again by themselves."


def row_of(name: str) -> Submission:
    """The submission of this name, or there is no such page."""
    people = ("prepared_by", "approved_by", "sealing_requested_by", "delivery_requested_by")
    return get_object_or_404(Submission.objects.select_related("round__agreement", "cohort", *people), name=name)


def act_on(
    request: HttpRequest, name: str, act: Callable[..., object], done: str, then: Callable[..., Any] | None = None
) -> HttpResponse:
    """Do one act, and go back to the submission; refused, its page says why. `then` hands the work to the workers."""
    row = row_of(name)
    try:
        act(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return show(request, row_of(name), refusal.reasons)
    if then is not None:
        hand_over(then, row.pk)
    messages.success(request, done)
    return redirect("submission", row.name)


def ask_about(
    request: HttpRequest, row: Submission, form: Form, act: Callable[[dict[str, Any]], object], *, done: str,
    page: Mapping[str, object], template: str = "kit/form_page.html", back: str = "submission",
) -> HttpResponse:  # fmt: skip
    """A form about one submission that asks for one act with what was typed; then back to its page of the name `back`.

    A reason that is missing is said at its field, whatever else speaks against it at the top; what was typed stays.
    """
    here = reverse(back, args=[row.name])
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("reason" if reason.code == "NO_REASON" else None, reason.sentence)
        else:
            messages.success(request, done)
            return redirect(here)
    return render(request, template, {"form": form, "caption": row.name, "back_href": here, **page})


def busy_with(row: Submission) -> tuple[str, ...]:
    """What the workers were asked to do and have not finished; nothing where nothing was asked."""
    if row.at_stage is Stage.APPROVED and row.sealing_requested_at:
        return SEALING
    if row.at_stage in (Stage.SEALED, Stage.SENDING) and row.delivery_requested_at:
        return DELIVERING
    return ()


def progress_of(request: HttpRequest, row: Submission) -> HttpResponse:
    """How far the workers are, and nothing else."""
    return render(request, "transfers/progress.html", _progress(row))


def show(request: HttpRequest, row: Submission, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    """The page of a submission; `refused` is why the act that was just asked for was not done."""
    context = _progress(row) | {
        "title": row.name,
        "caption": "Submission",
        "submission": row,
        "at_stage": row.at_stage.name,
        "stopped": delivering.TROUBLES.get(row.delivery_stopped, ""),
        "back_href": reverse("submissions"),
        "forms": [refused_form(refused)] if refused else [],
        "facts": _facts(row),
        "queries": _queries(row),
        "history": history_of("transfers.submission", row.name, READS),
        "files": Table(
            "Sealed files", FILES, [[file["name"], file["bytes"], exact(file["sha256"])] for file in row.sealed_files]
        ),
        **_received(row),
        "retention": row.sealed_at is not None
        and row.at_stage is not Stage.VOID
        and not role_reasons(request, Permission.SEE_RETENTION),
        "prepare": role_reasons(request, Permission.PREPARE_SUBMISSIONS),
        "send": role_reasons(request, Permission.SEND_SUBMISSIONS),
        "look": role_reasons(request, Permission.APPROVE_SUBMISSIONS),
        **(putting_forward(request, row, timezone.now()) if row.at_stage is Stage.DRAFT else {}),
        "approve": role_reasons(request, Permission.APPROVE_SUBMISSIONS) or _against_approval(request, row),
        "may_be_void": not lifecycle.reasons_against("void", row.at_stage),
        "void": role_reasons(request, Permission.VOID_SUBMISSIONS) or voiding.reasons_against(row),
    }
    return render(request, "transfers/submission.html", context, status=409 if refused else 200)


def stage_tag(row: Submission) -> object:
    """The stage of a submission."""
    return tag(row.at_stage.value, COLOURS.get(row.at_stage, "blue"))


def _against_approval(request: HttpRequest, row: Submission) -> list[Any]:
    if row.at_stage is not Stage.PUT_FORWARD:
        return []
    return [*approval.reasons_against(row, acting(request), timezone.now())]


def _progress(row: Submission) -> dict[str, Any]:
    busy = busy_with(row)
    if not busy:
        return {}
    by, at = (
        (row.sealing_requested_by, row.sealing_requested_at)
        if busy is SEALING
        else (row.delivery_requested_by, row.delivery_requested_at)
    )
    asked = f"Asked for by {by} on {moment(at)}" if by else f"Asked for on {moment(at)}"
    first, second = busy
    found: dict[str, Any] = {
        "poll_url": reverse("submission", args=[row.name]), "label": AT_IT, "done": None, "total": None
    }  # fmt: skip
    if busy is DELIVERING and row.next_attempt_at:
        again = f"To be tried again on {moment(row.next_attempt_at)}"
        found |= {"label": WAITING, "waits": True}
        steps = [(asked, "done"), (f"{_tries(row)}. {_trouble(row)}", "failed"), (again, "next")]
    else:
        steps = [(asked, "done"), (first, "now"), (second, "next")]
        sent = progress.of(progress.key_of(row.pk)) if busy is DELIVERING else None
        if sent:
            done, total = sent
            found |= {"done": done, "total": total, "label": f"{AT_IT} {done:,} of {total:,} bytes are there."}
    return found | {"steps": [{"text": text, "state": state} for text, state in steps]}


def _tries(row: Submission) -> str:
    return f"Tried {row.delivery_tries} time{'' if row.delivery_tries == 1 else 's'}"


def _trouble(row: Submission) -> str:
    """What stood in the way of the last attempt, in words."""
    last = row.delivery_attempts.order_by("id").last()
    return delivering.TROUBLES.get(last.reason, "") if last else ""


def _facts(row: Submission) -> list[dict[str, Any]]:
    counts, shaped = row.counts, User.objects.filter(pk__in=row.shaped_by).order_by("username")
    return facts(
        ("Stage", stage_tag(row)),
        ("Collection round", link(row.round.code, reverse("round", args=[row.round.code]))),
        ("Cohort", link(f"Cohort {row.cohort_id}", reverse("cohort", args=[row.cohort_id]))),
        ("Agreement", row.round.agreement.reference),
        ("Recipients", ", ".join(row.round.recipients)),
        ("Prepared by", f"{row.prepared_by}, {moment(row.prepared_at)}"),
        ("May not approve it", f"{', '.join(map(str, shaped))} (prepared, edited or explained it)"),
        ("People and families", f"{counts['persons']:,} people of {counts['families']:,} families" if counts else ""),
        ("Groups", _groups(row.counts)),
        ("Columns of identifiers.csv", ", ".join(row.content.get("identifiers", {}).get("columns", []))),
        ("Columns of programme.csv", ", ".join(row.content.get("programme", {}).get("columns", []))),
        ("Content (SHA-256)", row.content_sha256),
        ("Put forward", moment(row.put_forward_at)),
        ("To mend", row.sent_back_reason),
        ("Approved by", f"{row.approved_by}, {moment(row.approved_at)}" if row.approved_by else ""),
        ("Sealed", moment(row.sealed_at)),
        ("Delivered", moment(row.sent_at)),
        ("Withdrawn since", _withdrawn(row)),
    )


def _withdrawn(row: Submission) -> object:
    """How many were taken out after they were sent, and by which withdrawals."""
    made = list(row.withdrawals.order_by("number"))
    if not made:
        return ""
    people = sum(each.counts["withdrawn"] for each in made)
    links = ((link(each.name, reverse("withdrawal", args=[each.name])),) for each in made)
    return format_html(
        "{} of {} people: {}", f"{people:,}", f"{row.counts['persons']:,}", format_html_join(", ", "{}", links)
    )


def _received(row: Submission) -> dict[str, Any]:
    """What its recipients said that they have of it."""
    if row.at_stage is not Stage.RECEIPTED:
        return {}
    receipt = row.receipt
    rows = [
        [f["name"], f["rows_loaded"] + f["rows_rejected"], f["rows_loaded"], f["rows_rejected"]] for f in receipt.files
    ]
    caption = f"As the recipient says, received on {moment(receipt.received_at)}"
    return {"received": Table(caption, RECEIVED, rows), "rejections": receipt.rejections}


def _groups(counts: dict[str, int]) -> str:
    if not counts:
        return ""
    words = f"{counts['programme']:,} programme, {counts['comparison']:,} comparison"
    both = counts["programme"] + counts["comparison"] - counts["persons"]
    return f"{words}; {both:,} in both, with different families" if both else words


def _queries(row: Submission) -> Table | None:
    rows = [
        [
            KINDS[it.code].sentence,
            it.code,
            it.open,
            it.explanation or ("Destroyed" if row.at_stage is Stage.DESTROYED else "Not explained yet"),
        ]
        for it in explained.covered(row)
    ]
    return Table("Open queries", QUERIES, rows) if rows else None


def history_of(record: str, name: str, reads: set[str]) -> list[dict[str, Any]]:
    """What was done to a record, the newest first, as the trail tells it.

    Who read it is left out, and what people were refused; what the workers were refused is what somebody must mend.
    """
    told = trail.entries().filter(record=record, reference=name).exclude(event__in=reads)
    return [
        {"title": e.sentence, "by": in_role(e.who, e.role), "at": e.timestamp, "text": _why(e)}
        for e in told
        if not e.event.endswith("_REFUSED") or e.actor_id is None
    ]


def _why(entry: Entry) -> str:
    codes = (entry.additional_data or {}).get("reasons", [])
    return entry.reason or "; ".join(in_words(code) for code in codes)
