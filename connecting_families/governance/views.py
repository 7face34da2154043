"""The trail, as information governance reads it."""

import json
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.kit.forms import DateBoxesField
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import ROLES, Permission

LONDON = ZoneInfo("Europe/London")
COLUMNS = [Column("When"), Column("What"), Column("Who"), Column("About"), Column("Why")]
MIDNIGHT = time(0, tzinfo=LONDON)


class Filter(forms.Form):
    """Which entries; everything left empty is every entry."""

    event = forms.ChoiceField(
        label="Event", required=False, choices=[("", "Every event"), *((event.name, event.value) for event in Event)]
    )
    who = forms.CharField(label="User name or duty", required=False)
    reference = forms.CharField(label="Reference of the record", required=False)
    since = DateBoxesField(label="From", required=False)
    until = DateBoxesField(label="To, the day included", required=False)


@opened_by(Permission.SEE_TRAIL)
def trail_list(request: HttpRequest) -> HttpResponse:
    """Every entry, the newest first; opening the trail is an entry, too."""
    asked = {name: value for name, value in request.GET.items() if name != "page"}
    form = Filter(request.GET if asked else None)
    found = trail.entries()
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        for field in ("event", "who", "reference"):
            if given[field]:
                found = found.filter(**{field: given[field]})
        if given["since"]:
            found = found.filter(timestamp__gte=datetime.combine(given["since"], MIDNIGHT))
        if given["until"]:
            found = found.filter(timestamp__lte=datetime.combine(given["until"], time.max.replace(tzinfo=LONDON)))
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    rows = [
        [
            link(_time(e.timestamp), reverse("trail_entry", args=[e.pk])),
            e.sentence,
            f"{e.who} ({ROLES[e.role].title})" if e.role in ROLES else e.who,
            e.reference,
            ", ".join((e.additional_data or {}).get("reasons", [])),
        ]
        for e in page
    ]
    with trail.act():
        trail.record(
            Event.TRAIL_VIEWED, who=acting(request), at=timezone.now(), record="audit.entry",
            details={"filters": sorted(asked)},
        )  # fmt: skip
    context = {"title": "Trail", "table": Table("Entries", COLUMNS, rows), "page": page, "form": form}
    return render(request, "kit/list_page.html", context)


@opened_by(Permission.SEE_TRAIL)
def entry(request: HttpRequest, number: int) -> HttpResponse:
    """One entry, and which fields changed; identifiers are named as changed, never shown."""
    row = get_object_or_404(Entry, pk=number)
    facts = [
        ("When", _time(row.timestamp)),
        ("Who", row.who),
        ("Role at the time", ROLES[row.role].title if row.role in ROLES else ""),
        ("From", row.remote_addr),
        ("About", f"{row.record} {row.reference}".strip()),
        ("Why", row.reason),
        ("Correlation", row.cid),
        ("Details", json.dumps(row.additional_data, indent=1) if row.additional_data else ""),
    ]
    changes = [
        [f"{change['record']} {change['reference']}", change["act"], name, json.dumps(value)]
        for change in row.changes or []
        for name, value in change["fields"].items()
    ]
    with trail.act():
        trail.record(
            Event.TRAIL_VIEWED, who=acting(request), at=timezone.now(), record="audit.entry", reference=str(row.pk)
        )
    context = {
        "title": row.sentence,
        "caption": f"Entry {row.pk}",
        "facts": [{"key": key, "value": value} for key, value in facts if value],
        "changes": changes,
        "table": Table("Changes", [Column("Record"), Column("Act"), Column("Field"), Column("From, to")], changes),
        "back_href": reverse("trail"),
    }
    return render(request, "governance/entry.html", context)


def _time(at: datetime) -> str:
    return f"{timezone.localtime(at, LONDON):%-d %B %Y, %H:%M:%S}"
