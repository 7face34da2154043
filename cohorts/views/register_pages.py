"""What the pages of all registers share: where they are, the days of a record in words, and its history."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.db import models
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from connecting_families.audit import trail
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.staff.views import in_role, in_words

PARTS = {
    "agreements": "Agreements", "datasets": "Departments and datasets", "notice_versions": "Notice versions",
    "frameworks": "Frameworks",
}  # fmt: skip


def parts(here: str) -> list[dict[str, object]]:
    """The registers, for the sub-navigation."""
    return [{"text": text, "href": reverse(name), "active": name == here} for name, text in PARTS.items()]


def day(value: date | None) -> str:
    """A day in words; empty for none."""
    return f"{value:%-d %B %Y}" if value else ""


def span(first: date, until: date | None) -> str:
    """From a day until the day before another, in words."""
    last = f" to {day(until - timedelta(days=1))}, the day included" if until else ", without an end"
    return f"{day(first)}{last}"


def history(row: models.Model) -> list[dict[str, Any]]:
    """What the trail tells of a record, the newest first: who, when, why, and which fields changed from what."""
    label = row._meta.label_lower
    entries = Entry.objects.filter(record=label, reference=str(row), changes__isnull=False).order_by("-id")
    return [
        {
            "title": entry.sentence,
            "by": in_role(entry.who, entry.role),
            "at": entry.timestamp,
            "text": " ".join([*_changes(entry, label), f"Why: {entry.reason}" if entry.reason else ""]).strip(),
        }
        for entry in entries
    ]


def _changes(entry: Entry, label: str) -> list[str]:
    own = [change for change in entry.changes or [] if change["record"] == label and change["act"] == "changed"]
    return [f"{in_words(name)}: {_both(value)}." for change in own for name, value in change["fields"].items()]


def _both(value: Any) -> str:
    was, became = (str(each) for each in value)
    if trail.MASK in (was, became):
        return "changed"
    return f"from {_of_field(was)} to {_of_field(became)}"


def _of_field(text: str) -> str:
    return "nothing" if text in ("", "None", "[]") else text


def ask(
    request: HttpRequest, form: Form, act: Any, *, done: str, to: str, page: Mapping[str, object]
) -> HttpResponse | HttpResponseRedirect:
    """A form that asks for one act: what speaks against it stands at the top, and what was typed stays.

    Where somebody changed the record meanwhile the form says so, and carries on from what there is now.
    """
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
            if "seen" in form.fields:
                typed = request.POST.copy()
                typed["seen"] = form.initial["seen"]
                form.data = typed
        else:
            messages.success(request, done)
            return redirect(to)
    return render(request, "kit/form_page.html", {**page, "form": form})
