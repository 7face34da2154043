"""Pages on explaining open queries: a sentence for a whole code, or for one person's or family's alone."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from cohorts import queries
from cohorts.rules.findings import KINDS
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from transfers import submission as stage
from transfers.forms import ExplainForm, ExplainOneForm
from transfers.models import Submission
from transfers.views.shown import row_of

PEOPLE = [Column("Person"), Column("Family"), Column("Findings", numeric=True), Column("Explanation of its own")]
FAMILY = "The family"


@opened_by(Permission.PREPARE_SUBMISSIONS)
def explain(request: HttpRequest, name: str) -> HttpResponse:
    """Explain open queries, a sentence for each code."""
    row = row_of(name)
    form = ExplainForm(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        for code in [field for field in form.changed_data if form.cleaned_data[field]]:
            try:
                stage.explain(
                    submission=row, code=code, text=form.cleaned_data[code], by=acting(request), at=timezone.now()
                )
            except Refused as refusal:
                form.add_error(code, " ".join(reason.sentence for reason in refusal.reasons))
        if not form.errors:
            messages.success(request, "The explanations are kept.")
            return redirect("submission", row.name)
    context = {
        "form": form, "title": "Explain open queries", "caption": row.name, "submit": "Keep the explanations",
        "back_href": reverse("submission", args=[row.name]),
        "single": [(code, reverse("explain_people", args=[row.name, code])) for code in form.fields],
    }  # fmt: skip
    return render(request, "transfers/explain.html", context)


@opened_by(Permission.PREPARE_SUBMISSIONS)
def explain_people(request: HttpRequest, name: str, code: str) -> HttpResponse:
    """Who has open queries of one code, by reference, each with the explanation of its own, if there is one."""
    row = _with_queries(name, code)
    found = row.cohort.finding_rows.filter(code=code).values("family_ref", "person_ref").annotate(number=Count("pk"))
    page = Paginator(found.order_by("family_ref", "person_ref"), 25).get_page(request.GET.get("page"))
    _looked(request, row, code, [each["person_ref"] for each in page])
    said = {
        (family, person): text
        for family, person, text in row.explanations.filter(code=code).values_list("family_ref", "person_ref", "text")
    }
    one = reverse("explain_one", args=[row.name, code])
    rows = [
        [
            link(each["person_ref"] or FAMILY, f"{one}?{urlencode({'family': family, 'person': each['person_ref']})}"),
            family,
            each["number"],
            said.get((family, each["person_ref"]), ""),
        ]
        for each, family in ((each, each["family_ref"]) for each in page)
    ]
    context = {
        "title": "Explain for single people", "caption": row.name, "back_href": reverse("explain", args=[row.name]),
        "note": f"{KINDS[code].sentence} Who has no explanation of their own is covered by that of {code}, if it has"
        " one.",
        "page": page, "table": Table(f"Open queries {code}", PEOPLE, rows, empty="Nobody."),
    }  # fmt: skip
    return render(request, "transfers/explain_people.html", context)


@opened_by(Permission.PREPARE_SUBMISSIONS)
def explain_one(request: HttpRequest, name: str, code: str) -> HttpResponse:
    """Explain what was found of one person or family (`?family=…&person=…`, by reference)."""
    row = _with_queries(name, code)
    about = {"family_ref": request.GET.get("family", ""), "person_ref": request.GET.get("person", "")}
    if not queries.findings_about(row.cohort, code, {(about["family_ref"], about["person_ref"])}):
        raise Http404
    here = reverse("explain_people", args=[row.name, code])
    kept = row.explanations.filter(code=code, **about).first()
    form = ExplainOneForm(request.POST or None, initial={"text": kept.text if kept else ""})
    if request.method == "POST" and form.is_valid():
        asked: dict[str, Any] = {"code": code, "text": form.cleaned_data["text"], **about}
        try:
            stage.explain(submission=row, **asked, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("text", reason.sentence)
        else:
            messages.success(request, "The explanation is kept.")
            return redirect(here)
    if request.method == "GET":
        _looked(request, row, code, [about["person_ref"]])
    whom = f"person {about['person_ref']} of family {about['family_ref']}"
    context = {
        "form": form, "title": f"Explain {code}", "submit": "Keep the explanation", "back_href": here,
        "caption": f"{row.name}, {whom if about['person_ref'] else 'family ' + about['family_ref']}",
    }  # fmt: skip
    return render(request, "kit/form_page.html", context)


def _looked(request: HttpRequest, row: Submission, code: str, people: list[str]) -> None:
    """Record whose queries somebody was shown."""
    details = {"code": code, "people": sorted(filter(None, set(people)))}
    with trail.act():
        trail.record(Event.QUERIES_VIEWED, who=acting(request), at=timezone.now(), about=row, details=details)


def _with_queries(name: str, code: str) -> Submission:
    """A submission whose cohort has open queries of this code. Http404 for others."""
    row = row_of(name)
    if code not in queries.open_queries(row.cohort):
        raise Http404
    return row
