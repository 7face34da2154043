"""Proof of a submission: what left, when, to whom, by whose hands, and that the trail has held it so ever since.

For auditors. It describes no person: counts, digests, references of staff and of records. docs/proof.md says what each
part means and how it is checked without this program.
"""

import base64
import json
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from connecting_families.audit import proofs, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import council, explained
from transfers.models import RecipientCertificate, Submission, Withdrawal

SPEC = "connecting-families/proof/1"


class NotProven(Refused):
    """A proof could not be made."""

    event = Event.PROOF_REFUSED


def _told_of(row: Submission) -> list[Entry]:
    """What the trail tells of a submission and its withdrawals, as it was written; who only looked is left out."""
    about = [("transfers.submission", row.name)]
    about += [("transfers.withdrawal", name) for name in row.withdrawals.values_list("name", flat=True)]
    reads = [event.name for event in Event if event.reads and event is not Event.SAMPLE_VIEWED]
    return list(trail.entries_about(about).exclude(event__in=reads).order_by("id"))


class Proof(NamedTuple):
    """What a proof says, and the entries of the trail of which it tells."""

    said: dict[str, Any]
    entries: list[Entry]


@trail.stage
def view(*, submission: Submission, by: Who, at: datetime) -> Proof:
    """The proof, for somebody to read. Raises NotProven, and TrailRefused where the trail's key cannot be opened."""
    found = _of(submission, at)
    trail.record(Event.PROOF_VIEWED, who=by, at=at, about=submission)
    return found


@trail.stage
def prove(*, submission: Submission, by: Who, at: datetime) -> tuple[bytes, bytes]:
    """The proof as canonical JSON (keys sorted, UTF-8, one line), and the council's detached CMS signature over it.

    Raises as `view` does, and NotProven where the council's key may not sign.
    """
    signer, reasons = council.signer(at)
    if reasons or signer is None:
        raise NotProven(reasons, record="transfers.submission", reference=submission.name)
    found = _of(submission, at).said
    data = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    details = {"checkpoint": bool(found["trail"]["checkpoint"]), "entries": len(found["trail"]["entries"])}
    trail.record(Event.PROOF_DOWNLOADED, who=by, at=at, about=submission, details=details)
    return data, signer.sign(data)


def _of(row: Submission, at: datetime) -> Proof:
    if row.sealed_at is None:
        stands = row.at_stage.value.lower()
        why = Why("NOT_SEALED", f"The submission is {stands} and was never sealed: nothing of it left.")
        raise NotProven([why], record="transfers.submission", reference=row.name)
    entries = _told_of(row)
    return Proof(_said(row, proofs.of([entry.pk for entry in entries]), at), entries)


def _said(row: Submission, proven: proofs.Proofs, at: datetime) -> dict[str, Any]:
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
