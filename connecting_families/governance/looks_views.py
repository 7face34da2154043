"""Who looked at a person, and who searched for a name. Looking that up needs a reason, and is recorded with it.

What was typed stands in no address: a reference, or a name as keyed HMACs of its words, stays in the session of whoever
typed it, with the reason, under a key that is drawn for it. Each opening of what was found is an entry of its own.
"""

import secrets
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance import entries, looks, told
from connecting_families.governance.forms import NameForm, PersonForm
from connecting_families.governance.views import beside, number_of, parts
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission

LOOKED_UP = "looked_up"
KEPT = 20
"""So many of the last questions of a session are kept."""
NOBODY = "Nobody on file has this reference, and the trail tells of nobody. Check it."
LOOKS = [Column("When"), Column("Who, and from where"), Column("What"), Column("How they came to it"), Column("Why")]
SEARCHES = [Column("When"), Column("Who, and from where"), Column("What"), Column("People found", numeric=True),
            Column("Who was shown"), Column("Why")]  # fmt: skip


@opened_by(Permission.SEE_TRAIL)
def who_looked(request: HttpRequest) -> HttpResponse:
    """Ask for a person, by reference (`?reference=`, where a page led here from one), and why."""
    named = request.GET.get("reference", "")
    form = PersonForm(request.POST or None, named=named)
    if request.method == "POST" and form.is_valid():
        reference = named or form.cleaned_data["reference"]
        if looks.whom(reference) is not None:
            return redirect("looks_at_person", _kept(request, "who_looked", reference, form.cleaned_data["reason"]))
        form.add_error(None if named else "reference", NOBODY)
    return _ask(request, form, "who_looked", "Who looked at a person", f"Person {named}" if named else "")


@opened_by(Permission.SEE_TRAIL)
def who_searched(request: HttpRequest) -> HttpResponse:
    """Ask for a name, and why."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = looks.name(form.cleaned_data["name"])
        if asked.terms:
            key = _kept(request, "who_searched", asked.terms, form.cleaned_data["reason"])
            return redirect("searches_for_name", key)
        form.add_error("name", "Enter a name, with letters in it")
    return _ask(request, form, "who_searched", "Who searched for a name")


@opened_by(Permission.SEE_TRAIL)
def looks_at_person(request: HttpRequest, key: str) -> HttpResponse:
    """Every entry in which somebody was shown this person."""
    asked = _asked(request, "who_looked", key)
    found = looks.whom(asked[0]) if asked else None
    if asked is None or found is None:
        return redirect("who_looked")
    page = _page(request, looks.at_person(found))
    with trail.act():
        trail.record(
            Event.LOOKS_AT_PERSON_VIEWED, who=acting(request), at=timezone.now(), record=looks.PERSON,
            reference=found.reference, reason=asked[1],
        )  # fmt: skip
    rows = [
        [told.opening(e), told.whence(e), told.sentence(e), found.how(e), told.why(e)] for e in page.entries
    ]  # fmt: skip
    context = {
        "title": "Who looked at a person", "caption": f"Person {found.reference}", "parts": parts("who_looked"),
        "back_href": reverse("who_looked"), "whom": found, **beside(page, request.GET),
        "table": Table("Who was shown this person", LOOKS, rows, empty="The trail tells of nobody."),
    }  # fmt: skip
    return render(request, "governance/looks.html", context)


@opened_by(Permission.SEE_TRAIL)
def searches_for_name(request: HttpRequest, key: str) -> HttpResponse:
    """Every search for all words of a name, and every time that this was looked up."""
    asked = _asked(request, "who_searched", key)
    if asked is None:
        return redirect("who_searched")
    page = _page(request, looks.for_name(looks.Name(asked[0])))
    with trail.act():
        trail.record(
            Event.SEARCHES_FOR_NAME_VIEWED, who=acting(request), at=timezone.now(), record="search", reason=asked[1],
            details={"terms": asked[0]},
        )  # fmt: skip
    context = {
        "title": "Who searched for a name", "parts": parts("who_searched"), "back_href": reverse("who_searched"),
        **beside(page, request.GET),
        "table": Table("Searches for the name that you typed", SEARCHES, map(_search, page.entries),
                       empty="Nobody searched for it."),
    }  # fmt: skip
    return render(request, "governance/looks.html", context)


def _search(row: Entry) -> list[object]:
    details = row.additional_data or {}
    shown = ", ".join(details.get("people", []))
    return [told.opening(row), told.whence(row), told.sentence(row), details.get("found", ""), shown, told.why(row)]


def _page(request: HttpRequest, found: Any) -> entries.Shown:
    return entries.shown(found, older_than=number_of(request, "older"), newer_than=number_of(request, "newer"))


def _ask(request: HttpRequest, form: BaseForm, here: str, title: str, caption: str = "") -> HttpResponse:
    context = {"title": title, "form": form, "here": here, "parts": parts(here), "caption": caption}
    return render(request, "governance/ask.html", context)


def _kept(request: HttpRequest, what: str, asked: object, reason: str) -> str:
    """The key under which this session keeps what is asked, and why."""
    key = secrets.token_hex(8)
    kept = dict(list(request.session.get(LOOKED_UP, {}).items())[1 - KEPT :])
    request.session[LOOKED_UP] = kept | {key: [what, asked, reason]}
    return key


def _asked(request: HttpRequest, what: str, key: str) -> list[Any] | None:
    """What this session asked under a key, and why; None for what another did, or was asked before others."""
    kept = request.session.get(LOOKED_UP, {}).get(key, [""])
    return list(kept[1:]) if kept[0] == what else None
