"""Pages of collection rounds: which there are, opening one, and asking for a run of the rules."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import assembly, tasks
from cohorts import rounds as stage
from cohorts.forms.rounds import RoundForm
from cohorts.models import Cohort, Round
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, not_permitted, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission

COLUMNS = [Column("Round"), Column("Cut-off"), Column("Framework"), Column("Agreement")]
COHORTS = [Column("Cohort"), Column("Asked for"), Column("State"), Column("Included", numeric=True)]
COLOURS = {Cohort.FINISHED: "green", Cohort.FAILED: "red", Cohort.REQUESTED: "yellow"}


@opened_by(Permission.SEE_COHORTS)
def rounds(request: HttpRequest) -> HttpResponse:
    """Every round, the newest first."""
    found = Round.objects.select_related("agreement").order_by("-id")
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    rows = [
        [link(r.code, reverse("round", args=[r.code])), f"{r.cut_off:%-d %B %Y}", r.framework, str(r.agreement)]
        for r in page
    ]
    context = {"title": "Collection rounds", "table": Table("Collection rounds", COLUMNS, rows), "page": page}
    return render(request, "cohorts/rounds.html", context | {"reasons": _reasons(request, Permission.OPEN_ROUNDS)})


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
    row = get_object_or_404(Round.objects.select_related("agreement"), code=code)
    found = row.cohorts.order_by("-id")
    table = Table(
        "Cohorts",
        COHORTS,
        [
            [
                link(f"Cohort {c.pk}", reverse("cohort", args=[c.pk])),
                f"{timezone.localtime(c.requested_at):%-d %B %Y, %H:%M}",
                tag(Cohort.STATES[c.state], COLOURS[c.state]),
                f"{c.included:,} of {c.candidates:,}" if c.state == Cohort.FINISHED else "",
            ]
            for c in found
        ],
    )
    asked = [
        {"key": "Cut-off", "value": f"{row.cut_off:%-d %B %Y}, the whole day"},
        {"key": "Framework", "value": f"{row.framework}, version {row.framework_version}"},
        {"key": "Datasets", "value": ", ".join(row.datasets)},
        {"key": "Agreement", "value": str(row.agreement)},
        {"key": "Recipients", "value": ", ".join(row.recipients)},
        {"key": "Days of notice", "value": row.notice_days},
        {"key": "Objections to one dataset", "value": Round.SCOPES[row.scope]},
    ]
    context = {
        "title": f"Collection round {row.code}", "round": row, "asked": asked, "table": table,
        "back_href": reverse("rounds"), "reasons": _reasons(request, Permission.ASSEMBLE_COHORTS),
    }  # fmt: skip
    return render(request, "cohorts/round.html", context)


@require_POST
@opened_by(Permission.ASSEMBLE_COHORTS)
def assemble(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for a run of the rules as at this moment. A run that was asked for and is not finished is shown instead."""
    row = get_object_or_404(Round, code=code)
    running = row.cohorts.filter(state=Cohort.REQUESTED).first()
    if running is None:
        at = timezone.now()
        running = assembly.request(round_=row, run_at=at, by=acting(request), at=at)
        tasks.assemble.delay(running.pk)
    return redirect("cohort", running.pk)


def _reasons(request: HttpRequest, permission: Permission) -> list[object]:
    user = request.user
    return [] if isinstance(user, User) and user.may(permission) else [not_permitted(permission)]
