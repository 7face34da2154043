"""Pages of receipts: taking one in, and what a recipient could not load."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import queries
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from transfers import receipt as stage
from transfers.forms import ReceiptForm
from transfers.models import Receipt, Rejection
from transfers.rules.receipts import CODES, LARGEST, TO_LOOK_AT
from transfers.views.shown import row_of

ON_A_PAGE = 50
COUNTED = [Column("What the recipient could not use"), Column("Code"), Column("People", numeric=True)]
PEOPLE = [Column("Person"), Column("What the recipient could not use"), Column("Code"), Column("Looked at again")]
SENT = [Column("Package"), Column("Rows sent", numeric=True), Column("Rows loaded", numeric=True),
        Column("Rows rejected", numeric=True)]  # fmt: skip
NOT_A_TEAMS = "For the data team: no team can mend it"


@opened_by(Permission.SEND_SUBMISSIONS, takes=True)
def take_in(request: HttpRequest, name: str) -> HttpResponse:
    """Take in the receipt of a submission."""
    row = row_of(name)
    return take_in_page(request, row.name, reverse("submission", args=[row.name]))


def take_in_page(request: HttpRequest, name: str, back: str) -> HttpResponse:
    """The form that takes a receipt in, and leads back; for a submission as for a withdrawal."""
    form = ReceiptForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(LARGEST + 1)
        try:
            stage.take_in(data=data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("file", reason.sentence)
        else:
            messages.success(request, "The receipt is taken in.")
            return redirect(back)
    context = {
        "form": form, "title": "Take in a receipt", "caption": name, "submit": "Take it in", "back_href": back,
    }  # fmt: skip
    return render(request, "kit/form_page.html", context)


@opened_by(Permission.SEND_SUBMISSIONS)
def rejected(request: HttpRequest, name: str) -> HttpResponse:
    """Whom a recipient could not load, and why: what the data team has to mend before the next round."""
    row = row_of(name)
    receipt = Receipt.objects.filter(submission=row).first()
    if receipt is None:
        raise Http404
    with trail.act():
        trail.record(Event.RECONCILIATION_VIEWED, who=acting(request), at=timezone.now(), about=row)
    page = Paginator(receipt.rejected.order_by("code", "pk"), ON_A_PAGE).get_page(request.GET.get("page"))
    keys, at = [each.person_id for each in page], timezone.now()
    references, looked = queries.references_of(keys), queries.looked(keys, at)
    people = receipt.rejected.values("person_id").distinct().count()
    context = {
        "title": "Who could not be loaded", "caption": row.name, "back_href": reverse("submission", args=[row.name]),
        "counted": Table(
            "By what could not be used", COUNTED,
            [[CODES[code], code, f"{count:,}"] for code, count in receipt.rejections.items()],
            empty="Every row was loaded.",
        ),
        "table": Table(
            "People", PEOPLE,
            [
                [references.get(it.person_id, "No longer on file"), CODES[it.code], it.code, _looked(it, looked)]
                for it in page
            ],
            empty="Every row was loaded.",
        ),
        "sent": Table(
            f"{people:,} of {row.counts['persons']:,} people who were sent could not be used", SENT,
            [[f["name"], f["rows_loaded"] + f["rows_rejected"], f["rows_loaded"], f["rows_rejected"]]
             for f in receipt.files],
        ),
        "page": page,
    }  # fmt: skip
    return render(request, "transfers/rejected.html", context)


def _looked(each: Rejection, looked: dict[tuple[int, str], queries.Looked]) -> object:
    """What became of the look that the rejection asked for."""
    detail = TO_LOOK_AT.get(each.code)
    if detail is None:
        return NOT_A_TEAMS
    found = looked.get((each.person_id, detail))
    if found is None:
        return "Not asked for"
    return f"{found.outcome}, {found.on:%-d %B %Y}" if found.on else found.outcome
