"""Pages of one cohort: its run, who is in and out, and why. References stand for people; their names are not here."""

from collections import Counter
from typing import IO, cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts import assembly
from cohorts.models import Cohort, Decision
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

GROUPS = {"PROGRAMME": "Programme: worked with", "COMPARISON": "Comparison: not worked with"}
REASONS = [Column("Reason"), Column("Code"), Column("People", numeric=True)]
FINDINGS = [
    Column("Finding"),
    Column("Severity"),
    Column("What is wrong, and what would be right"),
    Column("How many", numeric=True),
]
PEOPLE = [Column("Person"), Column("Family"), Column("Decision"), Column("Why")]


@opened_by(Permission.SEE_COHORTS)
def cohort(request: HttpRequest, number: int) -> HttpResponse:
    """A run while it goes on, and what came of it."""
    row = get_object_or_404(Cohort.objects.select_related("round"), pk=number)
    context = {"title": f"Cohort {row.pk}", "caption": f"Collection round {row.round}", "cohort": row}
    context["back_href"] = reverse("round", args=[row.round.code])
    if row.state == Cohort.REQUESTED:
        steps = [
            {"text": "Asked for", "state": "done"},
            {"text": "Asking the rules about every family on file", "state": "now"},
            {"text": "Frozen, with a digest", "state": "next"},
        ]
        return render(request, "cohorts/running.html", context | {"poll_url": request.path, "steps": steps})
    _viewed(request, Event.COHORT_VIEWED, row)
    if row.state == Cohort.FAILED:
        return render(request, "cohorts/failed.html", context)
    excluded = Counter({code: row.primary_reasons.get(code, 0) for code in Reason.__members__})
    flow = Flow(
        title=f"{row.included:,} of {row.candidates:,} people are in",
        unit="people",
        considered=row.candidates,
        excluded=[Bar(Reason[code].sentence, count) for code, count in excluded.items() if count],
        included=[Bar(words, row.groups.get(group, 0), group=1) for group, words in GROUPS.items()],
    )
    people = reverse("decisions", args=[row.pk])
    reasons = [
        [link(Reason[code].sentence, f"{people}?reason={code}"), code, f"{count:,}"]
        for code, count in excluded.items()
        if count
    ]
    findings = [
        [code, _severity(code), KINDS[code].sentence, f"{count:,}"] for code, count in sorted(row.findings.items())
    ]
    facts = [
        {"key": "Moment of the run", "value": f"{timezone.localtime(row.run_at):%-d %B %Y, %H:%M}"},
        {"key": "Families considered", "value": f"{row.families:,}"},
        {"key": "Rules", "value": f"{row.rule_set}, framework {row.round.framework} {row.framework_version}"},
        {"key": "Time taken", "value": f"{row.seconds:.1f} seconds"},
        {"key": "Digest of the decisions", "value": row.digest},
    ]
    context |= {
        "flow": flow, "facts": facts, "reasons_table": Table("Out, by primary reason", REASONS, reasons),
        "findings_table": Table("Findings", FINDINGS, findings), "people_href": people,
        "csv_href": reverse("decisions_csv", args=[row.pk]),
    }  # fmt: skip
    return render(request, "cohorts/cohort.html", context)


@opened_by(Permission.SEE_COHORTS)
def decisions(request: HttpRequest, number: int) -> HttpResponse:
    """Who is in and who is out, by reference; `?reason=CODE` for one primary reason, `?reason=IN` for who is in."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    reason = request.GET.get("reason", "")
    found = Decision.objects.filter(cohort=row).order_by("family_ref", "person_ref")
    if reason == "IN":
        found = found.filter(included=True)
    elif reason in Reason.__members__:
        found = found.filter(reasons__regex=f"^{reason}(;|$)")
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    rows = [
        [
            link(d.person_ref, reverse("decision", args=[row.pk, d.family_ref, d.person_ref])),
            d.family_ref,
            tag("In", "green") if d.included else tag("Out", "grey"),
            ", ".join(d.reasons.split(";")) or d.group,
        ]
        for d in page
    ]
    what = Reason[reason].sentence if reason in Reason.__members__ else "In" if reason == "IN" else "In and out"
    context = {
        "title": f"People of cohort {row.pk}", "caption": what, "page": page, "table": Table(what, PEOPLE, rows),
        "back_href": reverse("cohort", args=[row.pk]),
    }  # fmt: skip
    _viewed(request, Event.COHORT_VIEWED, row)
    return render(request, "kit/list_page.html", context)


@opened_by(Permission.SEE_COHORTS)
def decision(request: HttpRequest, number: int, family: str, person: str) -> HttpResponse:
    """Why one person is in or out, in words."""
    row = get_object_or_404(Decision, cohort_id=number, family_ref=family, person_ref=person)
    with trail.act():
        trail.record(
            Event.DECISION_VIEWED, who=acting(request), at=timezone.now(), record="cohorts.person", reference=person,
            details={"cohort": number, "family": family},
        )  # fmt: skip
    facts = [
        {"key": "Family", "value": family},
        {"key": "Decision", "value": tag("In", "green") if row.included else tag("Out", "grey")},
    ]
    if row.included:
        facts += [
            {"key": "Group", "value": GROUPS[row.group]},
            {"key": "Programme", "value": f"{row.programme_start or '-'} to {row.programme_end or '-'}"},
            {"key": "May be matched with", "value": ", ".join(row.linkage_scope.split(";"))},
        ]
    reasons = [Reason[code] for code in row.reasons.split(";") if code]
    context = {
        "title": f"Person {person}", "caption": f"Cohort {number}", "facts": facts, "reasons": reasons,
        "back_href": reverse("decisions", args=[number]),
    }  # fmt: skip
    return render(request, "cohorts/decision.html", context)


@opened_by(Permission.SEE_COHORTS)
def download(request: HttpRequest, number: int) -> HttpResponse:
    """The decisions in canonical form: the bytes whose digest the cohort keeps."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    _viewed(request, Event.DECISIONS_EXPORTED, row)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="decisions-{row.pk}.csv"'
    assembly.write_decisions(row, cast(IO[bytes], response))
    return response


def _viewed(request: HttpRequest, event: Event, row: Cohort) -> None:
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=row)


def _severity(code: str) -> object:
    return tag("Keeps out", "red") if KINDS[code].severity == CRITICAL else tag("Query", "yellow")
