"""Steps of the walk that take a submission on, or try to, by whoever presses the button at whatever moment."""

import json
from collections.abc import Callable
from typing import Any

from cohorts import assembly, looks
from cohorts.models import Cohort, Finding
from cohorts.rounds import open_round
from connecting_families.audit.trail import Who, duty
from tests.gates.asked import MACHINE, Acts, Asked, Standing
from tests.stages.walk import CUT_OFF
from transfers import approval, delivery, explained, receipt, sealing, submission, voiding, withdrawal
from transfers.models import PersonReference, Submission, Withdrawal

ASSEMBLER = duty("assemble")


def _row(now: Standing) -> Submission:
    if now.live is None:
        raise AssertionError("Asked for without a submission.")
    return now.live


def _pressed(
    now: Standing, by: Who, does: str, stage: Callable[..., Any], event: str, *, quiet: bool = False, **more: Any
) -> Asked:
    """Somebody does something to the submission of which the walk is about."""
    row, at = _row(now), now.at

    def pressed() -> None:
        stage(submission=row, by=by, at=at, **more)

    return Asked(f"{by.reference} {does}", pressed, event, about=row.name, quiet=quiet)


def assemble(now: Standing) -> Asked:
    """A new cohort of the round, and its draft; a new round where the last one was sent, or its agreement ended."""
    at, by, number = now.at, now.staff["prepare"], now.fresh("R")
    stage = now.live.stage if now.live else "VOID"
    same = stage == "VOID" and now.round.agreement.reference == now.agreement

    def assembled() -> None:
        if not same:
            asked: dict[str, Any] = {"framework": "TF", "datasets": ["PNC", "NPD"], "cut_off": CUT_OFF}
            now.round = open_round(code=f"2026-{number}", agreement=now.agreement, by=by, at=at, **asked)
        asked_for = assembly.request(round_=now.round, run_at=at, by=by, at=at)
        assembly.assemble(asked_for.pk, by=ASSEMBLER, at=at)

    return Asked("a cohort is assembled", assembled, "COHORT_ASSEMBLED")


def draft(now: Standing) -> Asked | None:
    """A submission of the newest cohort."""
    by, at, cohort = now.hand(), now.at, Cohort.objects.filter(round=now.round, state=Cohort.FINISHED).last()
    if cohort is None:
        return None

    def drafted() -> None:
        looks.open_both(cohort=cohort, by=by, at=at)
        submission.draft(cohort=cohort, by=by, at=at)

    return Asked(f"{by.reference} drafts", drafted, "SUBMISSION_DRAFTED")


def explain(now: Standing) -> Asked:
    """A query is explained, of one of the sorts that are open; now and then of one person alone."""
    row = _row(now)
    missing = explained.not_explained(row)
    if not missing and now.random.random() < 0.9:
        return put_forward(now)
    code = now.random.choice(sorted(missing) or ["DQ212"])
    more: dict[str, Any] = {"code": code, "text": "Asked again: it is so."}
    if now.random.random() < 0.2:
        one = Finding.objects.filter(cohort=row.cohort_id, code=code).values("family_ref", "person_ref").first()
        more |= one or {}
    return _pressed(now, now.hand(), f"explains {code}", submission.explain, "FINDING_EXPLAINED", **more)


def put_forward(now: Standing) -> Asked:
    """A draft is put forward; mostly by somebody who has looked."""
    by = _row(now).prepared_by.who() if now.random.random() < 0.8 else now.hand()
    return _pressed(now, by, "puts forward", submission.put_forward, "SUBMISSION_PUT_FORWARD")


def look(now: Standing) -> Asked:
    """Somebody opens the pages of the cohort."""
    by, at, row = now.hand(), now.at, _row(now)
    return Asked(f"{by.reference} looks", lambda: looks.open_both(cohort=row.cohort, by=by, at=at), "DIFFERENCE_VIEWED")


def sample(now: Standing) -> Asked:
    """Somebody opens the sample."""
    by = now.one_of("govern", "govern", "approve", "assist")
    return _pressed(now, by, "opens the sample", approval.open_sample, "SAMPLE_VIEWED")


def approve(now: Standing) -> Asked:
    """Somebody approves."""
    by = now.one_of("govern", "govern", "approve", "approve", "assist", "prepare")
    return _pressed(now, by, "approves", approval.approve, "SUBMISSION_APPROVED")


def send_back(now: Standing) -> Asked:
    """Somebody sends it back."""
    by, reason = now.staff["approve"], "Ask for the postcodes."
    return _pressed(now, by, "sends back", approval.send_back, "SUBMISSION_SENT_BACK", reason=reason)


def make_void(now: Standing) -> Asked:
    """Somebody says that it goes nowhere."""
    why = "It is of the wrong round."
    return _pressed(now, now.hand(), "makes it void", voiding.make_void, "SUBMISSION_VOIDED", reason=why)


def take_up(now: Standing) -> Asked:
    """Somebody takes it up again."""
    return _pressed(now, now.hand(), "takes it up again", submission.take_up_again, "SUBMISSION_DRAFTED")


def ask_to_seal(now: Standing) -> Asked:
    """Somebody asks to seal."""
    return _pressed(now, now.hand(), "asks to seal", sealing.request, "SEALING_REQUESTED")


def seal(now: Standing) -> Asked:
    """A worker seals."""
    return _pressed(now, duty("seal"), "seals", sealing.seal, "SUBMISSION_SEALED")


def ask_to_deliver(now: Standing) -> Asked:
    """Somebody asks to deliver, or to try again at once."""
    return _pressed(now, now.hand(), "asks to deliver", delivery.request, "DELIVERY_REQUESTED")


def deliver(now: Standing) -> Asked:
    """A worker delivers, or somebody at the prompt."""
    by = now.random.choice((MACHINE, MACHINE, now.staff["prepare"]))
    return _pressed(now, by, "delivers", delivery.deliver, "SUBMISSION_DELIVERED", quiet=True)


def put_off(now: Standing) -> Asked:
    """A worker puts off what was refused."""
    of = now.random.choice((sealing, delivery))
    event = "SEALING_PUT_OFF" if of is sealing else "DELIVERY_PUT_OFF"
    return _pressed(now, MACHINE, f"puts off: {event}", of.put_off, event, quiet=True)


def take_in(now: Standing) -> Asked | None:
    """The recipient says that it has something, or could not load somebody; now and then it counts wrong."""
    said: Submission | Withdrawal = _row(now)
    sent = Withdrawal.objects.filter(acknowledged_at=None).exclude(sent_at=None).first()
    if sent is not None and now.random.random() < 0.7:
        said = sent
    if not said.sealed_files:
        return None
    files = {file["name"]: file for file in said.sealed_files}
    note = files.pop(f"{said.name}-transmittal.json")
    files.pop(f"{said.name}-transmittal.json.p7s")
    wrong, lost = now.random.random() < 0.2, now.random.random() < 0.2
    reference = PersonReference.objects.order_by("pk").values_list("reference", flat=True).first()
    lost = lost and reference is not None
    loaded = [
        {"name": name, "sha256": file["sha256"], "rows_loaded": file["rows"] + wrong - less, "rows_rejected": less}
        for name, file in files.items()
        for less in [int(lost and "identifiers" in name)]
    ]
    data = json.dumps(
        {
            "submission": said.name,
            "transmittal_sha256": note["sha256"],
            "received_at": now.at.isoformat(),
            "files": loaded,
            "rejected": [{"submission_person_ref": reference, "code": "POSTCODE"}] if lost else [],
        }
    ).encode()
    at = now.at
    event = "RECEIPT_TAKEN_IN" if isinstance(said, Submission) else "WITHDRAWAL_ACKNOWLEDGED"
    told = f"{', which counts wrong' if wrong else ''}{', less one' if lost else ''}"
    return Asked(
        f"a receipt of {said.name}{told}",
        lambda: receipt.take_in(data=data, by=duty("receive"), at=at),
        event,
        quiet=True,
    )


def withdraw(now: Standing) -> Asked | None:
    """Whoever is late is taken out of something that was sent."""
    row = now.some(Submission.objects.filter(stage__in=("SENDING", "SENT", "RECEIPTED")).order_by("-pk")[:3])
    if row is None:
        return None
    at = now.at
    return Asked(
        f"who is late is withdrawn from {row.name}",
        lambda: withdrawal.make(submission=row, by=duty("withdraw"), at=at),
        "WITHDRAWAL_MADE",
        quiet=True,
    )


def carry_out(now: Standing) -> Asked | None:
    """A withdrawal is sealed and delivered."""
    row = Withdrawal.objects.filter(sent_at=None).order_by("pk").first()
    if row is None:
        return None
    at, by = now.at, now.random.choice((duty("withdraw"), now.staff["prepare"]))
    return Asked(
        f"{row.name} is carried out",
        lambda: withdrawal.carry_out(withdrawal=row, by=by, at=at),
        "WITHDRAWAL_DELIVERED",
        about=row.name,
        quiet=True,
    )


SENDING: Acts = {
    "assemble": assemble, "draft": draft, "explain": explain, "put_forward": put_forward, "look": look,
    "sample": sample, "approve": approve, "send_back": send_back, "take_up": take_up, "make_void": make_void,
    "ask_to_seal": ask_to_seal, "seal": seal, "ask_to_deliver": ask_to_deliver, "deliver": deliver, "put_off": put_off,
    "take_in": take_in, "withdraw": withdraw, "carry_out": carry_out,
}  # fmt: skip
