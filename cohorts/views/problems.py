"""Pages on a family's problems: what is evidenced and counts, recording what was observed, and what was an error."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import evidence as stage
from cohorts import facts, households, untold
from cohorts.evidence import Observed
from cohorts.forms.problems import InErrorForm, ProblemsForm
from cohorts.forms.wishes import name_of
from cohorts.models import Evidence, Family
from cohorts.rules.evidence import Sign, missing_to_flag, signs
from cohorts.rules.facts import FamilyFacts, Framework, Question
from cohorts.rules.inclusion import problems_of
from cohorts.views.asked import told
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import day, of_family, parts, today, whom
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting

SIGNS = [
    Column("What was observed"), Column("When"), Column("Of whom"), Column("How it is known"), Column("Counts"),
    Column("Action"),
]  # fmt: skip
COUNTED = "What was observed counts once it is recorded, if nothing speaks against it."


def known_today(family: Family, at: datetime) -> tuple[FamilyFacts, Question]:
    """The facts of a family, and what a round of today asks of them."""
    with transaction.atomic():
        known = facts.of_family(family.reference)
    if known is None:
        raise Http404
    return known, untold.question_of_today(at)


def tally(known: FamilyFacts, asked: Question) -> dict[str, Any]:
    """What a family's problems come to, for cohorts/tally.html."""
    return {
        "problems": problems_of(known, asked),
        "headlines": len(asked.framework.headlines),
        "missing": missing_to_flag(known, asked),
    }


@of_family
def problems(request: HttpRequest, family: Family) -> HttpResponse:
    """What is evidenced by the headlines of the framework, and whether it counts."""
    known, asked = known_today(family, timezone.now())
    context = {
        "title": "Problems", "caption": f"Family {family.reference}", "parts": parts(family, "problems"),
        "framework": asked.framework.name, "tables": list(_tables(family, known, asked)),
        "foreign": sum(it.indicator not in asked.framework.indicators for it in known.evidence),
        "record_href": reverse("record_problems", args=[family.reference]), **tally(known, asked),
    }  # fmt: skip
    return render(request, "cohorts/problems.html", context)


def _tables(family: Family, known: FamilyFacts, asked: Question) -> Iterator[Table]:
    """One table for each headline."""
    # The facts come in the order of the records, and two that are alike count alike.
    rows: dict[Any, list[Evidence]] = {}
    for fact, row in zip(known.evidence, family.evidence.select_related("person").order_by("pk"), strict=False):
        rows.setdefault(fact, []).append(row)
    found = [(sign, rows[sign.evidence].pop(0)) for sign in signs(known, asked) if rows.get(sign.evidence)]
    for headline, title in asked.framework.headlines.items():
        own = [_cells(family, sign, row) for sign, row in found if sign.indicator.headline == headline]
        yield Table(title, SIGNS, own, empty=f"{title}: nothing was recorded.")


def _cells(family: Family, sign: Sign, row: Evidence) -> Sequence[object]:
    return [
        sign.indicator.text,
        day(row.observed_on),
        whom(row),
        Evidence.SOURCES.get(row.source, row.source) or "Not known",
        tag("Counts", "green") if sign.counts else sign.why_not,
        _error_link(family, sign, row),
    ]


def _error_link(family: Family, sign: Sign, row: Evidence) -> object:
    if stage.against_marking(row):
        return ""
    address = reverse("evidence_in_error", args=[family.reference, row.pk])
    return link("Recorded in error?", address, f"{sign.indicator.text}, {day(row.observed_on)}")


@of_family
@once(Evidence)
def record_problems(request: HttpRequest, family: Family) -> HttpResponse:
    """Tick what was observed, check the answers, record all of it at once: pressing twice records it once."""
    here, at = reverse("problems", args=[family.reference]), timezone.now()
    if kept_already(request, Evidence):
        return redirect(here)
    framework = untold.question_of_today(at).framework
    form = ProblemsForm(request.POST or None, framework=framework, people=households.members(family, today()))
    observed = _observed(form, family, at) if request.method == "POST" and form.is_valid() else []
    page: dict[str, Any] = {
        "title": "Record problems", "caption": f"Family {family.reference}", "back_href": here, "form": form,
        "drawn": draw(request, Evidence, "E"),
    }  # fmt: skip
    if not observed or "change" in request.POST:
        note = f"{framework.name}. Tick all that was observed. {COUNTED}"
        return render(request, "cohorts/form.html", page | {"submit": "Continue", "note": note})
    if "confirmed" not in request.POST:
        return render(request, "cohorts/wishes/check.html", page | _check(request, framework, observed))
    drawn = reference(request, Evidence)
    references = [drawn, *(f"{drawn}-{number}" for number in range(2, len(observed) + 1))] if drawn else []
    asked: dict[str, Any] = {"observed": observed, "references": references}
    made = stage.record_evidence(family=family, **asked, by=acting(request), at=at)
    messages.success(request, _recorded(len(made), len(observed)))
    return redirect(here)


def _observed(form: ProblemsForm, family: Family, at: datetime) -> list[Observed]:
    """What was observed; nothing, and the form says why, where it cannot be right."""
    observed = form.observed()
    if reasons := stage.against_recording(family, observed, at):
        told(form, Refused(reasons))
        return []
    return observed


def _check(request: HttpRequest, framework: Framework, observed: Sequence[Observed]) -> dict[str, Any]:
    """The answers by headline, and what is sent along with them."""
    sections = []
    for headline, title in framework.headlines.items():
        rows = [
            {"key": framework.indicators[it.indicator].text, "value": _in_words(it)}
            for it in observed
            if framework.indicators[it.indicator].headline == headline
        ]
        sections += [{"title": title, "rows": rows}] if rows else []
    hidden = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", "drawn", "change", "confirmed")
        for value in values
        if value
    ]
    return {"sections": sections, "hidden": hidden, "before": COUNTED, "submit": "Record the problems"}


def _in_words(it: Observed) -> str:
    about = name_of(it.person) if it.person else "the whole family"
    return f"{day(it.observed_on)}, of {about}. {Evidence.SOURCES[it.source]}."


def _recorded(made: int, asked: int) -> str:
    if made == asked:
        return "Recorded."
    if not made:
        return "All of this was recorded before."
    return "Recorded. Some of it was recorded before, and stands once."


@of_family
def evidence_in_error(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """Mark something as recorded in error: it stays, and counts no more."""
    row = get_object_or_404(Evidence.objects.select_related("person"), family=family, pk=number)
    here = reverse("problems", args=[family.reference])
    if stage.against_marking(row):
        messages.success(request, "It is marked as recorded in error.")
        return redirect(here)
    form = InErrorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.mark_in_error(evidence=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, "It is marked as recorded in error, and counts no more.")
            return redirect(here)
    indicator = untold.question_of_today(timezone.now()).framework.indicators.get(row.indicator)
    what = f"{indicator.text if indicator else row.indicator}, {day(row.observed_on)}, {whom(row)}"
    context = {
        "title": "Recorded in error", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Mark it as recorded in error",
        "note": f"{what}. It stays on file and counts no more. This cannot be taken back: if it was right, record it"
        " again.",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)
