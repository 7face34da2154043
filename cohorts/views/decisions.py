"""Pages of the decisions of a cohort: who is in and who is out, by reference, and why; and the file of them all."""

import tempfile
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from cohorts import assembly
from cohorts.forms.decisions import CHOICES, EXCLUDED, INCLUDED, DecisionFilter
from cohorts.models import Cohort, Decision, Finding
from cohorts.rules.findings import KINDS
from cohorts.rules.reasons import Reason
from cohorts.views.cohorts import GROUPS, viewed, weight_tag
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts

PEOPLE = [Column("Person"), Column("Family"), Column("Decision"), Column("Group, or primary reason")]
FINDINGS = [Column("What is wrong, and what would be right"), Column("Code"), Column("Weight"), Column("Field")]


@opened_by(Permission.SEE_COHORTS)
def decisions(request: HttpRequest, number: int) -> HttpResponse:
    """Who is in and who is out; `?decision=` narrows it to who is in, who is out, or one primary reason."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    form = DecisionFilter(request.GET)
    asked = form.cleaned_data["decision"] if form.is_valid() else ""
    found = Decision.objects.filter(cohort=row).order_by("family_ref", "person_ref")
    if asked in (INCLUDED, EXCLUDED):
        found = found.filter(included=asked == INCLUDED)
    elif asked:
        found = found.filter(reasons__regex=f"^{asked}(;|$)")
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    rows = [
        [
            link(d.person_ref, _href(d)),
            d.family_ref,
            _tag(d),
            GROUPS[d.group] if d.included else _reasons(d)[0].sentence,
        ]
        for d in page
    ]
    viewed(request, Event.COHORT_VIEWED, row)
    context = {
        "title": "People considered", "caption": f"Cohort {row.pk}", "page": page, "form": form,
        "table": Table(dict(CHOICES)[asked], PEOPLE, rows, empty="Nobody."),
        "back_href": reverse("cohort", args=[row.pk]),
    }  # fmt: skip
    return render(request, "kit/list_page.html", context)


@opened_by(Permission.SEE_COHORTS)
def decision(request: HttpRequest, number: int) -> HttpResponse:
    """Why one person (`?family=…&person=…`, by reference) is in or out, in words."""
    family, person = request.GET.get("family", ""), request.GET.get("person", "")
    row = get_object_or_404(Decision, cohort_id=number, family_ref=family, person_ref=person)
    with trail.act():
        trail.record(
            Event.DECISION_VIEWED, who=acting(request), at=timezone.now(), record="cohorts.person", reference=person,
            details={"cohort": number, "family": family},
        )  # fmt: skip
    started, ended = (f"{day:%-d %B %Y}" if day else "" for day in (row.programme_start, row.programme_end))
    found = Finding.objects.filter(cohort_id=number, family_ref=family, person_ref__in=(person, ""))
    context: dict[str, Any] = {
        "title": f"Person {person}",
        "caption": f"Cohort {number}",
        "reasons": _reasons(row),
        "back_href": reverse("decisions", args=[number]),
        "facts": facts(
            ("Family", family),
            ("Decision", _tag(row)),
            ("Group", GROUPS.get(row.group, "")),
            ("Programme started", started),
            ("Programme ended", ended or ("Not by the cut-off" if started else "")),
            ("May be matched with", ", ".join(row.linkage_scope.split(";"))),
            ("Headline problems that count", ", ".join(row.problems.split(";"))),
        ),
        "findings": Table(
            "Findings in this person's and this family's records",
            FINDINGS,
            # Which field, and never its value: this page holds no name, date or address.
            [[KINDS[f.code].sentence, f.code, weight_tag(f.code), f.field] for f in found.order_by("code", "field")],
            empty="Nothing was found wrong in this person's or this family's records.",
        ),
    }
    return render(request, "cohorts/decision.html", context)


@opened_by(Permission.SEE_COHORTS)
@reauthentication_required
def download(request: HttpRequest, number: int) -> FileResponse:
    """The decisions in canonical form: the bytes whose digest the cohort keeps, compared with it before one leaves."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it, when it is read to its end
    assembly.write_decisions(row, file)
    file.seek(0)
    viewed(request, Event.DECISIONS_EXPORTED, row)
    name = f"decisions-{row.pk}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


def _href(row: Decision) -> str:
    # A reference may hold a slash, so it is no part of the path.
    asked = urlencode({"family": row.family_ref, "person": row.person_ref})
    return f"{reverse('decision', args=[row.cohort_id])}?{asked}"


def _reasons(row: Decision) -> list[Reason]:
    return [Reason[code] for code in row.reasons.split(";") if code]


def _tag(row: Decision) -> object:
    return tag("In", "green") if row.included else tag("Out", "grey")
