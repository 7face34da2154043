"""The findings of a cohort, one by one: on a page without the values, and as files with them for whoever mends them."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from cohorts import households
from cohorts.models import Cohort, Decision, Finding, Person, Protection
from cohorts.rules.findings import KINDS
from cohorts.views.cohorts import viewed, weight_tag
from cohorts.views.duplicates import of_person
from cohorts.views.mended_at import closed, on_family_page
from connecting_families.audit.events import Event
from connecting_families.kit.forms import offer
from connecting_families.kit.lists import Column, Order, Table, asked_order
from connecting_families.kit.pieces import link
from connecting_families.kit.spreadsheets import MOST_ROWS, csv_for_people, workbook_for_people
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import in_words

FINDINGS = [Column("Person"), Column("Family", "family"), Column("What is wrong, and what would be right"),
            Column("Code", "code"), Column("Weight"), Column("Field")]  # fmt: skip
HEADER = ("Person", "Family", "Code", "Weight", "What is wrong, and what would be right", "Field", "Value found")
PROTECTED = "Not shown: this person is protected"
AT_ONCE = 2_000
OF_TWO = ("DQ208", "DQ209")
"""What is mended by comparing two records."""
FAMILY = "The family"
ORDERS = {
    "code": ("cohort_id", "code", "family_ref", "person_ref", "pk"),
    "family": ("cohort_id", "family_ref", "person_ref", "code", "pk"),
}
"""By what the list is in order; an index of each lets a page far down be reached without sorting everything."""
TOO_MANY = (
    f"A workbook holds {MOST_ROWS:,} rows, and there are more findings. Narrow the list to one kind, or take the CSV."
)


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
    order = asked_order(FINDINGS, request.GET, "code")
    listed: Any = _Found(_found(row, code, order), _number(row, code))
    page = Paginator(listed, 50).get_page(request.GET.get("page"))
    viewed(request, Event.COHORT_VIEWED, row)
    query = f"?{urlencode({'code': code})}" if code else ""
    out_of_reach = closed(request, {it.family_ref for it in page})
    rows = [_row(it, reach=it.family_ref not in out_of_reach) for it in page]
    context = {
        "title": "Findings", "caption": f"Cohort {row.pk}", "back_href": reverse("cohort", args=[row.pk]),
        "form": form, "page": page,
        "files": [
            ("As CSV", reverse("findings_csv", args=[row.pk]) + query),
            ("As a workbook (XLSX)", reverse("findings_xlsx", args=[row.pk]) + query),
        ],
        "table": Table(
            "What is wrong with whose records", FINDINGS, rows, query=request.GET, order=order, empty="Nothing."
        ),
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
    if _number(row, code) > MOST_ROWS:
        messages.error(request, TOO_MANY)
        return redirect("findings", row.pk)
    viewed(request, Event.FINDINGS_EXPORTED, row)
    return workbook_for_people(f"findings-{row.pk}.xlsx", "Findings", HEADER, _with_values(row, code))


def _asked(request: HttpRequest, row: Cohort) -> tuple[CodeFilter, str]:
    form = CodeFilter(request.GET, cohort=row)
    return form, form.cleaned_data["code"] if form.is_valid() else ""


def _number(row: Cohort, code: str) -> int:
    """How many findings there are, of one kind or of all: the run counted them."""
    return row.findings.get(code, 0) if code else sum(row.findings.values())


def _found(row: Cohort, code: str, order: Order) -> QuerySet[Finding]:
    found = Finding.objects.filter(cohort=row, **({"code": code} if code else {}))
    return found.order_by(*(f"-{name}" if order.descending else name for name in ORDERS[order.column]))


def _row(it: Finding, *, reach: bool) -> list[object]:
    where = reverse("decision", args=[it.cohort_id])
    asked = urlencode({"family": it.family_ref, "person": it.person_ref})
    whom = link(it.person_ref, f"{where}?{asked}") if it.person_ref else FAMILY
    sentence: object = KINDS[it.code].sentence
    if it.code in OF_TWO and it.person_ref:
        to = link("See the pairs", of_person(it.person_ref), f"of {it.person_ref}")
        sentence = format_html("{} {}", sentence, to)
    field, page = in_words(it.field), on_family_page(it.family_ref, it.person_ref) if reach else ""
    at = link(field, page, f"of {it.person_ref or it.family_ref}, on the page of the family") if page else field
    return [whom, it.family_ref, sentence, it.code, weight_tag(it.code), at]


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
    for it in _found(row, code, Order("code")).annotate(hidden=Exists(own)).iterator(AT_ONCE):
        kind = KINDS[it.code]
        value = PROTECTED if it.hidden or it.person_ref in now else it.value
        yield [it.person_ref or FAMILY, it.family_ref, it.code, kind.severity, kind.sentence, in_words(it.field), value]
