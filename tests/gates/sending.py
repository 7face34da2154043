"""Steps of the walk that take a submission on, or try to, by whoever presses the button at whatever moment."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from cohorts import agreements, assembly, looks
from cohorts.models import Agreement, Cohort
from cohorts.rounds import open_round
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.gates.asked import MACHINE, Acts, Asked, Standing, certificate_of
from tests.gates.believed import Believed
from tests.stages.walk import CUT_OFF
from transfers import approval, certificates, delivery, explained, receipt, sealing, submission, withdrawal
from transfers.models import PersonReference, RecipientCertificate, Submission, Withdrawal

ASSEMBLER = duty("assemble")


def _row(now: Standing) -> Submission:
    if now.live is None:
        raise AssertionError("Asked for without a submission.")
    return now.live


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
    by, at, cohort = now.hand(), now.at, Cohort.objects.filter(state=Cohort.FINISHED).latest("pk")

    def drafted() -> None:
        looks.open_both(cohort=cohort, by=by, at=at)
        submission.draft(cohort=cohort, by=by, at=at)

    return Asked(f"{by.reference} drafts", drafted, "SUBMISSION_DRAFTED")


def explain(now: Standing) -> Asked:
    """A query is explained, of the one sort that is open."""
    by, at, row = now.hand(), now.at, _row(now)
    missing = explained.not_explained(row)
    if not missing and now.random.random() < 0.9:
        return put_forward(now)
    code = now.random.choice(sorted(missing) or ["DQ212"])
    return Asked(
        f"{by.reference} explains {code}",
        lambda: submission.explain(submission=row, code=code, text="Asked again: it is so.", by=by, at=at),
        "FINDING_EXPLAINED",
        about=row.name,
    )


def put_forward(now: Standing) -> Asked:
    """A draft is put forward; mostly by somebody who has looked."""
    by, at, row = now.hand(), now.at, _row(now)
    if now.random.random() < 0.8:
        by = row.prepared_by.who()
    return Asked(
        f"{by.reference} puts forward",
        lambda: submission.put_forward(submission=row, by=by, at=at),
        "SUBMISSION_PUT_FORWARD",
        about=row.name,
    )


def look(now: Standing) -> Asked:
    """Somebody opens the pages of the cohort."""
    by, at, row = now.hand(), now.at, _row(now)
    return Asked(f"{by.reference} looks", lambda: looks.open_both(cohort=row.cohort, by=by, at=at), "DIFFERENCE_VIEWED")


def sample(now: Standing) -> Asked:
    """Somebody opens the sample."""
    by, at, row = now.staff[now.random.choice(("govern", "govern", "approve", "assist"))], now.at, _row(now)
    return Asked(
        f"{by.reference} opens the sample",
        lambda: approval.open_sample(submission=row, by=by, at=at),
        "SAMPLE_VIEWED",
        about=row.name,
    )


def approve(now: Standing) -> Asked:
    """Somebody approves."""
    name = now.random.choice(("govern", "govern", "approve", "approve", "assist", "prepare"))
    by, at, row = now.staff[name], now.at, _row(now)
    return Asked(
        f"{name} approves",
        lambda: approval.approve(submission=row, by=by, at=at),
        "SUBMISSION_APPROVED",
        about=row.name,
    )


def send_back(now: Standing) -> Asked:
    """Somebody sends it back."""
    by, at, row = now.staff["approve"], now.at, _row(now)
    return Asked(
        "approve sends back",
        lambda: approval.send_back(submission=row, reason="Ask for the postcodes.", by=by, at=at),
        "SUBMISSION_SENT_BACK",
        about=row.name,
    )


def take_up(now: Standing) -> Asked:
    """Somebody takes it up again."""
    by, at, row = now.hand(), now.at, _row(now)
    return Asked(
        f"{by.reference} takes it up again",
        lambda: submission.take_up_again(submission=row, by=by, at=at),
        "SUBMISSION_DRAFTED",
        about=row.name,
    )


def ask_to_seal(now: Standing) -> Asked:
    """Somebody asks to seal."""
    by, at, row = now.hand(), now.at, _row(now)
    return Asked(
        f"{by.reference} asks to seal",
        lambda: sealing.request(submission=row, by=by, at=at),
        "SEALING_REQUESTED",
        about=row.name,
    )


def seal(now: Standing) -> Asked:
    """A worker seals."""
    at, row = now.at, _row(now)
    return Asked(
        "a worker seals",
        lambda: sealing.seal(submission=row, by=duty("seal"), at=at),
        "SUBMISSION_SEALED",
        about=row.name,
    )


def ask_to_deliver(now: Standing) -> Asked:
    """Somebody asks to deliver, or to try again at once."""
    by, at, row = now.hand(), now.at, _row(now)
    return Asked(
        f"{by.reference} asks to deliver",
        lambda: delivery.request(submission=row, by=by, at=at),
        "DELIVERY_REQUESTED",
        about=row.name,
    )


def deliver(now: Standing) -> Asked:
    """A worker delivers, or somebody at the prompt."""
    by, at, row = now.random.choice((MACHINE, MACHINE, now.staff["prepare"])), now.at, _row(now)
    return Asked(
        f"{by.reference} delivers",
        lambda: delivery.deliver(submission=row, by=by, at=at),
        "SUBMISSION_DELIVERED",
        about=row.name,
        quiet=True,
    )


def put_off(now: Standing) -> Asked:
    """A worker puts off what was refused."""
    at, row = now.at, _row(now)
    sealed = now.random.random() < 0.5
    stage = sealing.put_off if sealed else delivery.put_off
    event = "SEALING_PUT_OFF" if sealed else "DELIVERY_PUT_OFF"
    return Asked(f"a worker puts off: {event}", lambda: stage(submission=row, by=MACHINE, at=at), event, quiet=True)


def take_in(now: Standing) -> Asked | None:
    """The recipient says that it has something; now and then of other bytes."""
    said: Submission | Withdrawal = _row(now)
    sent = Withdrawal.objects.filter(acknowledged_at=None).exclude(sent_at=None).first()
    if sent is not None and now.random.random() < 0.7:
        said = sent
    if not said.sealed_files:
        return None
    files = {file["name"]: file for file in said.sealed_files}
    note = files.pop(f"{said.name}-transmittal.json")
    files.pop(f"{said.name}-transmittal.json.p7s")
    wrong = now.random.random() < 0.3
    reference = PersonReference.objects.order_by("pk").values_list("reference", flat=True)[0]
    loaded = [
        {"name": name, "sha256": file["sha256"], "rows_loaded": file["rows"] + wrong, "rows_rejected": 0}
        for name, file in files.items()
    ]
    data = json.dumps(
        {
            "submission": said.name,
            "transmittal_sha256": note["sha256"],
            "received_at": now.at.isoformat(),
            "files": loaded,
            "rejected": [{"submission_person_ref": reference, "code": "OTHER"}] if wrong else [],
        }
    ).encode()
    at = now.at
    event = "RECEIPT_TAKEN_IN" if isinstance(said, Submission) else "WITHDRAWAL_ACKNOWLEDGED"
    return Asked(
        f"a receipt of {said.name}{', of other bytes' if wrong else ''}",
        lambda: receipt.take_in(data=data, by=duty("receive"), at=at),
        event,
        quiet=True,
    )


def withdraw(now: Standing) -> Asked | None:
    """Whoever is late is taken out of something that was sent."""
    row = _some_sent(now)
    if row is None:
        return None
    at = now.at
    return Asked(
        f"who is late is withdrawn from {row.name}",
        lambda: withdrawal.make(submission=row, by=duty("withdraw"), at=at),
        "WITHDRAWAL_MADE",
        quiet=True,
    )


def _some_sent(now: Standing) -> Submission | None:
    found = list(Submission.objects.filter(stage__in=("SENDING", "SENT", "RECEIPTED")).order_by("-pk")[:3])
    return now.random.choice(found) if found else None


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


def add_certificate(now: Standing) -> Asked | None:
    """A certificate for one purpose, accepted by two; or by one alone, or by one twice."""
    at, by = now.at, now.staff["prepare"]
    purpose = now.random.choice(("linkage", "analysis"))
    if now.usable(purpose, at + timedelta(days=2)):
        return None
    pem, known = certificate_of(now, purpose)
    hands = now.random.choice((("prepare", "govern"), ("prepare", "govern"), ("govern",), ("govern", "govern")))

    def added() -> None:
        certificates.add(pem=pem, recipient="ONS", purpose=purpose, by=by, at=at)
        now.certificates[known.serial, purpose] = known
        for hand in hands:
            certificates.accept(fingerprint=known.fingerprint, purpose=purpose, by=now.staff[hand], at=at)
            now.accepted.setdefault((known.fingerprint, purpose), set()).add(hand)

    return Asked(f"a certificate for {purpose}, accepted by {', '.join(hands)}", added, "CERTIFICATE_ADDED")


def revoke(now: Standing) -> Asked | None:
    """A certificate is revoked."""
    row = RecipientCertificate.objects.filter(revoked_at=None).order_by("pk").last()
    if row is None:
        return None
    at, by = now.at, now.staff["govern"]
    return Asked(
        f"the certificate {row.pk} for {row.purpose} is revoked",
        lambda: certificates.revoke(certificate=row, reason="It was lost.", by=by, at=at),
        "CERTIFICATE_REVOKED",
        _noting(lambda: now.revoked.add((row.fingerprint, row.purpose))),
        row.fingerprint,
    )


def _noting(note: Any) -> Any:
    def effect(_: Believed) -> None:
        note()

    return effect


def end_agreement(now: Standing) -> Asked:
    """The agreement ends today or tomorrow, and there is another for the next round."""
    at, by, new = now.at, now.staff["govern"], now.fresh("DSA-")
    row = Agreement.objects.get(reference=now.agreement)
    last = now.today + timedelta(days=now.random.choice((-1, 0, 1)))

    def ended() -> None:
        # It may have ended when somebody was killed who did this.
        with suppress(Refused):
            agreements.end(agreement=row, last_day=last, reason="The parties agreed so.", by=by, at=at)
            now.agreements[row.reference] = last + timedelta(days=1)
        agreements.enter(
            reference=new, parties=["Council", "ONS"], purpose="research", in_force_from=row.in_force_from,
            last_day=now.today + timedelta(days=400), fields=["linkage_scope"], datasets=["PNC", "NPD"],
            recipients=["ONS"], legal_reference="Art 6(1)(e)", known_fields=["linkage_scope"], by=by, at=at,
        )  # fmt: skip
        now.agreements[new], now.agreement = now.today + timedelta(days=401), new

    return Asked(f"the agreement {row.reference} ends on {last}", ended, "AGREEMENT_ENTERED")


SENDING: Acts = {
    "assemble": assemble, "draft": draft, "explain": explain, "put_forward": put_forward, "look": look,
    "sample": sample, "approve": approve, "send_back": send_back, "take_up": take_up, "ask_to_seal": ask_to_seal,
    "seal": seal, "ask_to_deliver": ask_to_deliver, "deliver": deliver, "put_off": put_off, "take_in": take_in,
    "withdraw": withdraw, "carry_out": carry_out, "add_certificate": add_certificate, "revoke": revoke,
    "end_agreement": end_agreement,
}  # fmt: skip
