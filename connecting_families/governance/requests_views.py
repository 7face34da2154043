"""The desk of questions and requests: what waits, by its clock, and what information governance answers."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from cohorts import erasure, households, rights, rights_register
from cohorts.forms.requests import CLOSED, TO_CLOSE, WAITING, AnswerForm, ExtendForm, RequestFilter
from cohorts.forms.wishes import born, name_of
from cohorts.models import Person, RightsRequest
from cohorts.views.family_pages import day, today
from cohorts.views.requests import described, listed_requests, requests_table
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.governance.act_views import Desk, Page
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, refused_form

DESK = Desk("rights_request", Event.REQUEST_VIEWED)
HOW_TO = {
    RightsRequest.QUESTION: "Answer it in plain words, and say whom they can ask next.",
    RightsRequest.ACCESS: "Make sure who asks. Then make the report, read it, and send them what is held about them,"
    " and about nobody else.",
    RightsRequest.RECTIFICATION: "Have the family's worker put it right, or the case system where it came from. A"
    " finished cohort keeps what it was decided by; the next one reads what is right.",
    RightsRequest.ERASURE: "Make sure who asks. Where the law lets it, the person is erased here by two of information"
    " governance before it is answered.",
    RightsRequest.RESTRICTION: "Record an objection about the person: it stops every use for the study at once, and is"
    " lifted when the restriction ends.",
}
"""What answering a request of each kind takes."""


@opened_by(Permission.ANSWER_REQUESTS)
def requests_desk(request: HttpRequest) -> HttpResponse:
    """What waits, the oldest first, and the register of what was answered and closed."""
    form = RequestFilter(request.GET or None)
    given = form.cleaned_data if form.is_valid() else {}
    states = {WAITING: rights_register.waiting, TO_CLOSE: rights_register.to_close, CLOSED: rights_register.closed}
    rows = states.get(given.get("state", ""), rights_register.not_closed)()
    if given.get("kind"):
        rows = rows.filter(kind=given["kind"])
    page = Paginator(rows.select_related("person", "family"), 50).get_page(request.GET.get("page"))
    listed_requests(request, "requests_desk", page)
    counted = rights_register.counts(timezone.now())
    context = {
        "title": "Questions and requests", "form": form, "page": page, "back_href": reverse("home"),
        "counts": facts(
            ("Wait for an answer", counted.open), ("Due within 7 days", rights_register.due_soon(today())),
            ("Overdue", counted.overdue), ("Answered in time", counted.answered_in_time),
            ("Answered late", counted.answered_late), ("Answered, to close", rights_register.to_close().count()),
        ),
        "table": requests_table("Questions and requests", page, "rights_request", "Nothing is here."),
    }  # fmt: skip
    return render(request, "governance/requests.html", context)


@opened_by(Permission.ANSWER_REQUESTS)
def rights_request(request: HttpRequest, number: int) -> HttpResponse:
    """One question or request, and what may be done about it. Opening it is recorded."""
    row = _row(number)
    DESK.viewed(request, row)
    return _page(request, row)


def _page(request: HttpRequest, row: RightsRequest, refused: Refused | None = None) -> HttpResponse:
    people = [households.survivor(row.person)] if row.person else []
    named = facts(*((each.reference, f"{name_of(each)}, {born(each)}") for each in people))
    context: Page = {
        "title": row.reference, "caption": row.get_kind_display(), "back_href": reverse("requests_desk"), "row": row,
        "facts": described(row), "people": named,
        "how_to": HOW_TO[row.kind],
        "identify": rights.against_identifying(row), "extend": rights.against_extending(row),
        "answer": rights.against_answering(row), "close": rights.against_closing(row),
    }  # fmt: skip
    if row.kind == RightsRequest.ACCESS:
        context["reports"] = [(each.reference, _report(row, each)) for each in people or _members(row)]
    if row.kind == RightsRequest.ERASURE:
        context["erase"] = erasure.against_proposing(row, today())
        context["erasures"] = [
            (f"Erasure {each.pk}: {each.get_state_display().lower()}", reverse("erasure", args=[each.pk]))
            for each in row.erasures.order_by("pk")
        ]
    if refused:
        context["form"] = refused_form(refused.reasons)
    return render(request, "governance/request.html", context)


def _members(row: RightsRequest) -> list[Person]:
    """Of a request about a family, who is in it today."""
    return households.members(row.family, today()) if row.family else []


def _report(row: RightsRequest, person: Person) -> str:
    """Where the report about a person is made that this request asks for."""
    return f"{reverse('ask_for_report', args=[person.reference])}?{urlencode({'request': row.pk})}"


@opened_by(Permission.ANSWER_REQUESTS)
def extend_request(request: HttpRequest, number: int) -> HttpResponse:
    """Its time is extended by two months, of which the person was told."""
    row = _row(number)
    note = f"Without that it is answered by {day(rights_register.due(row))}. With it, two months later."
    page = {"title": "Extend the time to answer", "submit": "Extend it by two months", "note": note}

    def act(given: Page) -> str:
        done = rights.extend(request=row, **given, by=acting(request), at=timezone.now())
        return f"{row.reference} is answered by {day(rights_register.due(done))}."

    return DESK.ask(request, row, ExtendForm(request.POST or None), page, act)


@opened_by(Permission.ANSWER_REQUESTS)
def answer_request(request: HttpRequest, number: int) -> HttpResponse:
    """Record the answer that the person had."""
    row = _row(number)
    page = {"title": "Record the answer", "submit": "Record the answer", "note": HOW_TO[row.kind]}

    def act(given: Page) -> str:
        rights.answer(request=row, given=rights.Answer(**given), by=acting(request), at=timezone.now())
        return f"{row.reference} is answered. Close it once nothing is left to do."

    return DESK.ask(request, row, AnswerForm(request.POST or None), page, act)


@require_POST
@opened_by(Permission.ANSWER_REQUESTS)
def close_request(request: HttpRequest, number: int) -> HttpResponse:
    """Nothing is left to do about it."""
    row = _row(number)
    try:
        rights.close(request=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, row, refused=refusal)
    messages.success(request, f"{row.reference} is closed.")
    return redirect("rights_request", row.pk)


@opened_by(Permission.ANSWER_REQUESTS, takes=True)
def identify_request(request: HttpRequest, number: int) -> HttpResponse:
    """Say whom a request is about: the name is shown before anything is kept."""
    row = _row(number)
    page = {"title": "Whom is it about?", "submit": "Look up", "confirm": "It is about them", "told": row.about}

    def act(found: Page) -> str:
        rights.identify(request=row, **found, by=acting(request), at=timezone.now())
        return f"{row.reference} is about {next(iter(found.values())).reference}."

    try:
        return DESK.ask_whom(request, row, "identify_request", page, act)
    except Refused as refusal:
        return _page(request, row, refused=refusal)


def _row(number: int) -> RightsRequest:
    return get_object_or_404(RightsRequest.objects.select_related("person", "family"), pk=number)
