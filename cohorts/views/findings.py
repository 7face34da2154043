"""The findings of a cohort, one by one: on a page without the values, and as files with them for whoever mends them."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from cohorts import households
from cohorts.models import Cohort, Decision, Finding, Person, Protection
from cohorts.rules.findings import KINDS
from cohorts.views.cohorts import viewed, weight_tag
from cohorts.views.duplicates import of_person
from connecting_families.audit.events import Event
from connecting_families.kit.forms import offer
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.kit.spreadsheets import csv_for_people, workbook_for_people
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import in_words

FINDINGS = [Column("Person"), Column("Family"), Column("What is wrong, and what would be right"), Column("Code"),
            Column("Weight"), Column("Field")]  # fmt: skip
HEADER = ("Person", "Family", "Code", "Weight", "What is wrong, and what would be right", "Field", "Value found")
PROTECTED = "Not shown: this person is protected"
AT_ONCE = 2_000
OF_TWO = ("DQ208", "DQ209")
"""What is mended by comparing two records."""
FAMILY = "The family"


class CodeFilter(forms.Form):
    """Which findings; left empty, every one."""

    code = forms.ChoiceField(label="What is wrong", required=False)

    def __init__(self, *args: Any, cohort: Cohort, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = [(code, f"{code}: {KINDS[code].sentence}") for code in sorted(cohort.findings)]
        offer(self, "code", [("", "Anything"), *found])


class _Found:
    """The findings for the paginator, which need not count them: the run did."""

    def __init__(self, found: QuerySet[Finding], number: int) -> None:
        self.found, self.number = found, number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, part: slice) -> list[Finding]:
        return list(self.found[part])


@opened_by(Permission.SEE_COHORTS)
def findings(request: HttpRequest, number: int) -> HttpResponse:
    """What is wrong with whose records, by reference; `?code=` narrows it to one kind."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    form, code = _asked(request, row)
    number_found = row.findings.get(code, 0) if code else sum(row.findings.values())
    listed: Any = _Found(_found(row, code), number_found)
    page = Paginator(listed, 50).get_page(request.GET.get("page"))
    viewed(request, Event.COHORT_VIEWED, row)
    query = f"?{urlencode({'code': code})}" if code else ""
    context = {
        "title": "Findings", "caption": f"Cohort {row.pk}", "back_href": reverse("cohort", args=[row.pk]),
        "form": form, "page": page,
        "files": [
            ("As CSV", reverse("findings_csv", args=[row.pk]) + query),
            ("As a workbook (XLSX)", reverse("findings_xlsx", args=[row.pk]) + query),
        ],
        "table": Table("What is wrong with whose records", FINDINGS, [_row(it) for it in page], empty="Nothing."),
    }  # fmt: skip
    return render(request, "cohorts/findings.html", context)


@opened_by(Permission.SEE_COHORTS)
def download_csv(request: HttpRequest, number: int) -> HttpResponseBase:
    """The findings with the values found, for a spreadsheet."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    _, code = _asked(request, row)
    viewed(request, Event.FINDINGS_EXPORTED, row)
    return csv_for_people(f"findings-{row.pk}.csv", HEADER, _with_values(row, code))


@opened_by(Permission.SEE_COHORTS)
def download_xlsx(request: HttpRequest, number: int) -> HttpResponseBase:
    """The same as a workbook."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    _, code = _asked(request, row)
    viewed(request, Event.FINDINGS_EXPORTED, row)
    return workbook_for_people(f"findings-{row.pk}.xlsx", "Findings", HEADER, _with_values(row, code))


def _asked(request: HttpRequest, row: Cohort) -> tuple[CodeFilter, str]:
    form = CodeFilter(request.GET, cohort=row)
    return form, form.cleaned_data["code"] if form.is_valid() else ""


def _found(row: Cohort, code: str) -> QuerySet[Finding]:
    """In the order of the index: a page far down is reached without sorting."""
    found = Finding.objects.filter(cohort=row, **({"code": code} if code else {}))
    return found.order_by("cohort_id", "code", "family_ref", "person_ref")


def _row(it: Finding) -> list[object]:
    where = reverse("decision", args=[it.cohort_id])
    asked = urlencode({"family": it.family_ref, "person": it.person_ref})
    whom = link(it.person_ref, f"{where}?{asked}") if it.person_ref else FAMILY
    sentence: object = KINDS[it.code].sentence
    if it.code in OF_TWO and it.person_ref:
        to = link("See the pairs", of_person(it.person_ref), f"of {it.person_ref}")
        sentence = format_html("{} {}", sentence, to)
    return [whom, it.family_ref, sentence, it.code, weight_tag(it.code), in_words(it.field)]


def _protected_now() -> set[str]:
    """The references of those for whom a mark stands, or will."""
    today = timezone.localdate()
    marks = Protection.objects.filter(Q(to_on=None) | Q(to_on__gt=today)).values_list("person_id", flat=True)
    return set(Person.objects.filter(pk__in=households.survivors(marks).values()).values_list("reference", flat=True))


def _with_values(row: Cohort, code: str) -> Iterator[list[object]]:
    """Every finding with its value; none of somebody protected then or now, whose values may say where they are."""
    now = _protected_now()
    own = Decision.objects.filter(
        cohort=row, family_ref=OuterRef("family_ref"), person_ref=OuterRef("person_ref"), reasons__contains="PROTECTED"
    )
    for it in _found(row, code).annotate(hidden=Exists(own)).iterator(AT_ONCE):
        kind = KINDS[it.code]
        value = PROTECTED if it.hidden or it.person_ref in now else it.value
        yield [it.person_ref or FAMILY, it.family_ref, it.code, kind.severity, kind.sentence, in_words(it.field), value]
