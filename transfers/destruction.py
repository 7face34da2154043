"""Destruction: what was sent is destroyed, because one person asked and another confirmed; nothing but counts remains.

What was sent is under a key of its own, outside the database: with the key every copy is gone. That it begins is on
file before the key goes, and how it ended after; whoever is killed in between leaves what the next one finishes. The
certificate is made in the last act, when it was looked that the key is not there.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from cohorts import forgetting, late, queries
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import archive, certifying, council, doors, package, retaining, sent, strongbox
from transfers.models import Destruction, Submission
from transfers.rules import destroying, lifecycle
from transfers.rules.destroying import DestructionFacts
from transfers.rules.lifecycle import Stage

AGAIN = timedelta(hours=1)
"""After this what was refused is tried again."""

# What in our tables tells who was in the submissions of a round, beside the decisions of its cohorts.
PEOPLE = {
    "rejected": "DELETE FROM transfers_rejection WHERE receipt_id IN"
    " (SELECT id FROM transfers_receipt WHERE submission_id = ANY (%(of)s))",
    "withdrawn": "DELETE FROM transfers_withdrawn WHERE submission_id = ANY (%(of)s)",
    "explained_of_one": "DELETE FROM transfers_explanation WHERE submission_id = ANY (%(of)s) AND family_ref <> ''",
    "explanations": "UPDATE transfers_explanation SET text = '' WHERE submission_id = ANY (%(of)s) AND text <> ''",
    "sent_back_reasons": "UPDATE transfers_submission SET sent_back_reason = '' WHERE id = ANY (%(of)s)"
    " AND sent_back_reason <> ''",
    "void_reasons": "UPDATE transfers_submission SET void_reason = '' WHERE id = ANY (%(of)s) AND void_reason <> ''",
}
# A reference of the study goes where no decision that is left needs it (docs/decisions/0042).
REFERENCES = """
    DELETE FROM transfers_{kind}reference r WHERE NOT EXISTS (
        SELECT FROM cohorts_decision d JOIN transfers_submission s ON s.cohort_id = d.cohort_id
        WHERE d.{kind}_id = r.{kind}_id AND d.included AND s.stage <> 'VOID'
    )
"""


class NotDestroyed(doors.NotDone):
    """Destroying was refused: asked for, confirmed, or carried out."""

    event = Event.DESTRUCTION_REFUSED


@trail.stage
def ask(*, submission: Submission, by: Who, at: datetime, reason: str = "") -> Destruction:
    """Ask that what was sent be destroyed; somebody else must confirm it. Raises NotDestroyed with every reason."""
    row = doors.locked(submission.pk)
    if row.destructions.filter(taken_back_at=None).exists():
        _refuse([Why("ASKED_ALREADY", "Its destruction was asked for already. Somebody else confirms it.")], row)
    _refuse(reasons_against(row, at), row)
    asked = Destruction.objects.create(
        submission=row, reason=reason.strip(), asked_by_id=by.person, asked_at=at, correlation=trail.correlation()
    )
    trail.record(Event.DESTRUCTION_ASKED, who=by, at=at, about=row, reason=asked.reason, details=_when(row, at))
    return asked


@trail.stage
def take_back(*, submission: Submission, by: Who, at: datetime) -> Destruction:
    """Take back that a destruction was asked for. Raises NotDestroyed once it is confirmed, or where nobody asked."""
    row = doors.locked(submission.pk)
    asked = _asked(row)
    if asked.confirmed_at is not None:
        _refuse(destroying.being_destroyed(confirmed=True), row)
    asked.taken_back_by_id, asked.taken_back_at = by.person, at
    asked.save()
    trail.record(Event.DESTRUCTION_TAKEN_BACK, who=by, at=at, about=row)
    return asked


@trail.stage
def confirm(*, submission: Submission, by: Who, at: datetime) -> Destruction:
    """Confirm a destruction that somebody else asked for: from here on the workers carry it out.

    Raises NotDestroyed with every reason; among them what would stop the certificate from being signed.
    """
    row = doors.locked(submission.pk)
    asked = _asked(row)
    if asked.confirmed_at is not None:
        _refuse([Why("CONFIRMED_ALREADY", "It is confirmed already, and is being carried out.")], row)
    _, unsigned = council.signer(at)
    reasons = destroying.two_people(asked.asked_by_id, by.person)
    _refuse([*reasons, *reasons_against(row, doors.hold_permissions(at)), *unsigned], row)
    asked.confirmed_by_id, asked.confirmed_at, asked.correlation = by.person, at, trail.correlation()
    asked.save()
    details = {"archived": row.archived_files, "key": not archive.begun_to_end(row), **_when(row, at)}
    trail.record(Event.DESTRUCTION_CONFIRMED, who=by, at=at, about=row, details=details, outside={})
    return asked


def reasons_against(row: Submission, at: datetime) -> list[Why]:
    """Why what was sent may not be destroyed now. The caller has opened a transaction."""
    being_sent = row.at_stage in (Stage.SEALED, Stage.SENDING) and (
        row.delivery_requested_at is not None or row.delivery_attempts.filter(outcome="").exists()
    )
    facts = DestructionFacts(row.at_stage, being_sent, retaining.holds_of_round(row), _to_withdraw(row, at))
    return [*destroying.against(facts), *forgetting.reasons_against(row.round)]


def _to_withdraw(row: Submission, at: datetime) -> int:
    """How many withdrawals are not delivered, and people of whom none was made; of what is lost already none."""
    if doors.against_taking_out(row):
        return 0
    under_way: int = row.withdrawals.filter(sent_at=None).count()
    if row.at_stage in (Stage.SENDING, Stage.SENT, Stage.RECEIPTED) and sent.may_have_arrived(row):
        done, newest = list(row.withdrawn.values_list("person_id", flat=True)), queries.newest_wish()
        under_way += len(late.people(row.cohort, at, but=done))
        if newest is not None and newest > at:
            # The clock was set back: what is on file counts, whatever time it is.
            under_way += len(late.people(row.cohort, newest, but=done))
    return under_way


def carry_out(*, submission: Submission, by: Who, at: datetime) -> Destruction | None:
    """Destroy what two people had destroyed; once, however often it is asked. None while another is at it, or it waits.

    Raises NotDestroyed with the reasons it was refused for; that is recorded, and it is tried again after an hour.
    """
    with alone(Work.DESTROYING, submission.pk) as nobody_else:
        if not nobody_else:
            return None
        row = Submission.objects.select_related("round__agreement", "cohort").get(pk=submission.pk)
        asked = _found(row)
        if asked is not None and asked.done_at is not None:
            return asked
        waits = asked.next_attempt_at if asked is not None else None
        if by.user_id is None and waits is not None and at < waits:
            return None
        try:
            if asked is None or asked.key_destroyed_at is None:
                # Where nobody asked, it is refused there, and on the trail.
                _destroy_key(submission=row, by=by, at=at)
            _remove_files(row)
            return _finish(submission=row, by=by, at=at)
        except NotDestroyed as refusal:
            if asked is not None and asked.confirmed_at is not None:
                _put_off(submission=row, refusal=refusal, by=by, at=at)
            raise


def due(at: datetime) -> list[tuple[int, str]]:
    """The submissions whose destruction is confirmed and not done, each with the correlation of who asked."""
    waiting = Destruction.objects.filter(confirmed_at__isnull=False, done_at=None).exclude(next_attempt_at__gt=at)
    return list(waiting.order_by("id").values_list("submission_id", "correlation"))


def clear_away() -> list[str]:
    """Take away what is left of submissions that became void, where whoever voided one was killed; names of those."""
    outbox = Path(settings.CF_OUTBOX)
    lying = [path.name for path in outbox.iterdir()] if outbox.is_dir() else []
    names = Submission.objects.filter(stage=Stage.VOID.name).order_by("id").values_list("name", flat=True)
    left = [name for name in names if archive.left(name) or any(each.startswith((name, f".{name}")) for each in lying)]
    return [name for name in left if doors.forget_packages(name)]


@trail.stage
def _destroy_key(*, submission: Submission, by: Who, at: datetime) -> Destruction:
    """The one thing that cannot be undone. The row is locked: no hold comes in between, and nobody objects unseen.

    What speaks against it is asked again: since it was confirmed somebody may have objected, who is taken out first.
    """
    row = doors.locked(submission.pk)
    asked = _asked(row)
    if asked.confirmed_at is None:
        _refuse([Why("NOT_CONFIRMED", "Somebody else must confirm this destruction first.")], row)
    if not archive.begun_to_end(row):
        _refuse(reasons_against(row, doors.hold_permissions(at)), row)
    try:
        archive.end_key(row)
    except archive.NotReadable as refusal:
        _refuse([Why(each.code, each.sentence) for each in refusal.reasons], row)
    except OSError:
        sentence = "The key could not be destroyed. Ask who looks after CF_ARCHIVE_KEYS."
        _refuse([Why("KEY_NOT_DESTROYED", sentence)], row)
    asked.key_destroyed_at = at
    asked.save()
    details = {"kept": bool(row.archived_files)}
    trail.record(Event.ARCHIVE_KEY_DESTROYED, who=by, at=at, about=row, details=details, outside={})
    return asked


def _remove_files(row: Submission) -> None:
    """Take away every file of ours that a submission and its withdrawals left. Nothing happens where that was done."""
    for each in Submission.objects.filter(round_id=row.round_id):
        if each.pk == row.pk or each.at_stage is Stage.VOID:
            if each.pk != row.pk:
                archive.destroy_key(each.name)
            archive.remove_files(each.name)
    for path in _files(row):
        path.unlink(missing_ok=True)
    outbox = Path(settings.CF_OUTBOX)
    if outbox.is_dir():
        stems = [f"{row.name}-{kind}" for kind in ("identifiers", "programme", "transmittal")]
        for name in row.withdrawals.values_list("name", flat=True):
            stems += [name, f"{name}-transmittal"]
        package.remove_unfinished(outbox, stems)
    for folder in {path.parent for path in _files(row)}:
        strongbox.sync(folder)


def _files(row: Submission) -> Iterator[Path]:
    """Where sealed files of a submission and its withdrawals lie or lay, of the void ones of its round too."""
    folders = [Path(settings.CF_OUTBOX)]
    if settings.CF_DELIVERY == "folder":
        folders.append(Path(settings.CF_DELIVERY_FOLDER))
    of_round = Submission.objects.filter(round_id=row.round_id, stage=Stage.VOID.name)
    of_withdrawals = row.withdrawals.order_by("number").values_list("sealed_files", flat=True)
    for files in (row.sealed_files, *of_withdrawals, *of_round.values_list("sealed_files", flat=True)):
        for file in files:
            for folder in folders:
                yield folder / file["name"]
                yield folder / f"{file['name']}.part"


@trail.stage
def _finish(*, submission: Submission, by: Who, at: datetime) -> Destruction:
    """Forget who was in it, sign the certificate, and end; all in one act, once nothing is left outside."""
    row = doors.locked(submission.pk)
    asked = _asked(row)
    there = [*archive.left(row.name), *(path.name for path in _files(row) if path.exists())]
    if asked.key_destroyed_at is None or there:
        sentence = f"Something of it is there still: {', '.join(there) or 'its key'}."
        _refuse([Why("FILES_LEFT", sentence)], row)
    signer, reasons = council.signer(at)
    forgetting.hold(row.round)
    _refuse(
        [*reasons, *lifecycle.reasons_against("destroy", row.at_stage), *forgetting.reasons_against(row.round)], row
    )
    if signer is None:
        raise AssertionError("What is missing for signing comes with a reason.")
    before = row.at_stage
    asked.forgotten = _forget(row, at)
    asked.removed = sorted({path.name for path in _files(row) if not path.name.endswith(".part")})
    said = certifying.said(row, asked, before=before, at=at)
    data = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    asked.certificate, asked.certificate_sha256 = data.decode(), hashlib.sha256(data).hexdigest()
    asked.signature = base64.b64encode(signer.sign(data)).decode()
    asked.done_at, asked.next_attempt_at, asked.stopped = at, None, []
    asked.save()
    row.refresh_from_db()
    row.stage = lifecycle.after("destroy").name
    row.save()
    details = {"certificate_sha256": asked.certificate_sha256, "forgotten": asked.forgotten}
    trail.record(Event.SUBMISSION_DESTROYED, who=by, at=at, about=row, details=details, outside={})
    return asked


def _forget(row: Submission, at: datetime) -> dict[str, int]:
    """Delete whatever says who was in the submissions of this round; how many rows of each kind."""
    of, gone = list(Submission.objects.filter(round_id=row.round_id).values_list("pk", flat=True)), dict[str, int]()
    with connection.cursor() as cursor:
        # In the order in which erasing somebody goes: neither waits for the other for ever.
        for what, statement in PEOPLE.items():
            cursor.execute(statement, {"of": of})
            gone[what] = cursor.rowcount
        gone |= forgetting.forget(round_=row.round, because=row.name, at=at)
        # Whoever draws references at this moment is waited for: what they rest on is then seen.
        cursor.execute("LOCK TABLE transfers_personreference, transfers_familyreference IN SHARE ROW EXCLUSIVE MODE")
        for kind in ("person", "family"):
            cursor.execute(REFERENCES.format(kind=kind))
            gone[f"{kind}_references"] = cursor.rowcount
    return gone


@trail.stage
def _put_off(*, submission: Submission, refusal: NotDestroyed, by: Who, at: datetime) -> None:
    row = doors.locked(submission.pk)
    asked = _asked(row)
    asked.next_attempt_at, asked.stopped = at + AGAIN, [reason.sentence for reason in refusal.reasons]
    asked.save()
    trail.record(Event.DESTRUCTION_PUT_OFF, who=by, at=at, about=row, details={"reasons": refusal.codes})


def _asked(row: Submission) -> Destruction:
    """That destruction was asked for, its row locked where the caller is in an act. Raises NotDestroyed: nobody did."""
    found = _found(row)
    if found is None:
        _refuse([Why("NOT_ASKED", "Nobody asked that this submission be destroyed.")], row)
        raise AssertionError("A refusal is raised.")
    return found


def _found(row: Submission) -> Destruction | None:
    return row.destructions.filter(taken_back_at=None).select_related("asked_by", "confirmed_by").first()


def _when(row: Submission, at: datetime) -> dict[str, object]:
    """For the trail: the day by which it had to be done, and whether the research may go on."""
    facts = retaining.facts(row)
    found = retaining.of(row, at)
    return {"act_by": found.act_by.isoformat() if found.act_by else None, "early": certifying.early(facts, at)}


def _refuse(reasons: list[Why], row: Submission) -> None:
    doors.refuse(NotDestroyed, reasons, row)
