"""Pages on running the rules again for a cohort: asking for it, waiting for it, and what came of it, by reference."""

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from cohorts import replay as stage
from cohorts import tasks
from cohorts.models import Cohort, Replay
from cohorts.replay import LISTED, Difference, NotReplayed
from cohorts.rules.reasons import Reason
from cohorts.views.cohorts import GROUPS, outcome_in_words, viewed
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, moment, polls

PEOPLE = [Column("Person"), Column("Family"), Column("Was"), Column("Would be"), Column("What changed")]
CHANGED = {"facts": "The records", "rules": "The rules"}
NOT_CONSIDERED = "Not considered"


@require_POST
@opened_by(Permission.ASSEMBLE_COHORTS)
@transaction.atomic
def replay_cohort(request: HttpRequest, number: int) -> HttpResponse:
    """Ask the workers to run the rules again; a replay that is not finished is shown instead."""
    cohort = get_object_or_404(Cohort, pk=number)
    try:
        asked = stage.request(cohort=cohort, by=acting(request), at=timezone.now())
    except NotReplayed:
        return redirect("cohort", number)
    hand_over(tasks.replay.delay, asked.pk)
    return redirect("replay", number, asked.pk)


@opened_by(Permission.SEE_COHORTS)
def replay(request: HttpRequest, number: int, replay: int) -> HttpResponse:
    """A replay while it goes on, and what came of it."""
    row = get_object_or_404(Replay.objects.select_related("cohort__round"), pk=replay, cohort_id=number)
    context: dict[str, Any] = {
        "title": "The rules, run again", "caption": f"Cohort {number}", "replay": row,
        "back_href": reverse("cohort", args=[number]),
    }  # fmt: skip
    if row.state == Replay.REQUESTED:
        asked = f"Asked for by {row.requested_by} on {moment(row.requested_at)}"
        steps = [
            {"text": asked, "state": "done"},
            {"text": "Asking the rules about every family on file", "state": "now"},
            {"text": "Compared with what the cohort decided", "state": "next"},
        ]
        return render(request, "cohorts/replay_running.html", context | {"poll_url": request.path, "steps": steps})
    if polls(request):
        return HttpResponse(status=204)
    viewed(request, Event.COHORT_VIEWED, row.cohort)
    return render(request, "cohorts/replay.html", context | _outcome(request, row))


def _outcome(request: HttpRequest, row: Replay) -> dict[str, Any]:
    page = Paginator(row.differences, 50).get_page(request.GET.get("page"))
    return {
        "page": page if row.differences else None,
        "more": f"The first {LISTED:,} of {row.number:,} are listed." if row.number > len(row.differences) else "",
        "facts": facts(
            ("Outcome", outcome_in_words(row)),
            ("Asked for", f"{moment(row.requested_at)} by {row.requested_by}"),
            ("Finished", moment(row.finished_at)),
            ("Rule set of the cohort", row.cohort.rule_set),
            ("Rule set now", row.rule_set),
            ("Digest of the cohort", row.cohort.digest),
            ("Digest now", row.digest),
            ("Kind of error", row.failure),
        ),
        "table": Table(
            "Whose decision would be another", PEOPLE, list(_rows(row, page)), empty="No decision would be another."
        ),
    }


def _rows(row: Replay, page: Any) -> Iterator[list[object]]:
    for each in page:
        it = Difference(*each)
        asked = urlencode({"family": it.family_ref, "person": it.person_ref})
        href = f"{reverse('decision', args=[row.cohort_id])}?{asked}"
        # Who was no candidate then has no decision to open.
        person = it.person_ref if it.was == stage.NOT_A_CANDIDATE else link(it.person_ref, href)
        yield [person, it.family_ref, _in_words(it.was), _in_words(it.would_be), CHANGED[it.changed]]


def _in_words(outcome: str) -> str:
    """An outcome as the replay writes it, for people."""
    if outcome == stage.NOT_A_CANDIDATE:
        return NOT_CONSIDERED
    decision, _, rest = outcome.partition(" ")
    if decision == "excluded":
        return " ".join(["Out.", *(Reason[code].sentence for code in rest.split(";"))])
    group, start, end, scope = rest.split(" ")
    dates = f", {start} to {end}" if start != "-" else ""
    return f"In. {GROUPS[group]}{dates.replace(' to -', ', not ended')}; {scope.replace(';', ', ')}"
