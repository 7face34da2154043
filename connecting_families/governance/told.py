"""An entry of the trail as people read it: when, what, who, about which record, why, and what changed."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.urls import NoReverseMatch, resolve, reverse
from django.utils.safestring import SafeString

from cohorts.rules.reasons import Reason
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance.entries import LONDON
from connecting_families.kit.lists import Column
from connecting_families.kit.pieces import link
from connecting_families.staff.models import User
from connecting_families.staff.views import in_role, in_words

COLUMNS = [Column("When"), Column("What"), Column("Who, and from where"), Column("About"), Column("Why")]
FINGERPRINT = re.compile("[0-9a-f]{64}")
SHOWN = 16
"""Letters of a fingerprint that a list shows; its entry shows them all."""
MASKED = "Masked: not kept"
# Where a record's page is, and by what its address names it; whether it opens is for the page to say.
PAGES = {
    "audit.entry": ("trail_entry", "reference"),
    "cohorts.cohort": ("cohort", "reference"),
    "cohorts.dataset": ("dataset", "pk"),
    "cohorts.erasure": ("erasure", "pk"),
    "cohorts.family": ("family", "reference"),
    "cohorts.noticeversion": ("notice_version", "pk"),
    "cohorts.objection": ("objection", "pk"),
    "cohorts.rightsrequest": ("rights_request", "pk"),
    "cohorts.round": ("round", "reference"),
    "cohorts.upload": ("upload", "reference"),
    "cohorts.agreement": ("agreement", "pk"),
    "staff.user": ("colleague", "pk"),
    "transfers.submission": ("submission", "reference"),
}


def instant(at: datetime) -> str:
    """When, to the second, in the time of London."""
    # The day in one piece: a narrow column would break it into three.
    return f"{at.astimezone(LONDON):%-d\N{NO-BREAK SPACE}%B\N{NO-BREAK SPACE}%Y, %H:%M:%S}"


def row(entry: Entry) -> list[object]:
    """A row of a list (COLUMNS)."""
    return [opening(entry), sentence(entry), whence(entry), short(entry.reference), why(entry)]


def opening(entry: Entry) -> SafeString:
    """When it was, as the link that opens it."""
    return link(instant(entry.timestamp), reverse("trail_entry", args=[entry.pk]), f"entry {entry.pk}")


def sentence(entry: Entry) -> str:
    """The event in words; one that this version no longer knows, by its code."""
    return Event[entry.event].sentence if entry.event in Event.__members__ else in_words(entry.event)


def whence(entry: Entry) -> str:
    """Who, in which role, from which address."""
    who = in_role(entry.who, entry.role)
    return f"{who}, {entry.remote_addr}" if entry.remote_addr else who


def short(reference: str) -> str:
    """A reference; of a fingerprint, its beginning."""
    return f"{reference[:SHOWN]}…" if FINGERPRINT.fullmatch(reference) else reference


def why(entry: Entry) -> str:
    """The reason that was given, or those why something was refused."""
    return entry.reason or refusals(entry)


def refusals(entry: Entry) -> str:
    """Why it was refused, in words; nothing where it was not."""
    return " ".join(_sentence(code) for code in (entry.additional_data or {}).get("reasons", []))


def about(entry: Entry) -> str:
    """The kind of record, and its reference."""
    return f"{kind(entry.record)} {entry.reference}".strip()


def href(record: str, reference: str, key: str, user: User) -> str:
    """Where a record is opened; nothing where it has no page, or this person may not open it."""
    route, named_by = PAGES.get(record, ("", ""))
    name = key if named_by == "pk" else reference
    try:
        where = reverse(route, args=[name]) if name else ""
    except NoReverseMatch:
        return ""
    permissions = getattr(resolve(where).func, "permissions", ()) if where else ()
    return where if any(user.may(permission) for permission in permissions) else ""


def changes(entry: Entry, user: User | None = None) -> Iterator[list[object]]:
    """What changed: record, act, field, before and after, as recorded; a link where this person may open the record."""
    for change in entry.changes or []:
        whose = f"{kind(change['record'])} {change['reference']}"
        where = href(change["record"], change["reference"], "", user) if user else ""
        for field, value in change["fields"].items():
            yield [link(whose, where) if where else whose, in_words(change["act"]), in_words(field), *_both(value)]


def details(entry: Entry) -> Iterator[tuple[str, str]]:
    """Whatever else was recorded, by name."""
    for name, value in (entry.additional_data or {}).items():
        if name != "reasons":
            yield in_words(name), in_a_line(value)


def kind(record: str) -> str:
    """A kind of record as people call it; what is no record of ours (a page, a command) is called what it is."""
    app, _, model = record.partition(".")
    if not model or app not in apps.app_configs or model not in apps.all_models[app]:
        return in_words(record)
    return str(apps.get_model(record)._meta.verbose_name).capitalize()


def in_a_line(value: Any) -> str:
    """A detail, whatever its shape."""
    if isinstance(value, dict):
        return ", ".join(f"{in_words(str(name))}: {in_a_line(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(in_a_line(each) for each in value)
    return str(value)


def _sentence(code: str) -> str:
    return Reason[code].sentence if code in Reason.__members__ else f"{in_words(code)}."


def _both(value: Any) -> tuple[str, str]:
    """What a field was and is. Of a masked one only that it changed was kept; of a relation, what came or went."""
    if isinstance(value, list) and len(value) == 2:
        if trail.MASK in value:
            return MASKED, f"{MASKED}, but changed"
        return _of_field(value[0]), _of_field(value[1])
    return "", in_a_line(value)


def _of_field(value: Any) -> str:
    return "Empty" if value in (None, "None", "") else str(value)
