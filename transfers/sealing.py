"""Sealing: an approved submission is signed, encrypted for its recipients, and laid in the outbox, whole or not at all.

The packages are written under temporary names while nobody waits; then, in one short act, the guard is asked, what
was written is held against what was approved, the files get their names, and the submission is sealed.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from django.conf import settings

from cohorts import queries
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.seal import newest_note
from connecting_families.audit.trail import Who
from transfers import content, doors, keys, package, recipients
from transfers.envelope import CmsEnvelope
from transfers.models import Submission
from transfers.rules import lifecycle
from transfers.rules.gates import unmatched_objections

PURPOSE_OF = {"identifiers": "linkage", "programme": "analysis"}


class NotSealed(doors.NotDone):
    """Sealing was refused."""

    event = Event.SEALING_REFUSED


class Means(NamedTuple):
    """What sealing takes: the council's signature, and the certificates for each of the two files."""

    signer: keys.Signer
    certificates: Mapping[str, list[x509.Certificate]]


@doors.guarded
@trail.stage
def request(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Ask the workers to seal an approved submission. Raises NotSealed with what they would refuse it for."""
    row = doors.locked(submission.pk)
    doors.refuse(NotSealed, lifecycle.reasons_against("seal", row.at_stage), row)
    _, reasons = means(row, at)
    doors.refuse(NotSealed, [*reasons, *_standing(row, at)], row, stopped=doors.guard(row, at))
    row.sealing_requested_by_id, row.sealing_requested_at = by.person, at
    row.correlation = trail.correlation()
    row.save()
    trail.record(Event.SEALING_REQUESTED, who=by, at=at, about=row)
    return row


@trail.stage
def put_off(*, submission: Submission, by: Who, at: datetime) -> None:
    """Take back that sealing was asked for, after a refusal: a person mends what was wrong, and asks again."""
    row = doors.locked(submission.pk)
    if row.at_stage is lifecycle.Stage.APPROVED and row.sealing_requested_at is not None:
        row.sealing_requested_by, row.sealing_requested_at = None, None
        row.save()
        trail.record(Event.SEALING_PUT_OFF, who=by, at=at, about=row)


def seal(*, submission: Submission, by: Who, at: datetime) -> Submission | None:
    """Seal an approved submission into the outbox; None while another worker is at it.

    Raises NotSealed with every reason. Where somebody in it has objected, withdrawn or been protected since the run,
    it is void, and no package is left.
    """
    with alone(Work.SEALING, submission.pk) as nobody_else:
        if not nobody_else:
            return None
        outbox = settings.CF_OUTBOX
        outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        package.remove_unfinished(outbox, submission.name)
        return _seal(submission=submission, outbox=outbox, by=by, at=at)


@doors.guarded
@trail.stage
def _seal(*, submission: Submission, outbox: Path, by: Who, at: datetime) -> Submission:
    began = time.perf_counter()
    row = Submission.objects.select_related("cohort", "round__agreement", "prepared_by").get(pk=submission.pk)
    doors.refuse(NotSealed, lifecycle.reasons_against("seal", row.at_stage), row)
    found, reasons = means(row, at)
    doors.refuse(NotSealed, [*reasons, *_standing(row, at)], row)
    if found is None:
        raise AssertionError("What is missing for sealing comes with a reason.")
    with package.written_together(outbox) as create:
        try:
            sealed = _write(row, found, create, at)
        except package.ContentDiffersError:
            changed = Why("CONTENT_CHANGED", "The records changed since the approval. Build the submission again.")
            doors.refuse(NotSealed, [], row, stopped=[changed])
        # Writing took its time: who objected meanwhile is not sent.
        now = at + timedelta(seconds=time.perf_counter() - began)
        row = doors.locked(submission.pk)
        reasons = lifecycle.reasons_against("seal", row.at_stage)
        doors.refuse(NotSealed, [*reasons, *_standing(row, now)], row, stopped=doors.guard(row, now))
        row.stage, row.sealed_at = lifecycle.after("seal").name, now
        row.sealed_files = [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in sealed]
        row.save()
        trail.record(
            Event.SUBMISSION_SEALED, who=by, at=at, about=row,
            details={"content_sha256": row.content_sha256, "files": row.sealed_files},
        )  # fmt: skip
    return row


def means(row: Submission, at: datetime) -> tuple[Means | None, list[Why]]:
    """What sealing takes, and why it may not be used: the council's key, accepted certificates of every recipient.

    Nothing comes without a reason.
    """
    reasons: list[Why] = []
    chosen: dict[str, list[x509.Certificate]] = {}
    for file, purpose in PURPOSE_OF.items():
        chosen[file] = []
        for recipient in row.round.recipients:
            usable, against = recipients.usable(recipient, purpose, at)
            chosen[file] += usable
            reasons += against
    try:
        signer = keys.load_signer(
            settings.CF_SIGNING_CERTIFICATE, settings.CF_SIGNING_KEY, settings.CF_SIGNING_PASSPHRASE or None
        )
    except (OSError, keys.CertificateError, keys.SigningKeyError):
        sentence = "The council's signing key cannot be opened. Ask who looks after CF_SIGNING_KEY."
        return None, [*reasons, Why("NO_SIGNING_KEY", sentence)]
    reasons += [Why(f"SIGNING_{fault.code}", fault.sentence) for fault in keys.faults(signer.certificate, at)]
    return Means(signer, chosen), reasons


def _standing(row: Submission, at: datetime) -> list[Why]:
    return [*doors.agreement(row, at), *unmatched_objections(queries.standing_unmatched_objections(at))]


def _write(row: Submission, found: Means, create: package.Create, at: datetime) -> list[package.SealedFile]:
    manifest = _manifest(row, at)
    sealed: list[package.SealedFile] = []
    for name, table, sha256 in (
        ("identifiers", content.identifiers(row.cohort), row.identifiers_sha256),
        ("programme", content.programme(row.cohort), row.programme_sha256),
    ):
        approved = package.Content(row.content[name]["rows"], row.content[name]["bytes"], sha256)
        wrapping = package.Wrapping(manifest, CmsEnvelope(found.certificates[name]), found.signer)
        sealed += package.seal(table, wrapping, stem=f"{row.name}-{name}", approved=approved, create=create)
    note = package.transmittal(row.name, sealed, row.counts)
    return sealed + package.write_transmittal(note, submission=row.name, signer=found.signer, create=create)


def _manifest(row: Submission, at: datetime) -> dict[str, Any]:
    explained = dict(row.explanations.values_list("code", "text"))
    return {
        "spec": package.SPEC,
        "submission": row.name,
        "la_code": settings.CF_LA_CODE,
        "round": row.round.code,
        "cut_off": row.round.cut_off.isoformat(),
        "agreement": row.round.agreement.reference,
        "framework": f"{row.round.framework} {row.round.framework_version}",
        "rule_set": row.cohort.rule_set,
        "cohort_digest": row.cohort.digest,
        "content_sha256": row.approved_content_sha256,
        "created_at": at.isoformat(),
        "prepared_by_role": row.prepared_by.role,
        "trail_checkpoint": newest_note(),
        "counts": row.counts,
        "findings": [
            {"code": code, "open": count, "explanation": explained.get(code, "")}
            for code, count in sorted(queries.open_queries(row.cohort).items())
        ],
    }
