"""Receipts: a recipient says that it has a submission. Nothing else ever comes in, and what else arrives is not kept.

Of what is refused the trail has the digest and the reasons.
"""

import hashlib
from collections import Counter
from datetime import datetime

from django.db import connection

from cohorts import looking_again
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import doors
from transfers.models import Receipt, Submission, Withdrawal
from transfers.rules import lifecycle, receipts, withdrawing
from transfers.rules.lifecycle import Stage
from transfers.rules.receipts import Delivered, NotAReceipt

KNOWN = """
    SELECT DISTINCT r.reference, r.person_id FROM cohorts_decision d
    JOIN transfers_personreference r ON r.person_id = d.person_id
    WHERE d.cohort_id = %s AND d.included AND r.reference = ANY (%s)
"""


class NotTakenIn(Refused):
    """What came in is no receipt of this council's submissions. The record that it is about is its own SHA-256."""

    event = Event.RECEIPT_REFUSED


@trail.stage
def take_in(*, data: bytes, by: Who, at: datetime) -> Submission:
    """Take in a receipt: its submission is then receipted. The same receipt a second time changes nothing.

    One that names a withdrawal acknowledges it; what comes back is the submission it is of.

    Raises NotTakenIn with the reasons, where these bytes are anything but a receipt of exactly what was sent.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        said = receipts.read(data)
    except NotAReceipt as error:
        raise _refused([error.why], sha256) from None
    found = Submission.objects.filter(name=said.submission).first()
    withdrawal = Withdrawal.objects.filter(name=said.submission).first()
    if withdrawal is not None:
        return _acknowledge(withdrawal, said, sha256, by, at)
    if found is None:
        raise _refused([Why("UNKNOWN_SUBMISSION", "The receipt names no submission of this council.")], sha256)
    row = doors.locked(found.pk)
    if Receipt.objects.filter(submission=row, sha256=sha256).exists():
        return row
    reasons = [*lifecycle.reasons_against("take in a receipt", row.at_stage), *doors.against_destroyed(row)]
    people = _known(row, [each.submission_person_ref for each in said.rejected])
    if not reasons:
        reasons = receipts.against(said, _delivered(row), known=people, at=at)
    if reasons:
        raise _refused(reasons, sha256)
    receipt = Receipt.objects.create(
        submission=row, sha256=sha256, received_at=said.received_at, taken_in_at=at, taken_in_by=by.reference,
        files=[file._asdict() for file in said.files],
        rejections=dict(sorted(Counter(each.code for each in said.rejected).items())),
    )  # fmt: skip
    copying = "COPY transfers_rejection (receipt_id, person_id, code) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for each in said.rejected:
            copy.write_row((receipt.pk, people[each.submission_person_ref], each.code))
    row.stage = Stage.RECEIPTED.name
    row.save()
    trail.record(
        Event.RECEIPT_TAKEN_IN, who=by, at=at, about=row,
        details={"sha256": sha256, "files": receipt.files, "rejected": receipt.rejections},
    )  # fmt: skip
    _have_looked_at(said, people, by, at)
    return row


def _have_looked_at(said: receipts.Receipt, people: dict[str, int], by: Who, at: datetime) -> None:
    """Ask that what the recipient could not use be looked at again; nobody who does learns why."""
    details_of: dict[int, set[str]] = {}
    for each in said.rejected:
        if detail := receipts.TO_LOOK_AT.get(each.code):
            details_of.setdefault(people[each.submission_person_ref], set()).add(detail)
    if details_of:
        looking_again.ask_of_many(details_of=details_of, by=by, at=at)


def _acknowledge(found: Withdrawal, said: receipts.Receipt, sha256: str, by: Who, at: datetime) -> Submission:
    row = Withdrawal.objects.select_for_update(of=("self",)).select_related("submission").get(pk=found.pk)
    if row.acknowledgement_sha256 == sha256:
        return row.submission
    reasons = withdrawing.against_acknowledging(row.sent_at, len(said.rejected))
    if row.acknowledged_at is not None:
        reasons = [Why("ACKNOWLEDGED", "The withdrawal is acknowledged already, by another receipt.")]
    if not reasons:
        reasons = receipts.against(said, _delivered(row), known=(), at=at)
    if reasons:
        raise _refused(reasons, sha256)
    row.acknowledged_at, row.acknowledged_by, row.acknowledgement_sha256 = said.received_at, by.reference, sha256
    row.save()
    trail.record(Event.WITHDRAWAL_ACKNOWLEDGED, who=by, at=at, about=row, details={"sha256": sha256})
    return row.submission


def _refused(reasons: list[Why], sha256: str) -> NotTakenIn:
    return NotTakenIn(reasons, record="transfers.receipt", reference=sha256)


def _known(row: Submission, references: list[str]) -> dict[str, int]:
    """Of these references those of people in the submission, with the keys of their records."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [row.cohort_id, references])
        return dict(cursor.fetchall())


def _delivered(row: Submission | Withdrawal) -> Delivered:
    rows = {}
    for file in row.sealed_files:
        if not file["name"].startswith(f"{row.name}-transmittal."):
            rows[file["name"]] = (file["sha256"], file["rows"])
    (note,) = (file for file in row.sealed_files if file["name"] == f"{row.name}-transmittal.json")
    if row.sealed_at is None:
        raise AssertionError("What was sent was sealed.")
    return Delivered(rows, note["sha256"], row.sealed_at)
