"""Pages of one cohort: its run, and what came of it. References stand for people; their names are not here."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts.models import Cohort, Replay
from cohorts.rules.checks import CRITICAL
from cohorts.rules.findings import KINDS
from cohorts.rules.reasons import Reason
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.charts import Bar, Flow
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment, polls, role_reasons

GROUPS = {"PROGRAMME": "Programme: worked with", "COMPARISON": "Comparison: not worked with"}
REASONS = [Column("Reason"), Column("Code"), Column("People", numeric=True)]
REPLAYS = [Column("Asked for"), Column("By"), Column("What came of it")]
SHOWN = 5
"""Replays of a cohort; the newest."""
FINDINGS = [Column("What is wrong, and what would be right"), Column("Code"), Column("Weight"),
            Column("Findings", numeric=True)]  # fmt: skip


@opened_by(Permission.SEE_COHORTS)
def cohort(request: HttpRequest, number: int) -> HttpResponse:
    """A run while it goes on, and what came of it."""
    row = get_object_or_404(Cohort.objects.select_related("round"), pk=number)
    context = {
        "title": f"Cohort {row.pk}", "caption": f"Collection round {row.round}", "cohort": row,
        "back_href": reverse("round", args=[row.round.code]),
    }  # fmt: skip
    if row.state == Cohort.REQUESTED:
        steps = [
            {"text": f"Asked for by {row.requested_by} on {moment(row.requested_at)}", "state": "done"},
            {"text": "Asking the rules about every family on file", "state": "now"},
            {"text": "Frozen, with a digest over every decision", "state": "next"},
        ]
        return render(request, "cohorts/running.html", context | {"poll_url": request.path, "steps": steps})
    if polls(request):
        return HttpResponse(status=204)
    viewed(request, Event.COHORT_VIEWED, row)
    if row.state == Cohort.FAILED:
        return render(request, "cohorts/failed.html", context)
    return render(request, "cohorts/cohort.html", context | _outcome(request, row))


def viewed(request: HttpRequest, event: Event, row: Cohort) -> None:
    """Record that a cohort was looked at."""
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=row)


def weight_tag(code: str) -> object:
    """What a finding of this code does."""
    return tag("Keeps out", "red") if KINDS[code].severity == CRITICAL else tag("Query", "yellow")


def outcome_in_words(row: Replay) -> str:
    """What came of a replay, in a few words."""
    if row.state != Replay.FINISHED:
        return Replay.STATES[row.state]
    if row.same:
        return "The same digest: every decision would be the same"
    return f"{row.number:,} decision{'' if row.number == 1 else 's'} would be different"


def _outcome(request: HttpRequest, row: Cohort) -> dict[str, Any]:
    people, findings = reverse("decisions", args=[row.pk]), reverse("findings", args=[row.pk])
    counted = [(reason, row.primary_reasons[reason.code]) for reason in Reason if row.primary_reasons.get(reason.code)]
    newer = Cohort.objects.filter(round=row.round, state=Cohort.FINISHED, pk__gt=row.pk).order_by("-pk").first()
    return {
        "people_href": people,
        "csv_href": reverse("decisions_csv", args=[row.pk]),
        "newer": newer,
        "prepare": role_reasons(request, Permission.PREPARE_SUBMISSIONS),
        "assemble": role_reasons(request, Permission.ASSEMBLE_COHORTS),
        "replays": _replays(row),
        "facts": facts(
            ("Cut-off", f"{row.round.cut_off:%-d %B %Y}, the whole day"),
            ("Permission as at", moment(row.run_at)),
            ("Families considered", f"{row.families:,}"),
            ("Rule set", row.rule_set),
            ("Framework", f"{row.round.framework}, version {row.framework_version}"),
            ("Asked for by", row.requested_by),
            ("Finished", f"{moment(row.finished_at)}, after {row.seconds:.1f} seconds"),
            ("Digest of the decisions", row.digest),
        ),
        "flow": Flow(
            title=f"{row.included:,} of {row.candidates:,} people are in",
            unit="people",
            considered=row.candidates,
            excluded=[Bar(reason.sentence, count) for reason, count in counted],
            included=[Bar(words, row.groups.get(group, 0), group=1) for group, words in GROUPS.items()],
        ),
        "reasons_table": Table(
            "Who is out, by primary reason",
            REASONS,
            [[link(r.sentence, f"{people}?decision={r.code}"), r.code, f"{count:,}"] for r, count in counted],
            empty="Nobody is out.",
        ),
        "findings_table": Table(
            "Findings in the records",
            FINDINGS,
            [
                [link(KINDS[code].sentence, f"{findings}?code={code}"), code, weight_tag(code), f"{count:,}"]
                for code, count in sorted(row.findings.items())
            ],
            empty="Nothing was found wrong in the records.",
        ),
    }


def _replays(row: Cohort) -> Table:
    rows = [
        [link(moment(it.requested_at), reverse("replay", args=[row.pk, it.pk])), it.requested_by, outcome_in_words(it)]
        for it in row.replays.order_by("-pk")[:SHOWN]
    ]
    return Table("Last replays", REPLAYS, rows)
