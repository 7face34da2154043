"""The page of the promises: each with the control that keeps it, its evidence now, and what its last check found."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts.models import Agreement, NoticeVersion
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance import checking, tasks
from connecting_families.governance.checking import Standing
from connecting_families.governance.promises import law
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment, polls

COLUMNS = [Column("Promise"), Column("How it stands"), Column("Last check"), Column("What is wrong", wide=True)]
COLOURS = {"Kept": "green", "Broken": "red", "Not checked yet": "orange", "Not checked lately": "orange"}
PARTS = (("promises", "Promises"), ("months", "Months signed off"))


@opened_by(Permission.ANSWER_FOR_PROMISES)
def promises(request: HttpRequest) -> HttpResponse:
    """All thirteen, the broken ones first in the summary; opening them is recorded. While a worker checks: how far."""
    at, waits = timezone.now(), checking.asked()
    if polls(request):
        return render(request, "governance/checking.html", _progress(waits)) if waits else HttpResponse(status=204)
    standing = checking.standing(at)
    broken = [each for each in standing if not each.kept]
    with trail.act():
        details = {"broken": [each.promise.number for each in broken]}
        trail.record(Event.PROMISES_VIEWED, who=acting(request), at=at, record="page", details=details)
    context = {
        "title": "Promises", "parts": parts("promises"), "summary": table(standing, "How they stand"),
        "are_kept": len(standing) - len(broken), "of": len(standing), "at": moment(at),
        "waits": waits is not None, "promises": [_shown(each, at) for each in standing],
        "to_review": [link(_named(row), law.page(row)) for row in law.never_reviewed(at)],
    }  # fmt: skip
    return render(request, "governance/promises.html", context | (_progress(waits) if waits else {}))


def _progress(waits: Entry) -> dict[str, Any]:
    """How far the workers are with the check that somebody asked for."""
    far = checking.progress()
    at_it = f"A worker has checked {far.done} of {far.total}." if far else "It waits for a worker."
    label = (
        f"{waits.who} asked for a check on {moment(waits.timestamp)}. {at_it} You may leave this page and come back."
    )
    return {"poll_url": reverse("promises"), "label": label, "done": far.done if far else None,
            "total": far.total if far else None}  # fmt: skip


def _named(row: NoticeVersion | Agreement) -> str:
    return f"{'Notice version' if isinstance(row, NoticeVersion) else 'Agreement'} {row}"


@require_POST
@opened_by(Permission.ANSWER_FOR_PROMISES)
def check(request: HttpRequest) -> HttpResponse:
    """Have the workers check every promise now; pressed twice, once."""
    if checking.asked() is None:
        checking.request(by=acting(request), at=timezone.now())
    transaction.on_commit(tasks.check_the_promises.delay, robust=True)
    return redirect("promises")


def table(standing: list[Standing], caption: str) -> Table:
    """A summary, those first that are not kept."""
    here = reverse("promises")
    rows = [
        [
            link(f"{each.promise.number}. {each.promise.title}", f"{here}#promise-{each.promise.number}"),
            tag(each.words, COLOURS[each.words]),
            moment(each.outcome.checked_at) if each.outcome else "Never",
            " ".join(fault["sentence"] for fault in each.outcome.faults) if each.outcome else "",
        ]
        for each in sorted(standing, key=lambda it: (it.kept, it.promise.number))
    ]
    return Table(caption, COLUMNS, rows, empty="Every promise is kept.")


def parts(here: str) -> list[dict[str, Any]]:
    """The pages of the promises."""
    return [{"text": text, "href": reverse(name), "active": name == here} for name, text in PARTS]


def _shown(each: Standing, at: Any) -> dict[str, Any]:
    last = each.outcome
    evidence = [(it.label, link(it.value, it.href) if it.href else it.value) for it in each.promise.evidence(at)]
    return {
        "number": each.promise.number, "title": each.promise.title, "promise": each.promise.promise,
        "tag": tag(each.words, COLOURS[each.words]), "faults": last.faults if last else [],
        "kept_by": facts(
            ("What keeps it", each.promise.control),
            ("Where that is in the program", ", ".join(each.promise.where)),
            ("Last check", f"{moment(last.checked_at)} by {last.checked_by}" if last else "Never"),
        ),
        "evidence": facts(*evidence),
    }  # fmt: skip
