"""What a certificate of destruction says: what, how many, how, who, when, digests; and what is not gone yet."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cohorts.rules.clocks import LONDON
from connecting_families.audit.seal import newest_note
from transfers import retaining
from transfers.models import Destruction, Submission
from transfers.rules import retention
from transfers.rules.lifecycle import Stage
from transfers.rules.retention import RetentionFacts

SPEC = "connecting-families/destruction/1"
METHOD = [
    "What was sent was kept encrypted (AES-256-GCM) under a random key of its own, apart from the database.",
    "That key was written over, synced to the disk and removed: no copy can be read any more, wherever one lies.",
    "The encrypted copy, and the sealed packages in our outbox and in our delivery folder, were removed.",
    "Who was in it was deleted from the database: decisions, findings, rejections, withdrawals, explanations.",
    "References of the study that nothing else uses were deleted. Counts, digests and the trail remain.",
]


def said(row: Submission, asked: Destruction, *, before: Stage, at: datetime) -> dict[str, Any]:
    """The certificate of a destruction that ends at `at`; the submission stood at `before`. Describes no person."""
    facts = retaining.facts(row)
    ends, because = retention.ends_on(facts)
    by = retention.act_by(facts)
    if asked.confirmed_by is None:
        raise AssertionError("Nothing is destroyed that was not confirmed.")
    return {
        "spec": SPEC,
        "submission": row.name,
        "council": settings.CF_COUNCIL_NAME,
        "la_code": settings.CF_LA_CODE,
        "round": row.round.code,
        "cut_off": row.round.cut_off.isoformat(),
        "agreement": row.round.agreement.reference,
        "recipients": list(row.round.recipients),
        "stage_before": before.name,
        "counts": row.counts,
        "cohort_digest": row.cohort.digest,
        "content_sha256": row.content_sha256,
        "content": row.content,
        "sealed_at": _instant(row.sealed_at),
        "sent_at": _instant(row.sent_at),
        "sealed_files": row.sealed_files,
        "archived_files": row.archived_files,
        "withdrawals": [
            {"name": each.name, "counts": each.counts, "sealed_files": each.sealed_files,
             "archived_files": each.archived_files}
            for each in row.withdrawals.order_by("number")
        ],
        "retention": {
            "ends_on": ends.isoformat() if ends else None, "because": because,
            "destroy_by": by.isoformat() if by else None, "early": early(facts, at),
        },
        "method": METHOD,
        "asked_by": asked.asked_by.username,
        "asked_at": _instant(asked.asked_at),
        "reason": asked.reason,
        "confirmed_by": asked.confirmed_by.username,
        "confirmed_at": _instant(asked.confirmed_at),
        "key_destroyed_at": _instant(asked.key_destroyed_at),
        "destroyed_at": _instant(at),
        "files_gone": asked.removed,
        "rows_deleted": asked.forgotten,
        "backups": {
            "live_for_days": settings.CF_BACKUP_DAYS,
            "gone_by": (at.astimezone(LONDON).date() + timedelta(days=settings.CF_BACKUP_DAYS)).isoformat(),
            "say": "Backups of the database made before still say which records were in it, until they expire. What was"
            " sent is in none of them.",
        },
        "recipients_certificates": [
            {"recipient": each.recipient, "reference": each.reference, "destroyed_on": each.destroyed_on.isoformat(),
             "sha256": each.sha256}
            for each in row.recipients_destructions.order_by("pk")
        ],
        "trail_checkpoint": newest_note(),
    }  # fmt: skip


def early(facts: RetentionFacts, at: datetime) -> bool:
    """Whether it is done while the research may go on."""
    return retention.is_early(facts, at.astimezone(LONDON).date())


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
