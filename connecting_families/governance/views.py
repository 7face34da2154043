"""The trail, as information governance reads it. Reading it is an act, and recorded like any other."""

import secrets
from collections.abc import Iterator
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.models import Checkpoint, Entry, Leaf
from connecting_families.governance import entries, told
from connecting_families.governance.entries import Asked
from connecting_families.governance.forms import TrailFilter
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.kit.spreadsheets import csv_for_people
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_role, moment

CHANGES = [Column("Record"), Column("Act"), Column("Field"), Column("Before"), Column("After")]
BESIDE = [Column("When"), Column("What"), Column("Who"), Column("About")]
HEADER = ("Entry", "When", "Recorded", "Event", "What", "Who", "Role", "From", "Kind of record", "Reference", "Reason",
          "Refused, because", "Details", "Fields that changed", "Correlation")  # fmt: skip
WORDS = "words_in_reasons"
KEPT = 20
"""So many of the last searches in reasons are kept in a session."""
MANY = 20
"""Entries of one click that are listed beside one of them."""
PARTS = (
    ("trail", "Entries"),
    ("who_looked", "Who looked at a person"),
    ("who_searched", "Who searched for a name"),
    ("looks_to_check", "Looks to check"),
    ("verification", "Verification"),
)


@opened_by(Permission.SEE_TRAIL)
def trail_list(request: HttpRequest) -> HttpResponse:
    """Every entry, the newest first; opening the trail is an entry, too. What was typed is posted, and checked."""
    if request.method == "POST":
        form = TrailFilter(request.POST)
        if form.is_valid():
            return redirect(f"{reverse('trail')}?{_address(request, form.asked())}")
        return _list(request, form, None)
    form = _form(request)
    asked = (form.asked() if form.is_valid() else None) if form.is_bound else Asked()
    answer = _list(request, form, asked)
    _viewed(request, details={"filters": _recorded(asked) if asked else {}})
    return answer


def _list(request: HttpRequest, form: TrailFilter, asked: Asked | None) -> HttpResponse:
    # A filter that cannot be read narrows to nothing: the whole trail would be taken for what was asked.
    found = entries.narrowed(asked) if asked is not None else Entry.objects.none()
    page = entries.shown(found, older_than=number_of(request, "older"), newer_than=number_of(request, "newer"))
    hrefs = beside(page, request.GET)
    empty = "No entry is like that." if asked is not None else "Nothing is listed until the filter is mended."
    context = {
        "title": "Trail", "form": form, "parts": parts("trail"), **hrefs,
        "csv": f"{reverse('trail_csv')}?{hrefs['query']}" if page.entries else "",
        "table": Table("Entries", told.COLUMNS, map(told.row, page.entries), empty=empty),
    }  # fmt: skip
    return render(request, "governance/trail.html", context)


@opened_by(Permission.SEE_TRAIL)
@reauthentication_required
def download(request: HttpRequest) -> HttpResponseBase:
    """The entries to which the trail is narrowed, for a spreadsheet; that it was downloaded is an entry, too."""
    form = _form(request)
    if form.is_bound and not form.is_valid():
        return redirect("trail")
    asked = form.asked() if form.is_bound else Asked()
    with trail.act():
        own = trail.record(
            Event.ENTRIES_EXPORTED, who=acting(request), at=timezone.now(), record="audit.entry",
            details={"filters": _recorded(asked)},
        )  # fmt: skip
    # What is written meanwhile, this entry the first, is not in it.
    found = entries.narrowed(asked).filter(pk__lt=own.pk)
    return csv_for_people(f"trail-{own.pk}.csv", HEADER, _lines(found))


@opened_by(Permission.SEE_TRAIL)
def entry(request: HttpRequest, number: int) -> HttpResponse:
    """One entry, and which fields changed; identifiers are named as changed, never shown."""
    row = get_object_or_404(Entry, pk=number)
    user = User.objects.get(pk=acting(request).person)
    where = told.href(row.record, row.reference, row.object_pk, user)
    same = Entry.objects.filter(cid=row.cid).exclude(pk=row.pk).order_by("id")[:MANY] if row.cid else []
    _viewed(request, reference=str(row.pk))
    context = {
        "title": told.sentence(row),
        "caption": f"Entry {row.pk} of the trail",
        "facts": facts(
            ("When", told.instant(row.timestamp)),
            ("Who", in_role(row.who, row.role)),
            ("From", row.remote_addr),
            ("About", link(told.about(row), where) if where else told.about(row)),
            ("Why", row.reason),
            ("Refused, because", told.refusals(row)),
            *told.details(row),
            ("Recorded", told.instant(row.recorded_at)),
            ("Sealed", _sealed(row)),
            ("Correlation", row.cid),
        ),
        "person": row.reference if row.record == "cohorts.person" else "",
        "table": Table("What changed", CHANGES, told.changes(row, user), empty="No record changed."),
        "same": Table(
            "Recorded with it, of the same click", BESIDE,
            [[told.opening(e), told.sentence(e), in_role(e.who, e.role), told.about(e)] for e in same],
        ),
        "back_href": reverse("trail"),
    }  # fmt: skip
    return render(request, "governance/entry.html", context)


def parts(here: str) -> list[dict[str, Any]]:
    """The pages of the trail."""
    return [{"text": text, "href": reverse(name), "active": name == here} for name, text in PARTS]


def beside(page: entries.Shown, query: QueryDict) -> dict[str, Any]:
    """For a list: how many there are, if that is known, and where the pages beside it are."""
    given = query.copy()
    for name in ("newer", "older"):
        given.pop(name, None)
    kept = given.urlencode()
    return {
        "query": kept,
        "newer": f"?{kept}&newer={page.newer_than}" if page.newer_than else "",
        "older": f"?{kept}&older={page.older_than}" if page.older_than else "",
        "count": len(page.entries) if page.all else None,
    }


def number_of(request: HttpRequest, name: str) -> int | None:
    """The number of an entry in the address; nothing for anything else."""
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


def _form(request: HttpRequest) -> TrailFilter:
    """The filter of the address, with the words that this session keeps."""
    given = request.GET.copy()
    for name in ("older", "newer"):
        given.pop(name, None)
    words = ""
    if key := given.get("words"):
        words = given["words"] = request.session.get(WORDS, {}).get(key, "")
    # Of another session, or from before others: words that are not known narrow to nothing, and that is said.
    return TrailFilter(given or None, forgotten=bool(key) and not words)


def _address(request: HttpRequest, asked: Asked) -> str:
    """What is asked for as an address holds it: words stay in the session, under a key that is drawn for them."""
    given: dict[str, Any] = {name: getattr(asked, name) for name in ("event", "who", "reference")}
    for name in ("since", "until"):
        day = getattr(asked, name)
        given |= {f"{name}_{box}": getattr(day, box) for box in ("day", "month", "year")} if day else {}
    if asked.words:
        given["words"] = secrets.token_hex(8)
        kept = dict(list(request.session.get(WORDS, {}).items())[1 - KEPT :])
        request.session[WORDS] = kept | {given["words"]: asked.words}
    return urlencode({name: value for name, value in given.items() if value})


def _recorded(asked: Asked) -> dict[str, str]:
    """By what the trail was narrowed, as the trail keeps it: of words their keyed HMAC alone."""
    given = {name: str(getattr(asked, name)) for name in asked.names}
    return given | ({"words": keyed(asked.words.casefold())} if asked.words else {})


def _lines(found: Any) -> Iterator[list[object]]:
    for row in entries.each(found):
        changed = "; ".join(f"{whose}, {field}" for whose, _, field, *_ in told.changes(row))
        yield [
            row.pk, row.timestamp.isoformat(), row.recorded_at.isoformat(), row.event, told.sentence(row), row.who,
            row.role, row.remote_addr or "", row.record, row.reference, row.reason, told.refusals(row),
            "; ".join(f"{name}: {value}" for name, value in told.details(row)), changed, row.cid or "",
        ]  # fmt: skip


def _sealed(row: Entry) -> str:
    leaf = Leaf.objects.filter(entry=row).only("position").first()
    if leaf is None:
        return "Not yet"
    seen = Checkpoint.objects.filter(size__gt=leaf.position).order_by("size").first()
    return f"At position {leaf.position}" + (f", under the checkpoint of {moment(seen.at)}" if seen else "")


def _viewed(request: HttpRequest, **about: Any) -> None:
    with trail.act():
        trail.record(Event.TRAIL_VIEWED, who=acting(request), at=timezone.now(), record="audit.entry", **about)
