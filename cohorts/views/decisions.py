"""The decisions of a cohort: who is in and who is out, by reference; and the file of them all."""

import tempfile

from allauth.account.decorators import reauthentication_required
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode

from cohorts import assembly, forgetting
from cohorts.forms.decisions import CHOICES, EXCLUDED, INCLUDED, DecisionFilter
from cohorts.models import Cohort, Decision
from cohorts.views.cohorts import GROUPS, viewed
from cohorts.views.why import decision_tag, reasons_of
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission

PEOPLE = [Column("Person"), Column("Family"), Column("Decision"), Column("Group, or primary reason")]


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
            decision_tag(d),
            GROUPS[d.group] if d.included else reasons_of(d)[0].sentence,
        ]
        for d in page
    ]
    viewed(request, Event.COHORT_VIEWED, row)
    context = {
        "title": "People considered", "caption": f"Cohort {row.pk}", "page": page, "form": form,
        "table": Table(dict(CHOICES)[asked], PEOPLE, rows, empty=_nobody(row)),
        "back_href": reverse("cohort", args=[row.pk]),
    }  # fmt: skip
    return render(request, "kit/list_page.html", context)


@opened_by(Permission.SEE_COHORTS)
@reauthentication_required
def download(request: HttpRequest, number: int) -> FileResponse:
    """The decisions in canonical form: the bytes whose digest the cohort keeps, compared with it before one leaves."""
    row = get_object_or_404(Cohort, pk=number, state=Cohort.FINISHED)
    if forgetting.is_forgotten(row):
        raise Http404
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it, when it is read to its end
    assembly.write_decisions(row, file)
    file.seek(0)
    viewed(request, Event.DECISIONS_EXPORTED, row)
    name = f"decisions-{row.pk}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


def _nobody(row: Cohort) -> str:
    """What stands where nobody is listed."""
    return "Nobody can say any more: what was sent was destroyed." if forgetting.is_forgotten(row) else "Nobody."


def _href(row: Decision) -> str:
    # A reference may hold a slash, so it is no part of the path.
    asked = urlencode({"family": row.family_ref, "person": row.person_ref})
    return f"{reverse('decision', args=[row.cohort_id])}?{asked}"
