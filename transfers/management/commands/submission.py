"""The stages of a submission at the prompt: each refuses exactly as its page does."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from cohorts import comparing, looks, to_tell
from cohorts.models import Cohort
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission
from transfers import approval, delivery, destruction, receipt, sealing, submission, voiding, withdrawal
from transfers.models import Destruction, Submission, Withdrawal
from transfers.rules.receipts import LARGEST

PERMISSIONS = {
    "draft": Permission.PREPARE_SUBMISSIONS,
    "explain": Permission.PREPARE_SUBMISSIONS,
    "put-forward": Permission.PREPARE_SUBMISSIONS,
    "take-up-again": Permission.PREPARE_SUBMISSIONS,
    "sample": Permission.APPROVE_SUBMISSIONS,
    "approve": Permission.APPROVE_SUBMISSIONS,
    "send-back": Permission.APPROVE_SUBMISSIONS,
    "seal": Permission.SEND_SUBMISSIONS,
    "deliver": Permission.SEND_SUBMISSIONS,
    "void": Permission.VOID_SUBMISSIONS,
    "receipt": Permission.SEND_SUBMISSIONS,
    "withdraw": Permission.SEND_SUBMISSIONS,
    "destroy": Permission.ASK_DESTRUCTION,
}


class Command(Act):
    """submission draft|explain|put-forward|sample|approve|send-back|take-up-again|void|seal|deliver|… --by NAME."""

    help = (
        "Drafts a submission, puts it forward, approves it, sends it back or makes it void, seals it, delivers it,"
        " takes its receipt, withdraws whoever objected since, and destroys what was sent."
    )
    permissions = PERMISSIONS

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command per stage."""
        stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
        for stage, what in (
            ("draft", "draft the submission of a finished cohort"),
            ("explain", "say why the open queries of one code are right as they are"),
            ("put-forward", "put a draft forward for approval (a cohort's number drafts it first)"),
            ("sample", "open the masked sample of a submission"),
            ("approve", "agree that it may leave"),
            ("send-back", "send it back to who prepared it"),
            ("take-up-again", "make a draft again of one that was sent back"),
            ("void", "make it void, where it has not left and is to go nowhere"),
            ("seal", "sign it and encrypt it for its recipients"),
            ("deliver", "deliver it to its recipients (CF_DELIVERY)"),
            ("receipt", "take in the file in which its recipient says that it has it"),
            ("destroy", "ask that what was sent be destroyed; given by a second person, confirm it and do it"),
            ("withdraw", "withdraw now whoever objected since it was sent (the workers do so every minute)"),
        ):
            one = stages.add_parser(stage, help=what)
            one.add_argument("submission", help="its name, such as CF-E06999999-2026-0001, or the cohort's number")
            self.ask_for_a_name(one)
            if stage == "explain":
                one.add_argument("code", help="the code of the queries, such as DQ203")
                one.add_argument("text", help="a sentence")
            if stage == "put-forward":
                one.add_argument(
                    "--explain",
                    action="append",
                    default=[],
                    metavar="CODE=TEXT",
                    help="explain open queries on the way",
                )
            if stage == "receipt":
                one.add_argument("--file", required=True, type=Path, help="the receipt, JSON")
            if stage == "destroy":
                one.add_argument("--reason", default="", help="why, for the certificate")
                one.add_argument("--take-back", action="store_true", help="take back that it was asked for")
            if stage == "send-back":
                one.add_argument("--reason", required=True, help="what is to be mended")
            if stage == "void":
                one.add_argument("--reason", required=True, help="why it goes nowhere; without names")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one act."""
        stage = options["stage"]
        by = self.given_by(options, stage, _needed(stage, options))
        if stage == "draft":
            row = self._draft(options["submission"], by)
        elif stage == "put-forward":
            row = self._put_forward(options["submission"], options["explain"], by)
        else:
            row = _submission(options["submission"])
            self._act(stage, row, by, options)
        if stage != "sample":
            row.refresh_from_db()
            self.result(_said(row) | (_shown(row.cohort) if stage == "put-forward" else {}))

    def _draft(self, cohort: str, by: Who) -> Submission:
        row = Cohort.objects.filter(pk=int(cohort)).first() if cohort.isdecimal() else None
        if row is None:
            raise Refused(
                [Why("UNKNOWN_COHORT", f"There is no cohort {cohort}. Give the number that assemble printed.")]
            )
        return submission.draft(cohort=row, by=by, at=self.now())

    def _put_forward(self, name: str, explanations: list[str], by: Who) -> Submission:
        row = _of_cohort(name) if name.isdecimal() else _submission(name)
        row = row or self._draft(name, by)
        for explanation in explanations:
            code, _, text = explanation.partition("=")
            submission.explain(submission=row, code=code, text=text, by=by, at=self.now())
        looks.open_both(cohort=row.cohort, by=by, at=self.now())
        return submission.put_forward(submission=row, by=by, at=self.now())

    def _act(self, stage: str, row: Submission, by: Who, options: dict[str, Any]) -> None:
        at = self.now()
        if stage == "explain":
            submission.explain(submission=row, code=options["code"], text=options["text"], by=by, at=at)
        elif stage == "sample":
            sample = approval.open_sample(submission=row, by=by, at=at)
            self.result({"submission": row.name, "sample": [sampled._asdict() for sampled in sample]})
        elif stage == "approve":
            approval.approve(submission=row, by=by, at=at)
        elif stage == "send-back":
            approval.send_back(submission=row, reason=options["reason"], by=by, at=at)
        elif stage == "void":
            voiding.make_void(submission=row, reason=options["reason"], by=by, at=at)
        elif stage == "take-up-again":
            submission.take_up_again(submission=row, by=by, at=at)
        elif stage == "seal":
            self._unless_somebody_is_at_it(sealing.seal(submission=row, by=by, at=at))
        elif stage == "receipt":
            receipt.take_in(data=_bytes_of(options["file"]), by=by, at=at)
        elif stage == "destroy":
            self._destroy(row, by, options)
        elif stage == "withdraw":
            self._withdraw(row, by)
        elif stage == "deliver":
            self._unless_somebody_is_at_it(delivery.deliver(submission=row, by=by, at=at))

    def _destroy(self, row: Submission, by: Who, options: dict[str, Any]) -> None:
        asked = _asked(row)
        if options["take_back"]:
            destruction.take_back(submission=row, by=by, at=self.now())
        elif asked is None:
            destruction.ask(submission=row, by=by, at=self.now(), reason=options["reason"])
        else:
            if asked.confirmed_at is None:
                destruction.confirm(submission=row, by=by, at=self.now())
            self._unless_somebody_is_at_it(destruction.carry_out(submission=row, by=by, at=self.now()))

    def _withdraw(self, row: Submission, by: Who) -> None:
        made = withdrawal.make(submission=row, by=by, at=self.now())
        waiting = row.withdrawals.filter(sent_at=None).order_by("number")
        if made is None and not waiting:
            raise Refused([Why("NOBODY_TO_WITHDRAW", "Nobody who was sent objects, and is not withdrawn already.")])
        for each in waiting:
            self._unless_somebody_is_at_it(withdrawal.carry_out(withdrawal=each, by=by, at=self.now()))

    def _unless_somebody_is_at_it(self, done: Submission | Withdrawal | Destruction | None) -> None:
        if done is None:
            raise Refused([Why("SOMEBODY_IS_AT_IT", "A worker is doing this just now. Wait, and look again.")])


def _needed(stage: str, options: dict[str, Any]) -> Permission:
    """What whoever gives this command must be permitted: who comes second to a destruction confirms it."""
    row = _found(options["submission"]) if stage == "destroy" and not options["take_back"] else None
    return Permission.CONFIRM_DESTRUCTION if row and _asked(row) else PERMISSIONS[stage]


def _asked(row: Submission) -> Destruction | None:
    return row.destructions.filter(taken_back_at=None).select_related("asked_by", "confirmed_by").first()


def _bytes_of(path: Path) -> bytes:
    """No more of a file than shows that it is too large to be a receipt."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise Refused([Why("NO_SUCH_FILE", "The file of the receipt cannot be read. Give its path.")]) from error


def _submission(name: str) -> Submission:
    row = _found(name)
    if row is None:
        raise Refused([Why("UNKNOWN_SUBMISSION", f"There is no submission {name}.")])
    return row


def _found(name: str) -> Submission | None:
    return _of_cohort(name) if name.isdecimal() else Submission.objects.filter(name=name).first()


def _of_cohort(number: str) -> Submission | None:
    return Submission.objects.filter(cohort_id=int(number)).exclude(stage="VOID").last()


def _shown(cohort: Cohort) -> dict[str, Any]:
    """What whoever puts it forward must have seen: who can be found, and what is different from the cohort before."""
    before = comparing.previous(cohort)
    found = comparing.counts(before, cohort) if before else []
    return {
        "matchability": [{name: it[name] for name in ("dataset", "applicable", "none")} for it in cohort.matchability],
        "difference": [{"kind": it.kind.name, "reason": it.reason, "people": it.people} for it in found],
        "difference_from": before.pk if before else None,
        "notice_coverage": to_tell.coverage(cohort)._asdict(),
    }


def _said(row: Submission) -> dict[str, Any]:
    return {
        "submission": row.name,
        "stage": row.stage,
        "cohort": row.cohort_id,
        "content_sha256": row.content_sha256,
        "counts": row.counts,
        "files": row.sealed_files,
        "withdrawals": [each.name for each in row.withdrawals.order_by("number")],
        "destruction": _destruction(row),
    }


def _destruction(row: Submission) -> dict[str, Any] | None:
    found = _asked(row)
    if found is None:
        return None
    return {
        "asked_by": found.asked_by.username,
        "confirmed_by": found.confirmed_by.username if found.confirmed_by else None,
        "key_destroyed_at": found.key_destroyed_at.isoformat() if found.key_destroyed_at else None,
        "destroyed_at": found.done_at.isoformat() if found.done_at else None,
        "certificate_sha256": found.certificate_sha256,
    }
