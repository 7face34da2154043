"""Whether the trail is whole: the newest checkpoint, to be compared by hand, and verifying all of it."""

import base64
import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from connecting_families.audit import restored, seal, signing, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.signing import TrailRefused
from connecting_families.governance import tasks, told
from connecting_families.governance import verification as stage
from connecting_families.governance.models import Verification
from connecting_families.governance.views import parts
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, in_role, moment, polls

FAULTS = [Column("What is wrong"), Column("Code"), Column("Entry")]
TIMES = [Column("When"), Column("What came of it"), Column("Who")]
COLOURS = {Verification.WHOLE: "green", Verification.BROKEN: "red", Verification.FAILED: "orange"}
VERIFIED = (Event.TRAIL_VERIFIED.name, Event.TRAIL_BROKEN.name, Event.TRAIL_REFUSED.name)
SHOWN = 10


@opened_by(Permission.SEE_TRAIL)
def verification(request: HttpRequest) -> HttpResponse:
    """The newest checkpoint and the key, and what came of verifying; while a worker is at it, how far it is."""
    under_way = Verification.objects.filter(state=Verification.ASKED).first()
    if polls(request):
        return _part(request, under_way) if under_way else HttpResponse(status=204)
    with trail.act():
        trail.record(Event.TRAIL_VIEWED, who=acting(request), at=timezone.now(), record="governance.verification")
    last = Verification.objects.exclude(state=Verification.ASKED).order_by("-pk").first()
    context = {
        "title": "Verification of the trail", "parts": parts("verification"), "state": seal.state(timezone.now()),
        "under_way": under_way, "last": last, "result": _result(last) if last else [],
        "faults": _faults(last) if last and last.faults else None,
        "restores": restored.sentences(), "checkpoint": _checkpoint(),
        "note": seal.newest_note(), "key": _key(last), "times": _times(),
    }  # fmt: skip
    return render(request, "governance/verification.html", context | (_progress(under_way) if under_way else {}))


@require_POST
@opened_by(Permission.SEE_TRAIL)
def verify(request: HttpRequest) -> HttpResponse:
    """Have the workers verify the whole trail; pressed twice, once."""
    row = stage.request(by=acting(request), at=timezone.now())
    hand_over(tasks.verify_the_trail.delay, row.pk)
    return redirect("verification")


def _part(request: HttpRequest, row: Verification) -> HttpResponse:
    return render(request, "governance/verifying.html", _progress(row))


def _progress(row: Verification) -> dict[str, Any]:
    far = stage.progress(row)
    label = (
        f"A worker has read {far.done:,} of {far.total:,} sealed entries. You may leave this page and come back."
        if far
        else "It waits for a worker. You may leave this page and come back."
    )
    bar = {"done": far.done, "total": far.total} if far and far.total else {"done": None, "total": None}
    return {"poll_url": reverse("verification"), "label": label, **bar}


def _result(row: Verification) -> list[dict[str, Any]]:
    counts = row.sealed is not None
    return facts(
        ("What came of it", tag(Verification.STATES[row.state], COLOURS[row.state])),
        ("Why it failed", row.failure),
        ("Asked for", f"{moment(row.asked_at)} by {row.asked_by}"),
        ("Ended", moment(row.ended_at)),
        ("Entries that are whole", f"{row.sealed:,}" if counts else ""),
        ("Our own checkpoints that they were held against", f"{row.checkpoints:,}" if counts else ""),
        ("Checkpoints outside that they were held against", f"{row.held:,}" if counts else ""),
        ("Entries that waited to be sealed", f"{row.waiting:,}" if counts else ""),
    )


def _faults(row: Verification) -> Table:
    rows = [
        [each["sentence"], each["code"], _entry(each["entry"]) if each["entry"] is not None else ""]
        for each in row.faults
    ]  # fmt: skip
    return Table("What is wrong, the first entry first", FAULTS, rows)


def _entry(number: int) -> object:
    there = Entry.objects.filter(pk=number).exists()
    return link(f"Entry {number}", reverse("trail_entry", args=[number])) if there else f"Entry {number}, gone"


def _checkpoint() -> list[dict[str, Any]]:
    row = seal.newest()
    if row is None:
        return []
    handed = getattr(row, "handover", None)
    return facts(
        ("Sealed", moment(row.at)),
        ("Entries in it", f"{row.size:,}"),
        ("Root, as the note has it", exact(base64.b64encode(bytes(row.root)).decode())),
        ("Root, in hexadecimal digits", exact(bytes(row.root).hex())),
        ("Written outside", moment(handed.at) if handed else "Not yet"),
        ("As the file", exact(seal.file_name(row))),
    )


def _key(last: Verification | None) -> list[dict[str, Any]]:
    """The verifier key; where the site itself may not open it, as the workers had it when they last verified."""
    try:
        vkey, whence = str(signing.verifier_keys()[0]), ""
    except TrailRefused as refusal:
        vkey, whence = (last.vkey if last else ""), str(refusal)
    if not vkey:
        return facts(("Key", whence))
    public = base64.b64decode(vkey.split("+", 2)[2])[1:]
    found = hashlib.sha256(public).hexdigest()
    return facts(
        ("Verifier key", exact(vkey)),
        ("Fingerprint (SHA-256 of the public key)", " ".join(found[at : at + 4] for at in range(0, 64, 4))),
        ("How it is known", f"As the workers had it when they last verified. {whence}" if whence else ""),
    )


def _times() -> Table:
    """The last times, at the prompt included."""
    rows = [
        [told.opening(e), _came(e), in_role(e.who, e.role)]
        for e in Entry.objects.filter(event__in=VERIFIED).order_by("-timestamp", "-id")[:SHOWN]
    ]  # fmt: skip
    return Table("The last times, at the prompt included", TIMES, rows, empty="It was never verified.")


def _came(entry: Entry) -> str:
    codes = ", ".join((entry.additional_data or {}).get("faults", []))
    return f"{told.sentence(entry)}{': ' if codes else ''}{codes}"
