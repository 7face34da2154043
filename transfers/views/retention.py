"""Pages of retention: what must be gone by when, what is due, what stops it, and what was destroyed."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts.models import Agreement
from cohorts.views.register_pages import ask as ask_by_form
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, moment, refused_form, role_reasons
from transfers import destruction, retaining, tasks
from transfers.forms_of_retention import AskForm, HoldForm, RecipientCertificateForm, StudyEndForm
from transfers.models import Destruction, LegalHold, StudyEnd, Submission
from transfers.rules import destroying
from transfers.rules.lifecycle import Stage
from transfers.rules.retention import Retention, State
from transfers.views.shown import ask_about, history_of, row_of, stage_tag

COLOURS = {
    State.OVERDUE: "red", State.DUE: "orange", State.HELD: "purple", State.GONE: "green", State.RUNNING_OUT: "yellow",
    State.NOT_YET: "blue", State.NO_END: "grey",
}  # fmt: skip
SUBMISSIONS = [Column("Submission"), Column("Agreement"), Column("Stage"), Column("Destroy by"), Column("Our copy"),
               Column("Recipients' copies"), Column("Destruction")]  # fmt: skip
STUDIES = [Column("Agreement"), Column("Its last day"), Column("The study ends"), Column("From what is known")]
HOLDS = [Column("Hold"), Column("Placed"), Column("Why"), Column("Lifted"), Column("Why it was lifted")]
COPIES = [Column("Copy"), Column("Must be gone by the end of"), Column("How it stands")]
THEIRS = [Column("Recipient"), Column("Reference"), Column("Destroyed on"), Column("SHA-256"), Column("Entered")]
READS = {Event.RETENTION_VIEWED.name, Event.CERTIFICATE_OF_DESTRUCTION_VIEWED.name, Event.SUBMISSION_VIEWED.name,
         Event.PROOF_VIEWED.name, Event.SAMPLE_VIEWED.name}  # fmt: skip
OWN_ACTS = ("DESTRUCTION", "HOLD", "ARCHIVE_KEY", "SUBMISSION_DESTROYED", "RECIPIENT_DESTROYED")

_ask = partial(ask_about, back="retained")


@opened_by(Permission.SEE_RETENTION)
def retention(request: HttpRequest) -> HttpResponse:
    """Every submission of which something is kept or was destroyed, and when each study ends."""
    at = timezone.now()
    rows = retaining.kept()
    found = [(row, retaining.of(row, at)) for row in rows]
    late = sum(it.state is State.OVERDUE for _, it in found)
    due = sum(it.state is State.DUE for _, it in found)
    context = {
        "title": "Retention",
        "late": f"{late} submission{'' if late == 1 else 's'} should have been destroyed already." if late else "",
        "due": due,
        "table": Table("What was sent", SUBMISSIONS, [_line(row, it) for row, it in found],
                       empty="Nothing was sealed yet: there is nothing to destroy."),
        "studies": Table("When research ends", STUDIES, [_study(each) for each in Agreement.objects.order_by("-pk")],
                         empty="No agreement is on file."),
    }  # fmt: skip
    return render(request, "transfers/retention.html", context)


@opened_by(Permission.SEE_RETENTION)
def retained(request: HttpRequest, name: str) -> HttpResponse:
    """One submission: its copies, what holds it, and its destruction."""
    row = row_of(name)
    with trail.act():
        trail.record(Event.RETENTION_VIEWED, who=acting(request), at=timezone.now(), about=row)
    return _show(request, row)


@opened_by(Permission.HOLD_SUBMISSIONS)
def place_hold(request: HttpRequest, name: str) -> HttpResponse:
    """Stop the destruction of a submission."""
    row = row_of(name)
    page = {"title": "Place a legal hold", "submit": "Place the hold"}

    def act(given: Any) -> object:
        return retaining.place_hold(submission=row, **given, by=acting(request), at=timezone.now())

    return _ask(request, row, HoldForm(request.POST or None), act, done="Nothing of it is destroyed now.", page=page)


@opened_by(Permission.HOLD_SUBMISSIONS)
def lift_hold(request: HttpRequest, number: int) -> HttpResponse:
    """Lift a hold."""
    hold = get_object_or_404(LegalHold.objects.select_related("submission"), pk=number)
    page = {"title": "Lift a legal hold", "submit": "Lift the hold"}

    def act(given: Any) -> object:
        return retaining.lift_hold(hold=hold, **given, by=acting(request), at=timezone.now())

    return _ask(request, hold.submission, HoldForm(request.POST or None), act, done="The hold is lifted.", page=page)


@opened_by(Permission.ENTER_RETENTION)
def enter_recipients_certificate(request: HttpRequest, name: str) -> HttpResponse:
    """Enter a recipient's own certificate of destruction."""
    row = row_of(name)
    form = RecipientCertificateForm(row.round.recipients, request.POST or None, request.FILES or None)
    page = {"title": "Enter a recipient's certificate of destruction", "submit": "Enter it"}

    def act(given: Any) -> object:
        return retaining.enter_recipients_certificate(submission=row, **given, by=acting(request), at=timezone.now())

    return _ask(request, row, form, act, done="The certificate is entered.", page=page)


@opened_by(Permission.ENTER_RETENTION)
def enter_study_end(request: HttpRequest, number: int) -> HttpResponse:
    """Enter the last day of the research under an agreement."""
    row = get_object_or_404(Agreement, pk=number)
    here = reverse("retention")
    page = {
        "title": "Enter when the study ends", "caption": row.reference, "back_href": here, "submit": "Enter it",
    }  # fmt: skip
    return ask_by_form(
        request,
        StudyEndForm(request.POST or None),
        lambda given: retaining.enter_study_end(agreement=row, **given, by=acting(request), at=timezone.now()),
        done="The last day of the study is entered.",
        to=here,
        page=page,
    )


@opened_by(Permission.ASK_DESTRUCTION)
def ask_destruction(request: HttpRequest, name: str) -> HttpResponse:
    """Ask that what was sent be destroyed; reading what that means needs no fresh password, asking does."""
    return _ask_surely(request, name) if request.method == "POST" else _asking(request, name)


def _asking(request: HttpRequest, name: str) -> HttpResponse:
    row = row_of(name)
    found = retaining.of(row, timezone.now())
    page = {
        "title": "Ask for destruction", "submit": "Ask for destruction", "early": _early(row),
        "act_by": _day(found.act_by), "people": row.counts.get("persons", 0),
    }  # fmt: skip

    def act(given: Any) -> object:
        return destruction.ask(submission=row, **given, by=acting(request), at=timezone.now())

    return _ask(
        request, row, AskForm(request.POST or None), act, done="Somebody else must confirm it now.", page=page,
        template="transfers/ask_destruction.html",
    )  # fmt: skip


_ask_surely = reauthentication_required(_asking)


@require_POST
@opened_by(Permission.CONFIRM_DESTRUCTION)
@reauthentication_required
def confirm_destruction(request: HttpRequest, name: str) -> HttpResponse:
    """Confirm a destruction that somebody else asked for, and hand it to the workers."""
    return _act(
        request, name, destruction.confirm, "It is confirmed, and is being destroyed.", then=tasks.destroy.delay
    )


@require_POST
@opened_by(Permission.ASK_DESTRUCTION)
def take_back_destruction(request: HttpRequest, name: str) -> HttpResponse:
    """Take back that a destruction was asked for."""
    return _act(request, name, destruction.take_back, "Nothing is destroyed: it was taken back.")


def _act(
    request: HttpRequest, name: str, act: Callable[..., object], done: str, then: Callable[..., Any] | None = None
) -> HttpResponse:
    row = row_of(name)
    try:
        act(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _show(request, row_of(name), refusal.reasons)
    if then is not None:
        hand_over(then, row.pk)
    messages.success(request, done)
    return redirect("retained", row.name)


def _show(request: HttpRequest, row: Submission, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    at, found = timezone.now(), retaining.of(row, timezone.now())
    asked = row.destructions.filter(taken_back_at=None).select_related("asked_by", "confirmed_by").first()
    holds = row.holds.select_related("placed_by", "lifted_by").order_by("-pk")
    with trail.act():
        against = destruction.reasons_against(row, at) if row.at_stage is not Stage.DESTROYED else []
    own = [] if asked is None else destroying.two_people(asked.asked_by_id, acting(request).person)
    context = {
        "title": row.name, "caption": "Retention", "back_href": reverse("retention"), "submission": row,
        "forms": [refused_form(refused)] if refused else [],
        "asked": asked, "done": asked is not None and asked.done_at is not None,
        "confirmed": asked is not None and asked.confirmed_at is not None,
        "early": _early(row) if row.at_stage is not Stage.DESTROYED else "",
        "stopped": asked.stopped if asked else [],
        "facts": _facts(row, found, asked),
        "copies": Table("Every copy", COPIES, [[it.what, _day(it.gone_by), _tag(it.state)] for it in found.copies]),
        "holds": Table("Legal holds", HOLDS, [_hold(request, each) for each in holds],
                       empty="No legal hold was placed."),
        "theirs": Table(
            "What recipients certified", THEIRS,
            [[it.recipient, it.reference, _day(it.destroyed_on), exact(it.sha256),
              f"{it.entered_by}, {moment(it.entered_at)}"]
             for it in row.recipients_destructions.select_related("entered_by").order_by("pk")],
            empty="No recipient's certificate was entered.",
        ),
        "hold": role_reasons(request, Permission.HOLD_SUBMISSIONS),
        "enter": role_reasons(request, Permission.ENTER_RETENTION),
        "may_hold": row.at_stage not in (Stage.DESTROYED, Stage.VOID) and row.sealed_at is not None,
        "ask": role_reasons(request, Permission.ASK_DESTRUCTION) or against,
        "take_back": role_reasons(request, Permission.ASK_DESTRUCTION),
        "confirm": role_reasons(request, Permission.CONFIRM_DESTRUCTION) or [*own, *against],
        "history": [
            each for each in history_of("transfers.submission", row.name, READS) if _is_own(each["title"])
        ],
    }  # fmt: skip
    return render(request, "transfers/retained.html", context, status=409 if refused else 200)


def _is_own(sentence: str) -> bool:
    """Whether an event, by its sentence, is of the submission's end; what came before stands on its own page."""
    return any(event.sentence == sentence and event.name.startswith(OWN_ACTS) for event in Event)


def _facts(row: Submission, found: Retention, asked: Destruction | None) -> list[dict[str, Any]]:
    counts = row.counts
    return facts(
        ("Stage", stage_tag(row)),
        ("Submission", link(row.name, reverse("submission", args=[row.name]))),
        ("Agreement", row.round.agreement.reference),
        ("Recipients", ", ".join(row.round.recipients)),
        ("People", f"{counts['persons']:,} people of {counts['families']:,} families" if counts else ""),
        ("The research ends", f"{_day(found.ends_on)}. {found.because} then." if found.ends_on else "Not known yet"),
        ("We destroy by", _day(found.act_by) if found.act_by else "Enter when the study ends, or the agreement's end"),
        ("Asked for", f"{asked.asked_by}, {moment(asked.asked_at)}. {asked.reason}" if asked else ""),
        ("Confirmed", f"{asked.confirmed_by}, {moment(asked.confirmed_at)}" if asked and asked.confirmed_by else ""),
        ("Key destroyed", moment(asked.key_destroyed_at) if asked else ""),
        ("To be tried again", moment(asked.next_attempt_at) if asked else ""),
        ("Destroyed", moment(asked.done_at) if asked else ""),
    )


def _line(row: Submission, found: Retention) -> list[object]:
    theirs = [copy.state for copy in found.copies[2:]]
    order = (State.OVERDUE, State.DUE, State.NO_END, State.NOT_YET, State.GONE)
    worst = next((state for state in order if state in theirs), None)
    return [
        link(row.name, reverse("retained", args=[row.name])), row.round.agreement.reference, stage_tag(row),
        _day(found.act_by) or "Not known", _tag(found.state), _tag(worst) if worst else "None was sent", _standing(row),
    ]  # fmt: skip


def _standing(row: Submission) -> object:
    asked = row.destructions.filter(taken_back_at=None).first()
    if asked is None:
        return "Not asked for"
    if asked.done_at:
        return link("Certificate", reverse("destruction_certificate", args=[row.name]))
    if asked.stopped:
        return tag("Stopped", "red")
    return "Being destroyed" if asked.confirmed_at else "Waits for a second person"


def _study(row: Agreement) -> list[object]:
    end = StudyEnd.objects.filter(agreement=row).order_by("-pk").first()
    href = reverse("enter_study_end", args=[row.pk])
    return [
        row.reference, _day(row.in_force_to - timedelta(days=1)) if row.in_force_to else "No end",
        link(_day(end.ends_on), href) if end else link("Enter it", href),
        end.source if end else "",
    ]  # fmt: skip


def _hold(request: HttpRequest, hold: LegalHold) -> list[object]:
    standing: object = "It stands"
    if hold.lifted_at is not None:
        standing = f"{hold.lifted_by}, {moment(hold.lifted_at)}"
    elif not role_reasons(request, Permission.HOLD_SUBMISSIONS):
        standing = link("Lift it", reverse("lift_hold", args=[hold.pk]))
    return [hold.pk, f"{hold.placed_by}, {moment(hold.placed_at)}", hold.reason, standing, hold.lifted_because]


def _early(row: Submission) -> str:
    return retaining.early(row, timezone.now())


def _tag(state: State) -> object:
    return tag(state.value, COLOURS[state])


def _day(day: date | None) -> str:
    return f"{day:%-d %B %Y}" if day else ""
