"""Sealing: an approved submission is signed, encrypted for its recipients, and laid in the outbox, whole or not at all.

The packages are written under temporary names while nobody waits; then, in one short act, the guard is asked, what
was written is held against what was approved, the files get their names, and the submission is sealed.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.conf import settings

from cohorts import queries
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import (
    addressees,
    archive,
    content,
    council,
    doors,
    explained,
    keys,
    openpgp,
    outbox,
    package,
    recipients,
)
from transfers.addressees import Addressee
from transfers.manifest import manifest
from transfers.models import Submission
from transfers.rules import lifecycle
from transfers.rules.extract import IDENTIFIERS, PROGRAMME
from transfers.rules.gates import unmatched_objections


class NotSealed(doors.NotDone):
    """Sealing was refused."""

    event = Event.SEALING_REFUSED


class Means(NamedTuple):
    """What sealing takes: the council's signatures, and the certificates for each of the two files."""

    signer: keys.Signer
    openpgp_signer: openpgp.PgpSigner | None
    addressees: Mapping[str, list[Addressee]]


@doors.guarded
@trail.stage
def request(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Ask the workers to seal an approved submission. Raises NotSealed with what they would refuse it for."""
    row = doors.locked(submission.pk)
    doors.refuse(NotSealed, lifecycle.reasons_against("seal", row.at_stage), row)
    _, reasons = means(row, at)
    doors.refuse(NotSealed, [*reasons, *doors.agreement(row, at)], row, stopped=doors.guard(row, at))
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
        folder = settings.CF_OUTBOX
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        package.remove_unfinished(folder, package.stems_of(submission.name))
        return _seal(submission=submission, folder=folder, by=by, at=at)


@doors.guarded
@trail.stage
def _seal(*, submission: Submission, folder: Path, by: Who, at: datetime) -> Submission:
    began = time.perf_counter()
    row = Submission.objects.select_related("cohort", "round__agreement", "prepared_by").get(pk=submission.pk)
    doors.refuse(NotSealed, lifecycle.reasons_against("seal", row.at_stage), row)
    found, reasons = means(row, at)
    doors.refuse(NotSealed, [*reasons, *_standing(row, at)], row)
    if found is None:
        raise AssertionError("What is missing for sealing comes with a reason.")
    files: dict[str, BinaryIO] = {}
    with archive.new(row.name) as keeping, package.written_together(folder) as create:
        try:
            sealed = _write(row, found, outbox.kept(create, files), keeping, at)
        except package.ContentDiffersError:
            changed = Why("CONTENT_CHANGED", "The records changed since the approval. Build the submission again.")
            doors.refuse(NotSealed, [], row, stopped=doors.AtTheDoor(void=[changed]))
        listed = outbox.listed(sealed)
        doors.refuse(NotSealed, outbox.against_sealed(row, files, listed), row)
        # Writing took its time: who objected meanwhile is not sent, nor anything for a certificate revoked meanwhile.
        now = at + timedelta(seconds=time.perf_counter() - began)
        row = doors.locked(submission.pk)
        reasons = lifecycle.reasons_against("seal", row.at_stage)
        doors.refuse(NotSealed, [*reasons, *doors.agreement(row, now)], row, stopped=doors.guard(row, now))
        doors.refuse(NotSealed, outbox.against_recipients(row, files, now, everybody=True), row)
        row.stage, row.sealed_at = lifecycle.after("seal").name, now
        row.sealed_files, row.archived_files = listed, keeping.listed
        row.save()
        trail.record(
            Event.SUBMISSION_SEALED, who=by, at=at, about=row,
            details={"content_sha256": row.content_sha256, "files": row.sealed_files, "archived": row.archived_files},
        )  # fmt: skip
    return row


def means(row: Submission, at: datetime) -> tuple[Means | None, list[Why]]:
    """What sealing takes, and why it may not be used: the council's keys, accepted certificates of every recipient.

    Nothing comes without a reason.
    """
    chosen: dict[str, list[Addressee]] = {}
    reasons: list[Why] = []
    for file, purpose in outbox.PURPOSE_OF.items():
        chosen[file], against = recipients.usable_by_all(row.round.recipients, purpose, at)
        reasons += against
    signers, against = council.signers({each.format for file in chosen.values() for each in file}, at)
    reasons += [*against, *archive.against(row)]
    return (Means(*signers, chosen) if signers else None), reasons


def _standing(row: Submission, at: datetime) -> list[Why]:
    return [*doors.agreement(row, at), *unmatched_objections(queries.standing_unmatched_objections(at))]


def _write(
    row: Submission, found: Means, create: package.Create, keeping: archive.Keeping, at: datetime
) -> list[package.SealedFile]:
    found_out = [it._asdict() for it in explained.covered(row)]
    says = manifest(
        row, name=row.name, content_sha256=row.approved_content_sha256, role=row.prepared_by.role, at=at,
        counts=row.counts, findings=found_out,
    )  # fmt: skip
    sealed: list[package.SealedFile] = []
    for name, which, sha256 in (
        ("identifiers", IDENTIFIERS, row.identifiers_sha256),
        ("programme", PROGRAMME, row.programme_sha256),
    ):
        approved = package.Content(row.content[name]["rows"], row.content[name]["bytes"], sha256)
        envelope = addressees.envelope(found.addressees[name], found.openpgp_signer)
        wrapping = package.Wrapping(says, envelope, found.signer)
        stem = f"{row.name}-{name}"
        with keeping.file(stem) as copy:
            table = content.written(which, row.cohort)
            sealed += package.seal(table, wrapping, stem=stem, approved=approved, create=create, copy=copy)
    note = package.transmittal(row.name, sealed, row.counts)
    return sealed + package.write_transmittal(note, submission=row.name, signer=found.signer, create=create)
