"""Withdrawal: whoever objects after being sent is taken out by the recipients, who are told by themselves.

Who is late is asked anew each minute (cohorts knows nothing of transfers). A withdrawal holds references and the day,
and goes to every recipient of either package: it tells nobody who somebody is. Nothing stops it but what stops any
package: no agreement, no approval and no other objection is asked for (docs/decisions/0038).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction

from cohorts import late
from cohorts.rules.clocks import LONDON
from connecting_families.alone import Work, alone
from connecting_families.audit import restored, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import LostAct
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import addressees, archive, attempts, council, doors, outbox, package, progress, recipients, sent
from transfers.addressees import Addressee
from transfers.carrying import Carriage, Consignment
from transfers.channels import chosen
from transfers.channels.channel import Trouble, Where
from transfers.manifest import manifest
from transfers.models import Submission, Withdrawal, WithdrawalAttempt
from transfers.rules import delivering, withdrawing
from transfers.rules.lifecycle import Stage

COLUMNS = ("submission_person_ref", "withdrawn_on")
ROWS = """
    SELECT r.reference, to_char(w.withdrawn_on, 'YYYY-MM-DD')
    FROM transfers_withdrawn w JOIN transfers_personreference r ON r.person_id = w.person_id
    WHERE w.withdrawal_id = %s ORDER BY r.reference
"""
AGAIN = timedelta(hours=1)
"""After this what was refused is tried again, for as long as it takes: a person sees that it waits."""


class NotWithdrawn(doors.NotDone):
    """Withdrawing was refused, or a withdrawal may not leave as it is."""

    event = Event.WITHDRAWAL_REFUSED


@trail.stage
def make(*, submission: Submission, by: Who, at: datetime) -> Withdrawal | None:
    """Withdraw everybody of a submission who has become late since and is not withdrawn; None where that is nobody.

    Raises NotWithdrawn where it was not sent, or nobody knows yet whether it was.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotWithdrawn, reasons_against(row), row)
    done = row.withdrawn.values_list("person_id", flat=True)
    people = late.people(row.cohort, at, but=list(done))
    if not people:
        return None
    number = _free_number(row)
    withdrawal = Withdrawal.objects.create(
        submission=row, number=number, name=f"{row.name}-withdrawal-{number}", made_at=at,
        correlation=trail.correlation(), counts={"withdrawn": len(people)},
        reasons=dict(sorted(Counter(code for each in people for code in each.reasons).items())),
    )  # fmt: skip
    day = at.astimezone(LONDON).date()
    copying = "COPY transfers_withdrawn (withdrawal_id, submission_id, person_id, withdrawn_on) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for each in people:
            copy.write_row((withdrawal.pk, row.pk, each.person_id, day))
    details = {"submission": row.name, **withdrawal.counts, "reasons": list(withdrawal.reasons)}
    kept = {"submission": row.name, "number": number}
    trail.record(Event.WITHDRAWAL_MADE, who=by, at=at, about=withdrawal, details=details, outside=kept)
    return withdrawal


def reasons_against(row: Submission) -> list[Why]:
    """Why nobody is withdrawn from this submission now."""
    return withdrawing.against_withdrawing(
        row.at_stage,
        being_sent=row.delivery_requested_at is not None,
        being_destroyed=bool(doors.against_taking_out(row)),
        may_have_arrived=sent.may_have_arrived(row),
    )


def sent_submissions() -> list[Submission]:
    """Those of which people may have to be withdrawn, by what is known of them now."""
    left = Submission.objects.filter(stage__in=[Stage.SENDING.name, Stage.SENT.name, Stage.RECEIPTED.name])
    return [row for row in left.order_by("id") if not reasons_against(row)]


def due(at: datetime) -> list[tuple[int, str]]:
    """The withdrawals that are to be sealed or delivered now, each with the correlation of who asked."""
    waiting = Withdrawal.objects.filter(sent_at=None).exclude(next_attempt_at__gt=at)
    # Where trying again cannot help, a person looks first, and asks again.
    waiting = waiting.exclude(next_attempt_at=None, delivery_tries__gt=0)
    return list(waiting.order_by("id").values_list("pk", "correlation"))


@trail.stage
def request(*, withdrawal: Withdrawal, by: Who, at: datetime) -> Withdrawal:
    """Ask the workers to try again at once. Raises NotWithdrawn where there is nothing left to do."""
    row = _locked(withdrawal.pk)
    if row.sent_at is not None:
        _refuse([withdrawing.delivered_already()], row)
    row.delivery_tries, row.next_attempt_at, row.delivery_stopped = 0, None, ""
    row.correlation = trail.correlation()
    row.save()
    trail.record(Event.WITHDRAWAL_REQUESTED, who=by, at=at, about=row)
    return row


def carry_out(*, withdrawal: Withdrawal, by: Who, at: datetime) -> Withdrawal | None:
    """Seal a withdrawal, and deliver it; once, however often it is asked. None while another is at it, or it waits.

    Raises NotWithdrawn with the reasons it was refused for, and carrying.NotArrived where it did not get through; both
    are recorded, and it is tried again.
    """
    with alone(Work.WITHDRAWING, withdrawal.pk) as nobody_else:
        if not nobody_else:
            return None
        row = Withdrawal.objects.select_related("submission__round", "submission__cohort").get(pk=withdrawal.pk)
        if row.sent_at is not None:
            return row
        if by.user_id is None and row.next_attempt_at is not None and at < row.next_attempt_at:
            return None
        try:
            if row.sealed_at is None:
                settings.CF_OUTBOX.mkdir(mode=0o700, parents=True, exist_ok=True)
                package.remove_unfinished(settings.CF_OUTBOX, (row.name, f"{row.name}-transmittal"))
                row = _seal(withdrawal=row, by=by, at=at)
            what = Consignment(
                "transfers.withdrawal", row.name, f"withdrawal-{row.pk}", row.sealed_files, row.delivery_attempts,
                partial(_attempt, withdrawal=row, by=by), partial(_interrupted, withdrawal=row, by=by),
                partial(_arrived, withdrawal=row, by=by),
            )  # fmt: skip
            return Carriage(what, chosen.channel(), at).carried_out()
        except NotWithdrawn as refusal:
            _put_off(withdrawal=row, codes=refusal.codes, by=by, at=at)
            raise
        finally:
            progress.forget(f"withdrawal-{row.pk}")


@trail.stage
def _seal(*, withdrawal: Withdrawal, by: Who, at: datetime) -> Withdrawal:
    row = _locked(withdrawal.pk)
    chosen_for, reasons = _addressees(row, at)
    signers, against = council.signers(chosen_for, at)
    _refuse([*restored.against(), *reasons, *against, *archive.against(row.submission)], row)
    if signers is None:
        raise AssertionError("What is missing for sealing comes with a reason.")
    files: dict[str, BinaryIO] = {}
    with (
        archive.beside(row.submission.name, row.name) as kept,
        package.written_together(settings.CF_OUTBOX) as create,
    ):
        keeping = outbox.kept(create, files)
        table = _table(row)
        content = package.digest(table)
        says = manifest(
            row.submission, name=row.name, content_sha256=content.sha256, role=by.role or by.reference, at=at,
            counts=row.counts, findings=[],
        )  # fmt: skip
        with kept.file(row.name) as copy:
            package.digest(table, copy)
        sealed: list[package.SealedFile] = []
        for people in chosen_for.values():
            wrapping = package.Wrapping(says, addressees.envelope(people, signers.openpgp), signers.sums)
            sealed += package.seal(table, wrapping, stem=row.name, approved=content, create=keeping)
        note = package.transmittal(row.name, sealed, row.counts)
        sealed += package.write_transmittal(note, submission=row.name, signer=signers.sums, create=keeping)
        listed = outbox.listed(sealed)
        _refuse(outbox.against_sealed(row, files, listed), row)
        _refuse(outbox.against_everybody(files, chosen_for), row)
        row.sealed_at, row.sealed_files, row.archived_files = at, listed, kept.listed
        row.save()
        trail.record(Event.WITHDRAWAL_SEALED, who=by, at=at, about=row, details={"files": listed})
    return row


@trail.stage
def _attempt(*, withdrawal: Withdrawal, where: Where, by: Who, at: datetime) -> WithdrawalAttempt:
    row = _locked(withdrawal.pk)
    _refuse(restored.against() or outbox.changed(row), row)
    chosen_for, reasons = _addressees(row, at)
    _refuse(reasons or outbox.against_everybody_sealed(row, chosen_for), row)
    attempt: WithdrawalAttempt
    attempt, details = attempts.begin(row.delivery_attempts, where, by, at)
    trail.record(Event.WITHDRAWAL_ATTEMPTED, who=by, at=at, about=row, details=details)
    return attempt


@trail.stage
def _interrupted(
    *, withdrawal: Withdrawal, attempt: WithdrawalAttempt, trouble: Trouble, settles: bool, files: int, by: Who,
    at: datetime,
) -> None:  # fmt: skip
    row = _locked(withdrawal.pk)
    details = attempts.hinder(attempt, trouble, settles=settles, files=files, at=at)
    row.delivery_tries += 1
    soon = delivering.next_attempt(row.made_at, row.delivery_tries, at)
    # After a day a person is asked, and it is tried on all the same: somebody waits to be taken out.
    row.next_attempt_at = (soon or at + AGAIN) if trouble.again else None
    row.delivery_stopped = "" if soon and trouble.again else trouble.why.code
    row.save()
    trail.record(Event.WITHDRAWAL_INTERRUPTED, who=by, at=at, about=row, details=details)


@trail.stage
def _arrived(*, withdrawal: Withdrawal, attempt: WithdrawalAttempt, checked: str, by: Who, at: datetime) -> Withdrawal:
    row = _locked(withdrawal.pk)
    details = attempts.settle(attempt, row.sealed_files, checked, at)
    row.sent_at, row.next_attempt_at, row.delivery_stopped = at, None, ""
    row.save()
    kept = {"submission": row.submission.name, "number": row.number}
    trail.record(Event.WITHDRAWAL_DELIVERED, who=by, at=at, about=row, details=details, outside=kept)
    return row


@trail.stage
def _put_off(*, withdrawal: Withdrawal, codes: list[str], by: Who, at: datetime) -> None:
    """Try again later what was refused. A package that may not leave as it is goes, and is sealed anew."""
    row = _locked(withdrawal.pk)
    row.delivery_tries, row.next_attempt_at, row.delivery_stopped = row.delivery_tries + 1, at + AGAIN, "REFUSED"
    if row.sealed_at is not None:
        paths = [settings.CF_OUTBOX / file["name"] for file in row.sealed_files]
        row.sealed_at, row.sealed_files = None, []
        transaction.on_commit(lambda: [path.unlink(missing_ok=True) for path in paths])
    row.save()
    trail.record(Event.WITHDRAWAL_PUT_OFF, who=by, at=at, about=row, details={"reasons": codes})


def _free_number(row: Submission) -> int:
    """One that no withdrawal of a submission had; after a restore, none that recipients may have had before it."""
    lost = LostAct.objects.filter(
        event=Event.WITHDRAWAL_MADE.name, reference__startswith=f"{row.name}-withdrawal-"
    ).values_list("facts__number", flat=True)
    return max([*row.withdrawals.values_list("number", flat=True), *lost], default=0) + 1


def _locked(key: int) -> Withdrawal:
    rows = Withdrawal.objects.select_for_update(of=("self",))
    return rows.select_related("submission__round__agreement", "submission__cohort").get(pk=key)


def _refuse(reasons: list[Why], row: Withdrawal) -> None:
    if reasons:
        raise NotWithdrawn(reasons, record="transfers.withdrawal", reference=row.name)


def _addressees(row: Withdrawal, at: datetime) -> tuple[Mapping[str, list[Addressee]], list[Why]]:
    """Everybody for whom either package of the submission was, by the format in which they open one; none twice."""
    by_format: dict[str, dict[str, Addressee]] = {}
    reasons: list[Why] = []
    for purpose in outbox.PURPOSE_OF.values():
        found, against = recipients.usable_by_all(row.submission.round.recipients, purpose, at, held=True)
        reasons += against
        for each in found:
            by_format.setdefault(each.format, {})[each.fingerprint] = each
    return {name: list(found.values()) for name, found in by_format.items()}, reasons


def _table(row: Withdrawal) -> package.Table:
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [row.pk])
        rows = cursor.fetchall()
    if len(rows) != row.counts["withdrawn"]:
        raise AssertionError("Everybody who was sent has a reference.")
    return package.Table("withdrawals.csv", COLUMNS, rows)
