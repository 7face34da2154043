"""Pages on records that may be of one person: the pairs to decide, two records side by side, and undoing a merge.

They are the data team's. A list holds references alone; who opens a pair is recorded with both persons.
"""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from cohorts import compared, households, proposing, queries, tasks
from cohorts import duplicates as stage
from cohorts.forms.duplicates import BringTogetherForm, DecideForm, PairFilter, UndoForm
from cohorts.models import Merge, Pair, Person
from cohorts.views.asked import told
from cohorts.views.family_pages import today
from cohorts.views.side_by_side import permissions, rows_of, ways, weight_in_words
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, listed, moment

PAIRS = [Column("Records"), Column("Why they were paired"), Column("How likely"), Column("Found"), Column("State")]
MERGES = [Column("Record"), Column("Merged into"), Column("When"), Column("By"), Column("State")]
COLOURS = {Pair.OPEN: "blue", Pair.NOT_SURE: "yellow", Pair.SAME: "green"}
CLOSED = "Not shown: who one of the two is, is protected"
DONE = {
    Pair.SAME: "The two count as one person from now on: what either objects to, or is protected by, counts for both.",
    Pair.DIFFERENT: "They stay two people. Nothing about either changes.",
    Pair.NOT_SURE: "They stay two people for now, and wait to be looked at again.",
}
"""What a decision does, as its confirmation says it."""
UNDOING = (
    "The record stands alone again. Every objection and protection mark of either is left with both, also what was"
    " lifted or ended while they counted as one; a consent withdrawn in that time is withdrawn by both. Addresses,"
    " families, problems and notices that were entered meanwhile stay with the record that was kept: look there for"
    " what belongs to the other. Nothing that was sent, or decided in a cohort, changes."
)


@opened_by(Permission.SEE_DUPLICATES)
def duplicates(request: HttpRequest) -> HttpResponse:
    """The pairs of records that may be of one person, the likeliest first; narrowed by `?state=` and `?person=`."""
    form = PairFilter(request.GET)
    page = Paginator(_asked(form), 50).get_page(request.GET.get("page"))
    rows, shown = _rows(list(page))
    listed(request, "duplicates", people=shown)
    context = {
        "title": "Likely duplicates", "form": form, "page": page, "back_href": reverse("home"),
        "may_decide": _may_decide(request), "person": form["person"].value() or "",
        "searched": _searched(), "asked_for": proposing.is_asked_for(),
        "table": Table("Records that may be of one person", PAIRS, rows, empty="No pair of records is here."),
    }  # fmt: skip
    return render(request, "cohorts/duplicates/list.html", context)


@require_POST
@opened_by(Permission.DECIDE_DUPLICATES)
@transaction.atomic
def search(request: HttpRequest) -> HttpResponse:
    """Ask the workers to search now."""
    proposing.request(by=acting(request), at=timezone.now())
    transaction.on_commit(tasks.search_if_asked.delay, robust=True)
    return redirect("duplicates")


def _searched() -> str:
    if proposing.is_asked_for():
        return "A search was asked for. The workers are at it: look again in a minute."
    last = proposing.last()
    if last is None:
        return "Nobody searched yet."
    new = f"{last.found.added:,} new pair{'' if last.found.added == 1 else 's'}"
    return f"Searched last on {moment(last.at)} among {last.found.records:,} people: {new}."


def _rows(found: list[Pair]) -> tuple[list[list[object]], list[str]]:
    """The rows of a list, and the references of whom they show."""
    now = households.survivors(key for row in found for key in (row.first_id, row.second_id))
    closed = compared.closed(Person.objects.in_bulk(now.values()).values(), today())
    rows: list[list[object]] = []
    shown: list[str] = []
    for row in found:
        if not closed.isdisjoint((now.get(row.first_id), now.get(row.second_id))):
            # Neither its number nor its moment: found in the lists of two persons, they would tell that these are one.
            rows.append(["A pair", CLOSED, "", "", ""])
            continue
        two = f"{row.first.reference} and {row.second.reference}"
        shown += [row.first.reference, row.second.reference]
        to = link(two, reverse("duplicate", args=[row.pk]), "compare")
        rows.append([to, ways(row), weight_in_words(row.weight), moment(row.found_at), _tag(row)])
    return rows, shown


def _asked(form: PairFilter) -> QuerySet[Pair]:
    given = form.cleaned_data if form.is_valid() else {}
    state, person = given.get("state", ""), given.get("person", "").strip()
    if state or person:
        found = Pair.objects.filter(**({"state": state} if state else {}))
        found = found.order_by(F("weight").desc(nulls_first=True), "pk")
    else:
        found = queries.pairs_to_decide()
    if person:
        found = found.filter(Q(first__reference=person) | Q(second__reference=person))
    return found.select_related("first", "second")


def _tag(row: Pair) -> object:
    return tag(row.get_state_display(), COLOURS.get(row.state, "grey"))


def _may_decide(request: HttpRequest) -> bool:
    return request.user.may(Permission.DECIDE_DUPLICATES)  # type: ignore[union-attr]


@opened_by(Permission.DECIDE_DUPLICATES)
def bring_together(request: HttpRequest) -> HttpResponse:
    """Take two references, and lead to the two records side by side."""
    asked = request.GET.get("first", "")
    form = BringTogetherForm(request.POST or None, initial={"first": asked})
    if request.method == "POST" and form.is_valid():
        given = {name: value.strip() for name, value in form.cleaned_data.items()}
        try:
            pair = stage.bring_together(**given, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            return redirect("duplicate", pair.pk)
    context = {
        "title": "Bring two records together", "form": form, "back_href": reverse("duplicates"),
        "submit": "Compare them",
        "note": "Two records that no search brought together, or that share a number. Nothing is changed by that.",
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


@opened_by(Permission.SEE_DUPLICATES)
def duplicate(request: HttpRequest, number: int) -> HttpResponse:
    """Two records side by side, and the decision about them; opening it is recorded with both."""
    row = get_object_or_404(Pair.objects.select_related("first", "second"), pk=number)
    two, by, day = compared.two_of(row), acting(request), today()
    form = DecideForm(request.POST or None, two=two)
    if request.method == "POST" and form.is_valid():
        seen = request.POST.get("seen", "")
        try:
            done = stage.decide(pair=row, **form.cleaned_data, seen=seen, by=by, at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
            row.refresh_from_db()
            two = compared.two_of(row)
        else:
            messages.success(request, DONE[done.state])
            return redirect("duplicate", done.pk)
    if not two.are_one and compared.closed(two, day):
        return _closed(request, row, two)
    _opened(request, row, two)
    merges = Merge.objects.filter(merged__in=_records(row)).select_related("kept", "merged").order_by("-pk")
    context: dict[str, Any] = {
        "title": "Compare two records", "caption": f"{row.first.reference} and {row.second.reference}",
        "back_href": reverse("duplicates"), "form": form, "row": row,
        "seen": compared.fingerprint(row, two),
        "against": stage.against_deciding(two, by, day),
        "facts": facts(
            ("State", _tag(row)),
            ("Why they were paired", ways(row)),
            ("How likely", weight_in_words(row.weight)),
            ("Decided", f"{moment(row.decided_at)} by {row.decided_by}" if row.decided_at else ""),
            ("Reason", row.reason),
        ),
        "tables": [] if two.are_one else [rows_of(two, day), permissions(two, timezone.now())],
        "merges": _merges(list(merges), may_undo=_may_decide(request)) if merges else None,
        "submit": "Record the decision", "next": _next(row) if _may_decide(request) else None,
    }  # fmt: skip
    return render(request, "cohorts/duplicates/pair.html", context)


def _next(row: Pair) -> Pair | None:
    """The likeliest of the others that nobody looked at yet, once this one was decided."""
    waiting = queries.pairs_to_decide().filter(state=Pair.OPEN).exclude(pk=row.pk)
    return None if row.state == Pair.OPEN else waiting.first()


def _closed(request: HttpRequest, row: Pair, two: compared.Two) -> HttpResponse:
    """Nothing of the two, and why."""
    context = {
        "title": "Compare two records", "caption": f"Pair {row.pk}", "back_href": reverse("duplicates"), "row": row,
        "against": stage.against_deciding(two, acting(request), today()), "facts": facts(("State", _tag(row))),
    }  # fmt: skip
    return render(request, "cohorts/duplicates/pair.html", context)


def _records(row: Pair) -> list[int]:
    return [*households.records_of(compared.two_of(row)), row.first_id, row.second_id]


def _opened(request: HttpRequest, row: Pair, two: compared.Two) -> None:
    """Record that somebody looked at both."""
    with trail.act():
        for person in dict.fromkeys(two):
            details = {"pair": row.pk, "persons": [each.reference for each in two]}
            trail.record(
                Event.DUPLICATE_OPENED, who=acting(request), at=timezone.now(), about=person, details=details
            )  # fmt: skip


@opened_by(Permission.SEE_DUPLICATES)
def merges(request: HttpRequest) -> HttpResponse:
    """The records that were merged, by people and by files, the latest first."""
    found = Merge.objects.select_related("kept", "merged").order_by("-pk")
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    listed(request, "merges", people=[each.reference for row in page for each in (row.kept, row.merged)])
    context = {
        "title": "Merged records", "page": page, "back_href": reverse("duplicates"),
        "table": _merges(list(page), may_undo=_may_decide(request)),
    }  # fmt: skip
    return render(request, "kit/list_page.html", context)


def _merges(found: list[Merge], *, may_undo: bool) -> Table:
    rows = []
    for row in found:
        merged, state = row.merged.reference, "Stands"
        if row.undone_at:
            state = f"Undone by {row.undone_by}, {moment(row.undone_at)}: {row.undo_reason}"
        elif may_undo:
            undo = link("Undo", reverse("undo_merge", args=[row.pk]), f"the merge of {merged}")
            state = format_html("Stands. {}", undo)
        rows.append([merged, row.kept.reference, moment(row.merged_at), row.merged_by, state])
    return Table("Merged records", MERGES, rows, empty="No record was merged yet.")


@opened_by(Permission.DECIDE_DUPLICATES)
def undo_merge(request: HttpRequest, number: int) -> HttpResponse:
    """Undo a merge, with a reason."""
    row = get_object_or_404(Merge.objects.select_related("kept", "merged"), pk=number)
    back = reverse("duplicate", args=[row.pair_id]) if row.pair_id else reverse("merges")
    if request.method == "GET" and stage.against_undoing(row, acting(request)):
        return redirect(back)
    if request.method == "GET":
        listed(request, "undo_merge", people=[row.kept.reference, row.merged.reference])
    form = UndoForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.undo(merge=row, **form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, f"{row.merged.reference} stands alone again. What may be of either is with both.")
            return redirect(back)
    context = {
        "title": "Undo a merge", "caption": f"{row.merged.reference}, merged into {row.kept.reference}",
        "form": form, "back_href": back, "submit": "Undo the merge", "note": UNDOING,
    }  # fmt: skip
    return render(request, "cohorts/form.html", context)


def of_person(reference: str) -> str:
    """Where the pairs of a person are listed."""
    return f"{reverse('duplicates')}?{urlencode({'person': reference})}"
