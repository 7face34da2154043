"""Signing off a month: somebody of information governance looked at the promises, the trail, refusals and what is late.

What stood on the page at that moment is kept with who signed, when, and their note; it is never changed.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count

from cohorts import queries, rights_register, unfinished
from cohorts.rules.answer import Clock, clock
from cohorts.rules.clocks import LONDON
from connecting_families.audit import seal, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.governance import checking, sifting, verification
from connecting_families.governance.models import PromiseOutcome, SignOff
from connecting_families.governance.promises import ends, law
from transfers import certificates, council
from transfers.models import Withdrawal
from transfers.rules import withdrawing

REFUSALS = tuple(event.name for event in Event if event.name.endswith(("_REFUSED", "_FAILED")))


class NotSigned(Refused):
    """Signing off a month was refused."""

    event = Event.SIGN_OFF_REFUSED


class Month(NamedTuple):
    """A month that is over, by its first day, and how it was signed off; None where it was not."""

    first: date
    signed: SignOff | None


def months(at: datetime) -> list[Month]:
    """Every month that is over since the promises were first checked, the newest first."""
    began = PromiseOutcome.objects.order_by("pk").values_list("checked_at", flat=True).first()
    if began is None:
        return []
    signed = {row.month: row for row in SignOff.objects.all()}
    this = at.astimezone(LONDON).date().replace(day=1)
    over = list(_from(began.astimezone(LONDON).date().replace(day=1), this))
    return [Month(first, signed.get(first)) for first in reversed(over)]


def missing(at: datetime) -> list[date]:
    """The months that are over and were not signed off, the newest first."""
    return [month.first for month in months(at) if month.signed is None]


def stood(month: date, at: datetime) -> dict[str, Any]:
    """What stands on the page at this instant: counts, codes, and instants; nothing of it describes a person."""
    standing = checking.standing(at)
    verified = verification.last()
    today = at.astimezone(LONDON).date()
    waiting = queries.undecided_objections(at).values_list("received_at", flat=True)
    withdrawals = Withdrawal.objects.filter(acknowledged_at=None)
    return {
        "promises": {
            "kept": [each.promise.number for each in standing if each.kept],
            "broken": {str(each.promise.number): [fault["code"] for fault in each.outcome.faults]
                       for each in standing if each.outcome and not each.outcome.kept},
            "not checked": [each.promise.number for each in standing if each.outcome is None or each.old],
            "last check": _instant(max((each.outcome.checked_at for each in standing if each.outcome), default=None)),
        },
        "trail": {
            "last verification": verified.state if verified else "never",
            "ended": _instant(verified.ended_at) if verified else "",
            "whole entries": verified.sealed if verified else None,
            "faults": [fault["code"] for fault in verified.faults] if verified else [],
        },
        "refusals": _refusals(month),
        "flags": {
            "looks to look into": sifting.to_check().count(),
            "flags of families to review": unfinished.flags_to_review(at).count(),
        },
        "overdue": {
            "objections": sum(clock(each, today) is Clock.OVERDUE for each in waiting),
            "objections that name nobody on file": queries.standing_unmatched_objections(at),
            "objections to look at again": len(queries.rechecks_due(at)),
            "withdrawals": sum(
                bool(withdrawing.overdue(row.made_at, row.sent_at, row.acknowledged_at, at)) for row in withdrawals
            ),
            "questions and requests": rights_register.counts(at).overdue,
            "copies to be destroyed": ends.overdue(today),
            "keys and certificates": len([*certificates.ending(at), *council.ending(at)]),
            "reviews": len(law.check_law(at)),
        },
    }  # fmt: skip


def digest(of: dict[str, Any]) -> str:
    """SHA-256 of what stood there, in hex: of JSON with sorted keys, without spaces, in UTF-8."""
    text = json.dumps(of, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def reasons_against(month: date, at: datetime) -> list[Why]:
    """Why this month is not signed off now; nothing where it may be."""
    # In this order: whoever signs it at this moment has signed it by the second question.
    if month in missing(at):
        return []
    if SignOff.objects.filter(month=month).exists():
        return [Why("SIGNED_ALREADY", "This month was signed off already. What was signed is never changed.")]
    return [
        Why("NO_SUCH_MONTH", "A month is signed off once it is over, from the first in which promises were checked.")
    ]


@trail.stage
def sign(*, month: date, note: str, seen: str, by: Who, at: datetime) -> SignOff:
    """Sign a month off (by its first day); `seen` is the digest of what stood on the page of whoever signs.

    Raises NotSigned: not over yet, signed already, no note, or something stands otherwise by now.
    """
    reasons = reasons_against(month, at)
    if not note.strip():
        reasons.append(Why("NO_NOTE", "Write what you found, and what follows from it."))
    there = stood(month, at)
    if not reasons and seen != digest(there):
        sentence = "Something changed while you had this open. Look at what stands there now, and sign again."
        reasons.append(Why("CHANGED_MEANWHILE", sentence))
    if reasons:
        raise NotSigned(reasons, record="governance.signoff", reference=f"{month:%Y-%m}")
    checkpoint = seal.newest()
    there["checkpoint"] = {"entries": checkpoint.size, "root": bytes(checkpoint.root).hex()} if checkpoint else {}
    try:
        with transaction.atomic():
            row = SignOff.objects.create(
                month=month, signed_at=at, signed_by=by.reference, note=note.strip(), stood=there, digest=digest(there)
            )
    except IntegrityError:
        raise NotSigned(reasons_against(month, at), record="governance.signoff", reference=f"{month:%Y-%m}") from None
    trail.record(
        Event.PROMISES_SIGNED_OFF, who=by, at=at, about=row,
        details={"digest": row.digest, "broken": there["promises"]["broken"], "overdue": there["overdue"]},
    )  # fmt: skip
    return row


def _refusals(month: date) -> dict[str, int]:
    """How often what was refused in a month, by the event."""
    first = datetime.combine(month, time(), LONDON)
    found = Entry.objects.filter(
        event__in=REFUSALS, timestamp__gte=first, timestamp__lt=datetime.combine(_next(month), time(), LONDON)
    )
    counts = found.order_by().values("event").annotate(count=Count("pk")).values_list("event", "count")
    return dict(sorted(counts))


def _from(first: date, until: date) -> Iterator[date]:
    while first < until:
        yield first
        first = _next(first)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _instant(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
