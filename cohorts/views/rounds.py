"""Pages of collection rounds: which there are, opening one, and asking for a run of the rules."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import assembly, forgetting, tasks
from cohorts import rounds as stage
from cohorts.forms.rounds import RoundForm
from cohorts.models import Cohort, Round
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, moment, refused_form, role_reasons

COLUMNS = [Column("Round"), Column("Cut-off"), Column("Framework"), Column("Agreement"), Column("Newest cohort")]
COHORTS = [Column("Cohort"), Column("Asked for"), Column("By"), Column("State"), Column("People in it", numeric=True)]
COLOURS = {Cohort.FINISHED: "green", Cohort.FAILED: "red", Cohort.REQUESTED: "yellow"}


@opened_by(Permission.SEE_COHORTS)
def rounds(request: HttpRequest) -> HttpResponse:
    """Every round, the newest first."""
    found = Round.objects.select_related("agreement").order_by("-id")
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    newest = Cohort.objects.filter(round__in=list(page)).order_by("round_id", "-id").distinct("round_id")
    states = dict(newest.values_list("round_id", "state"))
    rows = [
        [
            link(r.code, reverse("round", args=[r.code])),
            f"{r.cut_off:%-d %B %Y}",
            r.framework,
            str(r.agreement),
            state_tag(state) if state else "None asked for",
        ]
        for r, state in ((r, states.get(r.pk)) for r in page)
    ]
    empty = "No collection round was opened yet."
    context = {
        "title": "Collection rounds", "table": Table("Rounds", COLUMNS, rows, empty=empty), "page": page,
        "reasons": role_reasons(request, Permission.OPEN_ROUNDS),
    }  # fmt: skip
    return render(request, "cohorts/rounds.html", context)


@opened_by(Permission.OPEN_ROUNDS)
def open_a_round(request: HttpRequest) -> HttpResponse:
    """Open a round; what speaks against it stands at the top of the form."""
    form = RoundForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            opened = stage.open_round(**form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, f"The round {opened.code} is open.")
            return redirect("round", opened.code)
    context = {"form": form, "title": "Open a collection round", "back_href": reverse("rounds")}
    return render(request, "kit/form_page.html", context | {"submit": "Open the round"})


@opened_by(Permission.SEE_COHORTS)
def round_page(request: HttpRequest, code: str) -> HttpResponse:
    """One round: what it asks, and its cohorts."""
    return _show(request, get_object_or_404(Round.objects.select_related("agreement"), code=code))


def _show(request: HttpRequest, row: Round, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    cohorts = [
        [
            link(f"Cohort {c.pk}", reverse("cohort", args=[c.pk])),
            moment(c.requested_at),
            c.requested_by,
            state_tag(c.state),
            f"{c.included:,} of {c.candidates:,}" if c.state == Cohort.FINISHED else "",
        ]
        for c in row.cohorts.order_by("-id")
    ]
    asked = facts(
        ("Cut-off", f"{row.cut_off:%-d %B %Y}, the whole day"),
        ("Framework", f"{row.framework}, version {row.framework_version}"),
        ("Datasets", ", ".join(row.datasets)),
        ("Agreement", str(row.agreement)),
        ("Recipients", ", ".join(row.recipients)),
        ("Days of notice", row.notice_days),
        ("If somebody objects to one dataset", Round.SCOPES[row.scope]),
        ("Opened", f"{moment(row.opened_at)} by {row.opened_by}"),
    )
    context = {
        "title": row.code, "caption": "Collection round", "round": row, "asked": asked, "back_href": reverse("rounds"),
        "table": Table("Cohorts", COHORTS, cohorts, empty="No cohort was asked for yet."),
        "reasons": role_reasons(request, Permission.ASSEMBLE_COHORTS) or forgetting.round_is_over(row),
        "forms": [refused_form(refused)] if refused else [],
    }  # fmt: skip
    return render(request, "cohorts/round.html", context, status=409 if refused else 200)


@require_POST
@opened_by(Permission.ASSEMBLE_COHORTS)
@transaction.atomic
def assemble(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for a run of the rules as at this moment. A run that was asked for and is not finished is shown instead."""
    # Of two who press at once, the second waits here and finds the run of the first.
    row = get_object_or_404(Round.objects.select_for_update(of=("self",)), code=code)
    running = row.cohorts.filter(state=Cohort.REQUESTED).first()
    if running is None:
        at = timezone.now()
        try:
            running = assembly.request(round_=row, run_at=at, by=acting(request), at=at)
        except Refused as refusal:
            return _show(request, row, refusal.reasons)
        hand_over(tasks.assemble.delay, running.pk)
    return redirect("cohort", running.pk)


def state_tag(state: str) -> object:
    """A cohort's state."""
    return tag(Cohort.STATES[state], COLOURS[state])
