"""Pages of dry runs: asking for one, and who would come and go by a change of the rules."""

from typing import Any

from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import tasks, trying
from cohorts.comparing import Change, Kind
from cohorts.forms.rule_changes import DifferenceFilter
from cohorts.models import Cohort, DryRun, RuleChange
from cohorts.views.cohorts import GROUPS
from cohorts.views.differences import of_reason, person_row
from cohorts.views.rule_changes import in_a_sentence, people, row_of, show
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import hand_over, moment, polls

KINDS = {
    Kind.CAME: "In with the change, and not without it",
    Kind.WENT: "In without the change, and not with it",
    Kind.CHANGED: "In either way, and something that is sent with them changes",
    Kind.OTHER_REASONS: "In neither way, for other reasons",
}
IN_A_WORD = {
    Kind.CAME: "Would come", Kind.WENT: "Would go", Kind.CHANGED: "Would change", Kind.OTHER_REASONS: "Out either way",
}  # fmt: skip
COHORTS = [Column("Cohort"), Column("Round"), Column("In without it", numeric=True),
           Column("In with it", numeric=True), Column("Come", numeric=True), Column("Go", numeric=True),
           Column("Change", numeric=True)]  # fmt: skip
IN_GROUPS = [Column("Group"), Column("Without the change", numeric=True), Column("With it", numeric=True)]
COUNTS = [Column("What would become of them"), Column("Why"), Column("People", numeric=True)]
PEOPLE = [Column("Person"), Column("Family"), Column("What would become of them"), Column("Without the change"),
          Column("With it")]  # fmt: skip


@require_POST
@opened_by(Permission.PROPOSE_RULES, Permission.DECIDE_RULES)
@transaction.atomic
def try_it(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for a dry run. One that was asked for and is not finished is shown instead."""
    # Of two who press at once, the second waits here and finds the run of the first.
    row = get_object_or_404(RuleChange.objects.select_for_update(no_key=True), pk=number)
    run = row.dry_runs.filter(state=DryRun.REQUESTED).first()
    if run is None:
        try:
            run = trying.request(change=row, by=acting(request), at=timezone.now())
        except Refused as refusal:
            return show(request, row_of(number), refusal.reasons)
        hand_over(tasks.try_out.delay, run.pk)
    return redirect("dry_run", run.pk)


@opened_by(Permission.SEE_COHORTS)
def dry_run(request: HttpRequest, number: int) -> HttpResponse:
    """A dry run while it goes on, and what came of it. Opening that is recorded: whoever activates must have."""
    run = get_object_or_404(DryRun.objects.select_related("change__round"), pk=number)
    context: dict[str, Any] = {
        "title": f"Dry run {run.pk}", "caption": f"{run.change.what}, change {run.change_id}", "run": run,
        "back_href": reverse("rule_change", args=[run.change_id]),
    }  # fmt: skip
    if run.state == DryRun.REQUESTED:
        steps = [
            {"text": f"Asked for by {run.requested_by} on {moment(run.requested_at)}", "state": "done"},
            {"text": "Asking the rules about every family on file, without the change and with it", "state": "now"},
            {"text": "Who would come and go is kept, and nothing else", "state": "next"},
        ]
        return render(request, "cohorts/running.html", context | {"poll_url": request.path, "steps": steps})
    if polls(request):
        return HttpResponse(status=204)
    if run.state == DryRun.FAILED:
        return render(request, "cohorts/dry_run_failed.html", context)
    trying.look(run=run, by=acting(request), at=timezone.now())
    return render(request, "cohorts/dry_run.html", context | _outcome(request, run))


def _outcome(request: HttpRequest, run: DryRun) -> dict[str, Any]:
    rounds = Cohort.objects.select_related("round").in_bulk(run.cohorts)
    of_cohort = {str(each["cohort"]): each for each in run.outcome}
    form = DifferenceFilter(request.GET, [rounds[pk] for pk in run.cohorts], KINDS)
    asked = form.cleaned_data if form.is_valid() else {}
    chosen = of_cohort.get(asked.get("cohort", ""), run.outcome[0])
    kinds = [Kind[asked["kind"]]] if asked.get("kind") else list(Kind)
    listed = [change for change in map(_change, chosen["people"]) if change.kind in kinds]
    number = sum(people(chosen, kind) for kind in kinds)
    page = Paginator(listed, 50).get_page(request.GET.get("page"))
    return {
        "sentence": in_a_sentence(chosen), "form": form, "page": page,
        "made": f"Made on {moment(run.finished_at)}, over the records of that moment, in {run.seconds:.1f} seconds.",
        "left_out": number - len(listed), "listed": len(listed),
        "cohorts": Table("The cohorts on which it was tried", COHORTS, [_cohort(rounds, it) for it in run.outcome]),
        "groups": Table(
            f"Who is in, by group, of cohort {chosen['cohort']}", IN_GROUPS,
            [[GROUPS[group], *numbers] for group, numbers in chosen["groups"].items()], empty="Nobody is in.",
        ),
        "counts": Table(
            f"Why, of cohort {chosen['cohort']}", COUNTS, [_count(*it) for it in chosen["counts"]],
            empty="Nobody would come, go or change.",
        ),
        "table": Table("Who", PEOPLE, [person_row(it, IN_A_WORD) for it in page], empty="Nobody."),
    }  # fmt: skip


def _cohort(rounds: dict[int, Cohort], it: dict[str, Any]) -> list[object]:
    counted = [people(it, kind) for kind in (Kind.CAME, Kind.WENT, Kind.CHANGED)]
    without, with_change = it["included"]
    href = f"?cohort={it['cohort']}"
    return [link(f"Cohort {it['cohort']}", href), rounds[it["cohort"]].round.code, without, with_change, *counted]


def _change(kept: list[Any]) -> Change:
    """A change as it was made, from how it is kept."""
    kind, family, person, then, now, sent_then, sent_now = kept
    reasons = [None if codes is None else tuple(codes) for codes in (then, now)]
    return Change(Kind[kind], family, person, reasons[0], reasons[1], tuple(sent_then), tuple(sent_now))


def _count(name: str, reason: str, number: int) -> list[object]:
    kind = Kind[name]
    if kind is Kind.CHANGED:
        return [KINDS[kind], "Other group, programme dates, datasets or headline problems", number]
    return [KINDS[kind], f"{'Without it' if kind is Kind.CAME else 'With it'}: {of_reason(reason or None)}", number]
