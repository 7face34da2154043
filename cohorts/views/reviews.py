"""Reviewing what a notice version or an agreement says: governance records the law, the contact, and the next day."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from cohorts import reviewing as stage
from cohorts.forms.reviews import AgreementReviewForm, VersionReviewForm
from cohorts.models import Agreement, NoticeVersion
from cohorts.views.register_pages import ask, day
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission


@opened_by(Permission.ANSWER_FOR_PROMISES)
def review_version(request: HttpRequest, number: int) -> HttpResponse:
    """Record a review of a version of the notice."""
    row = get_object_or_404(NoticeVersion, pk=number)
    return _ask(request, row, VersionReviewForm(request.POST or None), reverse("notice_version", args=[row.pk]))


@opened_by(Permission.ANSWER_FOR_PROMISES)
def review_agreement(request: HttpRequest, number: int) -> HttpResponse:
    """Record a review of an agreement."""
    row = get_object_or_404(Agreement, pk=number)
    initial = {"legal_reference": row.legal_reference}
    form = AgreementReviewForm(request.POST or None, initial=initial)
    return _ask(request, row, form, reverse("agreement", args=[row.pk]))


def _ask(request: HttpRequest, row: NoticeVersion | Agreement, form: AgreementReviewForm, here: str) -> HttpResponse:
    return ask(
        request,
        form,
        lambda given: stage.record(of=row, **given, by=acting(request), at=timezone.now()),
        done=f"The review of {row} is recorded.",
        to=here,
        page={"title": "Record a review", "caption": str(row), "back_href": here, "submit": "Record it"},
    )


def as_facts(row: NoticeVersion | Agreement) -> list[tuple[str, str]]:
    """What the newest review says, for the page of a version or an agreement."""
    found = stage.newest(row)
    if found is None:
        return [("Reviewed", "Never")]
    return [
        ("Reviewed", f"{day(found.reviewed_on)} by {found.reviewed_by}"),
        ("Law on which it rests, as reviewed", found.legal_reference),
        ("Whom people may ask", found.contact),
        ("To be looked at again by", day(found.next_on)),
    ]
