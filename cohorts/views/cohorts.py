"""Pages of one cohort: its run, and what came of it. References stand for people; their names are not here."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts import in_force
from cohorts.models import Cohort, Forgotten, Replay
from cohorts.rules.checks import CRITICAL
from cohorts.rules.findings import KINDS
from cohorts.rules.reasons import Reason
from cohorts.shards import progress
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
        return render(request, "cohorts/running.html", context | {"poll_url": request.path} | _running(row))
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


def _running(row: Cohort) -> dict[str, Any]:
    """How far a run is, in steps: waiting for a worker, asking shard by shard, freezing."""
    so_far = progress(row.pk, timezone.now())
    if so_far is None:
        label, states = "The run waits for a worker.", ("now", "next", "next")
    else:
        parts = "part" if so_far.shards == 1 else "parts"
        label = (
            f"{so_far.done:,} of {so_far.shards:,} {parts} done, with {so_far.families:,} families that have a"
            f" candidate, after {in_seconds(so_far.seconds)}."
        )
        states = ("done", "done", "now") if so_far.done == so_far.shards else ("done", "now", "next")
    steps = ("Begun on one snapshot of all records", "Asking the rules about every family", "Freezing, with a digest")
    return {
        "label": f"{label} You may leave this page and come back.",
        "done": so_far and so_far.done,
        "total": so_far and so_far.shards,
        "steps": [
            {"text": f"Asked for by {row.requested_by} on {moment(row.requested_at)}", "state": "done"},
            *({"text": text, "state": state} for text, state in zip(steps, states, strict=True)),
        ],
    }


def in_seconds(seconds: float) -> str:
    """A stretch of time for people: seconds, or minutes and seconds."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in ((minutes, "minute"), (rest, "second"))]
    return " ".join(words if minutes else words[1:])


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
        "forgotten": Forgotten.objects.filter(cohort=row).first(),
        "prepare": role_reasons(request, Permission.PREPARE_SUBMISSIONS) or in_force.changed_since(row),
        "assemble": role_reasons(request, Permission.ASSEMBLE_COHORTS),
        "replays": _replays(row),
        "facts": facts(
            ("Cut-off", f"{row.round.cut_off:%-d %B %Y}, the whole day"),
            ("Permission as at", moment(row.run_at)),
            ("Families considered", f"{row.families:,}"),
            ("Rule set", row.rule_set),
            ("Framework", f"{row.round.framework}, version {row.framework_version}"),
            ("Datasets", ", ".join(row.datasets)),
            ("Days of notice", row.notice_days),
            ("If somebody objects to one dataset", row.get_scope_display()),
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
