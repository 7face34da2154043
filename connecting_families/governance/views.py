"""The trail, as information governance reads it. Reading it is an act, and recorded like any other."""

import re
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts.rules.reasons import Reason
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance.forms import TrailFilter
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_role, in_words

LONDON = ZoneInfo("Europe/London")
COLUMNS = [Column("When"), Column("What"), Column("Who, and from where"), Column("About"), Column("Why")]
FINGERPRINT = re.compile("[0-9a-f]{64}")
SHOWN = 16
"""Letters of a fingerprint that the list shows; its entry shows them all."""
CHANGES = [Column("Record"), Column("Act"), Column("Field"), Column("Before"), Column("After")]


@opened_by(Permission.SEE_TRAIL)
def trail_list(request: HttpRequest) -> HttpResponse:
    """Every entry, the newest first; opening the trail is an entry, too."""
    asked = {name: value for name, value in request.GET.items() if name in TrailFilter.names() and value}
    form = TrailFilter(request.GET or None)
    found = trail.entries()
    if form.is_bound:
        # A filter that cannot be read narrows to nothing: the whole trail would be taken for what was asked.
        found = _narrowed(form.cleaned_data) if form.is_valid() else found.none()
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    rows = [
        [
            link(_time(e.timestamp), reverse("trail_entry", args=[e.pk]), f"entry {e.pk}"),
            e.sentence,
            f"{in_role(e.who, e.role)}, {e.remote_addr}" if e.remote_addr else in_role(e.who, e.role),
            f"{e.reference[:SHOWN]}…" if FINGERPRINT.fullmatch(e.reference) else e.reference,
            _why(e),
        ]
        for e in page
    ]
    _viewed(request, details={"filters": sorted(asked)})
    context = {
        "title": "Trail", "page": page, "form": form,
        "table": Table("Entries", COLUMNS, rows, empty="No entry is like that."),
    }  # fmt: skip
    return render(request, "kit/list_page.html", context)


@opened_by(Permission.SEE_TRAIL)
def entry(request: HttpRequest, number: int) -> HttpResponse:
    """One entry, and which fields changed; identifiers are named as changed, never shown."""
    row = get_object_or_404(Entry, pk=number)
    details = dict(row.additional_data or {})
    reasons = [_sentence(code) for code in details.pop("reasons", [])]
    changes = [
        [f"{_kind(change['record'])} {change['reference']}", in_words(change["act"]), in_words(field), *_both(value)]
        for change in row.changes or []
        for field, value in change["fields"].items()
    ]
    _viewed(request, reference=str(row.pk))
    context = {
        "title": row.sentence,
        "caption": f"Entry {row.pk} of the trail",
        "facts": facts(
            ("When", _time(row.timestamp)),
            ("Who", in_role(row.who, row.role)),
            ("From", row.remote_addr),
            ("About", f"{_kind(row.record)} {row.reference}".strip()),
            ("Why", row.reason),
            ("Refused, because", " ".join(reasons)),
            *((in_words(name), _in_a_line(value)) for name, value in details.items()),
            ("Recorded", _time(row.recorded_at)),
            ("Correlation", row.cid),
        ),
        "table": Table("What changed", CHANGES, changes, empty="No record changed."),
        "back_href": reverse("trail"),
    }
    return render(request, "governance/entry.html", context)


def _narrowed(given: dict[str, Any]) -> QuerySet[Entry]:
    found = trail.entries().filter(**{name: given[name] for name in ("event", "who", "reference") if given[name]})
    if given["since"]:
        found = found.filter(timestamp__gte=datetime.combine(given["since"], time.min, LONDON))
    if given["until"]:
        found = found.filter(timestamp__lte=datetime.combine(given["until"], time.max, LONDON))
    return found


def _viewed(request: HttpRequest, **about: Any) -> None:
    with trail.act():
        trail.record(Event.TRAIL_VIEWED, who=acting(request), at=timezone.now(), record="audit.entry", **about)


def _time(at: datetime) -> str:
    # The day in one piece: a narrow column would break it into three.
    return f"{timezone.localtime(at, LONDON):%-d\N{NO-BREAK SPACE}%B\N{NO-BREAK SPACE}%Y, %H:%M:%S}"


def _why(row: Entry) -> str:
    return row.reason or " ".join(_sentence(code) for code in (row.additional_data or {}).get("reasons", []))


def _sentence(code: str) -> str:
    return Reason[code].sentence if code in Reason.__members__ else f"{in_words(code)}."


def _kind(record: str) -> str:
    """A kind of record as people call it; what is no record of ours (a page, a command) is called what it is."""
    app, _, model = record.partition(".")
    if not model or app not in apps.app_configs or model not in apps.all_models[app]:
        return in_words(record)
    return str(apps.get_model(record)._meta.verbose_name).capitalize()


def _both(value: Any) -> tuple[str, str]:
    """What a field was and is. Of a masked one only that it changed was kept; of a relation, what came or went."""
    if isinstance(value, list) and len(value) == 2:
        if trail.MASK in value:
            return "Not kept", "Changed"
        return _of_field(value[0]), _of_field(value[1])
    return "", _in_a_line(value)


def _of_field(value: Any) -> str:
    return "Empty" if value in (None, "None", "") else str(value)


def _in_a_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{in_words(str(name))}: {_in_a_line(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_in_a_line(each) for each in value)
    return str(value)
