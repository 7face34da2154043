"""Proof of a submission: what left, when, to whom, by whose hands, and that the trail has held it so ever since.

For auditors. It describes no person: counts, digests, references of staff and of records. docs/proof.md says what each
part means and how it is checked without this program.
"""

import base64
import json
from datetime import datetime
from typing import Any

from django.conf import settings

from connecting_families.audit import proofs, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who
from transfers import council, doors, explained
from transfers.models import RecipientCertificate, Submission, Withdrawal

SPEC = "connecting-families/proof/1"


class NotProven(Refused):
    """A proof could not be made."""

    event = Event.PROOF_REFUSED


def told_of(row: Submission) -> list[Entry]:
    """What the trail tells of a submission and its withdrawals, as it was written; who only looked is left out."""
    about = [("transfers.submission", row.name)]
    about += [("transfers.withdrawal", name) for name in row.withdrawals.values_list("name", flat=True)]
    reads = [event.name for event in Event if event.reads and event is not Event.SAMPLE_VIEWED]
    return list(trail.entries_about(about).exclude(event__in=reads).order_by("id"))


@trail.stage
def prove(*, submission: Submission, by: Who, at: datetime) -> tuple[bytes, bytes]:
    """The proof as canonical JSON (keys sorted, UTF-8, one line), and the council's detached CMS signature over it.

    Raises NotProven where it was never sealed, or the council's key may not sign, and TrailRefused where the trail's
    key cannot be opened.
    """
    row = doors.locked(submission.pk)
    signer, reasons = council.signer(at)
    if reasons or signer is None:
        raise NotProven(reasons, record="transfers.submission", reference=row.name)
    found = of(row, at)
    data = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    details = {"checkpoint": bool(found["trail"]["checkpoint"]), "entries": len(found["trail"]["entries"])}
    trail.record(Event.PROOF_DOWNLOADED, who=by, at=at, about=row, details=details)
    return data, signer.sign(data)


def of(row: Submission, at: datetime) -> dict[str, Any]:
    """What the proof says. Raises NotProven where the submission was never sealed."""
    if row.sealed_at is None:
        raise NotProven([doors.not_sealed(row)], record="transfers.submission", reference=row.name)
    entries = told_of(row)
    proven = proofs.of([entry.pk for entry in entries])
    return {
        "spec": SPEC,
        "made_at": at.isoformat(),
        "submission": row.name,
        "stage": row.stage,
        "la_code": settings.CF_LA_CODE,
        "round": row.round.code,
        "cut_off": row.round.cut_off.isoformat(),
        "agreement": row.round.agreement.reference,
        "datasets": list(row.cohort.datasets),
        "framework": f"{row.round.framework} {row.cohort.framework_version}",
        "rule_set": row.cohort.rule_set,
        "cohort_digest": row.cohort.digest,
        "content_sha256": row.content_sha256,
        "content": row.content,
        "counts": row.counts,
        "findings": [it._asdict() for it in explained.covered(row)],
        "sealed_at": _instant(row.sealed_at),
        "sealed_files": row.sealed_files,
        "certificates": _certificates(row),
        "attempts": [_attempt(each) for each in row.delivery_attempts.order_by("id")],
        "sent_at": _instant(row.sent_at),
        "receipt": _receipt(row),
        "withdrawals": [_withdrawal(each) for each in row.withdrawals.order_by("number")],
        "trail": {
            "checkpoint": proven.checkpoint,
            "verifier_keys": proven.verifier_keys,
            "entries": [
                {
                    "entry": each.entry, "position": each.position, "data": each.data.decode(),
                    "path": [base64.b64encode(step).decode() for step in each.path],
                }
                for each in proven.proven
            ],
            "not_sealed_yet": proven.waiting,
        },
    }  # fmt: skip


def _certificates(row: Submission) -> list[dict[str, Any]]:
    """Those for which it was sealed: accepted by two people by then, in date, and not revoked."""
    at = row.sealed_at
    accepted = RecipientCertificate.objects.filter(
        recipient__in=row.round.recipients, second_accepted_by__isnull=False, second_accepted_at__lte=at,
        valid_from__lte=at, valid_to__gte=at,
    ).exclude(revoked_at__lte=at)  # fmt: skip
    return [
        {"recipient": each.recipient, "purpose": each.purpose, "format": each.format, "fingerprint": each.fingerprint}
        for each in accepted.order_by("id")
    ]


def _attempt(each: Any) -> dict[str, Any]:
    return {
        "channel": each.channel, "host": each.host, "host_key": each.host_key, "by": each.attempted_by,
        "attempted_at": _instant(each.attempted_at), "outcome": each.outcome, "reason": each.reason,
        "files_arrived": each.files_arrived, "settled_at": _instant(each.settled_at),
    }  # fmt: skip


def _receipt(row: Submission) -> dict[str, Any] | None:
    receipt = getattr(row, "receipt", None)
    if receipt is None:
        return None
    return {
        "sha256": receipt.sha256, "received_at": _instant(receipt.received_at),
        "taken_in_at": _instant(receipt.taken_in_at), "taken_in_by": receipt.taken_in_by, "files": receipt.files,
        "rejections": receipt.rejections,
    }  # fmt: skip


def _withdrawal(each: Withdrawal) -> dict[str, Any]:
    return {
        "name": each.name, "counts": each.counts, "made_at": _instant(each.made_at),
        "sealed_at": _instant(each.sealed_at), "sealed_files": each.sealed_files, "sent_at": _instant(each.sent_at),
        "attempts": [_attempt(attempt) for attempt in each.delivery_attempts.order_by("id")],
        "acknowledged_at": _instant(each.acknowledged_at), "acknowledgement_sha256": each.acknowledgement_sha256,
    }  # fmt: skip


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
