"""The page of one person in a cohort: why they are in or out, and the facts that each rule read. It holds no name."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join

from cohorts import rereading
from cohorts.models import Cohort, Decision, Finding
from cohorts.rereading import Reread
from cohorts.rules.findings import KINDS
from cohorts.rules.grounds import Asked, asked_of
from cohorts.rules.reasons import Reason
from cohorts.views.cohorts import GROUPS, weight_tag
from cohorts.views.mended_at import closed, on_family_page
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_words, moment

FINDINGS = [Column("What is wrong, and what would be right"), Column("Code"), Column("Weight"), Column("Field")]
SAME = "The records are the same as in the run: these are the facts that the rules read."
CHANGED = (
    "The records of this family have changed since the run. What follows is what they say today, asked as at the"
    " cut-off and the moment of this cohort. The run may have read something else."
)
GONE = "This person is no longer considered in this family: the records say that they were not in it on the cut-off."


@opened_by(Permission.SEE_COHORTS)
def decision(request: HttpRequest, number: int) -> HttpResponse:
    """Why one person (`?family=…&person=…`, by reference) is in or out, with the facts that the rules read."""
    family, person = request.GET.get("family", ""), request.GET.get("person", "")
    cohort = get_object_or_404(Cohort.objects.select_related("round"), pk=number, state=Cohort.FINISHED)
    row = get_object_or_404(Decision, cohort_id=number, family_ref=family, person_ref=person)
    with trail.act():
        trail.record(
            Event.DECISION_VIEWED, who=acting(request), at=timezone.now(), record="cohorts.person", reference=person,
            details={"cohort": number, "family": family},
        )  # fmt: skip
    again = rereading.reread(cohort, row)
    context: dict[str, Any] = {
        "title": f"Person {person}",
        "caption": f"Cohort {number}",
        "reasons": reasons_of(row),
        "back_href": reverse("decisions", args=[number]),
        "facts": _frozen(row),
        "run_at": moment(cohort.run_at),
        "same": SAME if again.same_facts else "",
        "warnings": list(_warnings(row, again)),
        "asked": _asked(again),
        "findings": _findings(row),
        "family_page": "" if family in closed(request, [family]) else on_family_page(family, person),
    }
    return render(request, "cohorts/decision.html", context)


def reasons_of(row: Decision) -> list[Reason]:
    """The reasons of a decision, the primary one first."""
    return [Reason[code] for code in row.reasons.split(";") if code]


def decision_tag(row: Decision) -> object:
    """Whether somebody is in."""
    return tag("In", "green") if row.included else tag("Out", "grey")


def _frozen(row: Decision) -> list[dict[str, Any]]:
    """What the cohort keeps of a decision."""
    started, ended = (f"{day:%-d %B %Y}" if day else "" for day in (row.programme_start, row.programme_end))
    return facts(
        ("Family", row.family_ref),
        ("Decision", decision_tag(row)),
        ("Group", GROUPS.get(row.group, "")),
        ("Programme started", started),
        ("Programme ended", ended or ("Not by the cut-off" if started else "")),
        ("May be matched with", ", ".join(row.linkage_scope.split(";"))),
        ("Headline problems that count", ", ".join(row.problems.split(";"))),
    )


def _warnings(row: Decision, again: Reread) -> Iterator[str]:
    """What is to be known before the facts are read."""
    if not again.same_facts:
        yield CHANGED
    if not again.same_rules:
        yield "The rules are not those of the run any more: what follows is asked of today's rules."
    if again.decision is None:
        yield GONE
        return
    now = again.decision
    if ";".join(now.reasons) != row.reasons:
        said = " ".join(Reason[code].sentence for code in now.reasons)
        yield f"Asked again, the rules say: {said or 'this person is in.'}"
    elif (now.group, now.programme_start, now.programme_end, ";".join(now.linkage_scope)) != (
        row.group, row.programme_start, row.programme_end, row.linkage_scope
    ):  # fmt: skip
        yield "Asked again, the rules decide the same, but another group, date or dataset would be sent."


def _asked(again: Reread) -> list[dict[str, Any]]:
    """Each question with its facts; what speaks against sending the person first, as the reasons stand."""
    if again.person is None or again.family is None or again.decision is None:
        return []
    asked = asked_of(again.person, again.family, again.question, again.decision.reasons)
    return [_section(it) for it in sorted(asked, key=lambda it: not it.reasons)]


def _section(it: Asked) -> dict[str, Any]:
    """A question for the page: what was read of one sort stands together, each on a line."""
    read: dict[str, list[tuple[str]]] = {}
    for ground in it.grounds:
        read.setdefault(ground.label, []).append((ground.value,))
    lines = [(label, format_html_join("", '<p class="govuk-body">{}</p>', values)) for label, values in read.items()]
    return {"title": it.title, "reasons": it.reasons, "facts": facts(*lines)}


def _findings(row: Decision) -> Table:
    """Which field is wrong, and never its value: this page holds no name, date of birth or address."""
    found = Finding.objects.filter(
        cohort_id=row.cohort_id, family_ref=row.family_ref, person_ref__in=(row.person_ref, "")
    ).order_by("code", "field")
    title = "Findings in this person's and this family's records"
    rows = [[KINDS[f.code].sentence, f.code, weight_tag(f.code), in_words(f.field)] for f in found]
    return Table(title, FINDINGS, rows, empty="Nothing was found wrong in this person's or this family's records.")
