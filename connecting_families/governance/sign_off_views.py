"""Pages of the months: which were signed off and which were not, what stood there, and signing one."""

import re
from collections import Counter
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.governance import signing_off
from connecting_families.governance.forms import SignOffForm
from connecting_families.governance.models import SignOff, Verification
from connecting_families.governance.promises.table import BY_NUMBER
from connecting_families.governance.promises_views import parts
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_words, moment

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)
MONTHS = [Column("Month"), Column("State"), Column("Signed off"), Column("By")]
STOOD = [Column("What"), Column("How it stood")]


@opened_by(Permission.ANSWER_FOR_PROMISES)
def months(request: HttpRequest) -> HttpResponse:
    """Every month that is over, the newest first; one that nobody signed is said."""
    found = signing_off.months(timezone.now())
    rows = [
        [link(in_month(each.first), reverse("signed_month", args=[f"{each.first:%Y-%m}"])), tag("Signed off", "green"),
         moment(each.signed.signed_at), each.signed.signed_by]
        if each.signed
        else [link(in_month(each.first), reverse("sign_month", args=[f"{each.first:%Y-%m}"]), "sign it off"),
              tag("Missing", "red"), "", ""]
        for each in found
    ]  # fmt: skip
    empty = "No month is over yet since the promises were first checked."
    context = {
        "title": "Months signed off", "parts": parts("months"), "missing": sum(each.signed is None for each in found),
        "table": Table("Months", MONTHS, rows, empty=empty),
    }  # fmt: skip
    return render(request, "governance/months.html", context)


@opened_by(Permission.ANSWER_FOR_PROMISES)
def month(request: HttpRequest, month: str) -> HttpResponse:
    """What stood there when a month was signed off; opening it is recorded."""
    row = get_object_or_404(SignOff, month=_first(month))
    with trail.act():
        trail.record(Event.SIGN_OFF_VIEWED, who=acting(request), at=timezone.now(), about=row)
    context = {
        "title": in_month(row.month), "caption": "Month signed off", "back_href": reverse("months"),
        "facts": facts(
            ("Signed off", f"{moment(row.signed_at)} by {row.signed_by}"),
            ("Note", row.note),
            ("Digest of what stood there", exact(row.digest)),
        ),
        "tables": _tables(row.stood),
    }  # fmt: skip
    return render(request, "governance/month.html", context)


@opened_by(Permission.ANSWER_FOR_PROMISES)
def sign(request: HttpRequest, month: str) -> HttpResponse:
    """Shows how a month stands, and takes the signature of whoever looked at it."""
    first = _first(month)
    at = timezone.now()
    stood = signing_off.stood(first, at)
    form = SignOffForm(request.POST or None, initial={"seen": signing_off.digest(stood)})
    if request.method == "POST" and form.is_valid():
        try:
            signing_off.sign(month=first, **form.cleaned_data, by=acting(request), at=at)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
            _now(form, request)
        else:
            messages.success(request, f"{in_month(first)} is signed off.")
            return redirect("signed_month", f"{first:%Y-%m}")
    context = {
        "title": f"Sign off {in_month(first)}", "caption": "Promises", "back_href": reverse("months"), "form": form,
        "submit": "Sign it off", "tables": _tables(stood), "reasons": signing_off.reasons_against(first, at),
    }  # fmt: skip
    return render(request, "governance/sign_off.html", context)


def _now(form: forms.Form, request: HttpRequest) -> None:
    """What was typed stays, and goes with what stands there by now."""
    typed = request.POST.copy()
    typed["seen"] = form.initial["seen"]
    form.data = typed


def in_month(first: date) -> str:
    """A month in words."""
    return f"{first:%B %Y}"


def _first(month: str) -> date:
    """The first day of a month of an address. Raises Http404 for what is none."""
    if not MONTH.fullmatch(month):
        raise Http404
    return date.fromisoformat(f"{month}-01")


def _tables(stood: dict[str, Any]) -> list[Table]:
    of = stood["promises"]
    broken = [
        [f"{number}. {BY_NUMBER[int(number)].title}" if int(number) in BY_NUMBER else number,
         f"Broken: {_counted(codes)}"]
        for number, codes in of["broken"].items()
    ]  # fmt: skip
    promises = [
        *broken,
        ["Kept", _numbers(of["kept"])],
        ["Not checked, or not lately", _numbers(of["not checked"])],
        ["Last check", _moment(of["last check"])],
    ]
    whole = stood["trail"]
    sealed: list[list[object]] = [
        ["What came of the last verification", in_words(whole["last verification"])],
        ["When it ended", _moment(whole["ended"])],
        [
            "Entries that were whole",
            f"{whole['whole entries']:,}" if whole["whole entries"] is not None else "Not known",
        ],
        ["What was wrong", _wrong(whole)],
    ]
    if stood.get("checkpoint"):
        sealed.append(["Newest checkpoint", f"{stood['checkpoint']['entries']:,} entries"])
        sealed.append(["Its root", exact(stood["checkpoint"]["root"])])
    refusals = [[Event[code].sentence if code in Event.__members__ else in_words(code), count]
                for code, count in stood["refusals"].items()]  # fmt: skip
    return [
        Table("Promises", STOOD, promises),
        Table("The trail", STOOD, sealed),
        Table("What was refused in the month", STOOD, refusals, empty="Nothing was refused in the month."),
        Table("Flags", STOOD, [[in_words(name), count] for name, count in stood["flags"].items()]),
        Table("What is late, or waits", STOOD, [[in_words(name), count] for name, count in stood["overdue"].items()]),
    ]


def _counted(codes: list[str]) -> str:
    """Codes in words, each once, with how often it was found."""
    return ", ".join(
        f"{in_words(code).lower()} ({count})" if count > 1 else in_words(code).lower()
        for code, count in Counter(codes).items()
    )


def _wrong(whole: dict[str, Any]) -> str:
    """What a verification found; where none was made, or it failed, nothing is known."""
    if whole["last verification"] in (Verification.WHOLE, Verification.BROKEN):
        return _counted(whole["faults"]) or "Nothing"
    return "Not known"


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "None"


def _moment(text: str) -> str:
    return moment(datetime.fromisoformat(text)) if text else "Never"
