"""Certificates, submissions and what comes back."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection

from cohorts import objections
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act, before, does
from tests.stages.receipts import receipt_of
from tests.stages.walk import RUN, Walk, recipient_pem
from transfers import certificates, delivery, doors, receipt, sealing, voiding, withdrawal
from transfers.channels import chosen
from transfers.channels.channel import Lost
from transfers.models import DeliveryAttempt, RecipientCertificate, Withdrawal, WithdrawalAttempt


def add_certificate(walk: Walk) -> None:
    certificates.add(pem=recipient_pem(), recipient="ONS", purpose="linkage", by=walk.who("prepare"), at=walk.now())


def without_certificates(walk: Walk) -> None:
    with trail.act(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfers_recipientcertificate")
        trail.record(Event.CERTIFICATE_REVOKED, who=duty("test"), at=walk.now(), outside={})


def accept(walk: Walk) -> None:
    (row,) = RecipientCertificate.objects.all()
    certificates.accept(fingerprint=row.fingerprint, purpose="linkage", by=walk.who("govern"), at=walk.now())


def revoke(walk: Walk) -> None:
    row = RecipientCertificate.objects.latest("pk")
    certificates.revoke(certificate=row, reason="Its key was lost.", by=walk.who("govern"), at=walk.now())


def one_certificate(walk: Walk) -> None:
    without_certificates(walk)
    add_certificate(walk)


REFUSAL: dict[str, Any] = {"reason": "We must.", "legal_reference": "Article 21(1) UK GDPR", "told_on": RUN.date()}


def void(walk: Walk) -> None:
    doors.void(submission=walk.submission, why="Tried.", codes=["TRIED"], by=duty("guard"), at=walk.now())


def make_void(walk: Walk) -> None:
    voiding.make_void(submission=walk.submission, reason="The wrong round.", by=walk.who("prepare"), at=walk.now())


def put_off_sealing(walk: Walk) -> None:
    sealing.put_off(submission=walk.submission, by=duty("seal"), at=walk.now())


def put_off_delivery(walk: Walk) -> None:
    delivery.put_off(submission=walk.submission, by=duty("deliver"), at=walk.now())


def attempt(walk: Walk) -> None:
    where = chosen.channel().where
    delivery._attempt(submission=walk.submission, where=where, by=duty("deliver"), at=walk.now())


def arrive(walk: Walk) -> None:
    (open_attempt,) = DeliveryAttempt.objects.all()
    outcome: dict[str, Any] = {"attempt": open_attempt, "checked": "sha256"}
    delivery._arrived(submission=walk.submission, **outcome, by=duty("deliver"), at=walk.now())


def is_interrupted(walk: Walk) -> None:
    (open_attempt,) = DeliveryAttempt.objects.all()
    outcome: dict[str, Any] = {
        "attempt": open_attempt,
        "trouble": Lost("CONNECTION_LOST"),
        "settles": False,
        "files": 1,
    }
    delivery._interrupted(submission=walk.submission, **outcome, by=duty("deliver"), at=walk.now())


def take_in_a_receipt(walk: Walk) -> None:
    receipt.take_in(data=receipt_of(walk, ("P1", "SEX")), by=walk.who("prepare"), at=walk.now())


def objects_late(walk: Walk) -> None:
    at = walk.now()
    objections.receive(person=walk.person("P1"), received_at=at, by=walk.who("worker"), at=at)


def withdraw(walk: Walk) -> None:
    assert withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=walk.now()) is not None


def withdrawn(walk: Walk) -> None:
    objects_late(walk)
    withdraw(walk)


def of_withdrawal(stage: Callable[..., Any], **more: Any) -> Callable[[Walk], None]:
    def act(walk: Walk) -> None:
        stage(withdrawal=Withdrawal.objects.get(), **more, by=duty("withdraw"), at=walk.now())

    return act


seal_withdrawal = of_withdrawal(withdrawal._seal)


def sealed_withdrawal(walk: Walk) -> None:
    withdrawn(walk)
    settings.CF_OUTBOX.mkdir(exist_ok=True)
    seal_withdrawal(walk)


def attempt_withdrawal(walk: Walk) -> None:
    of_withdrawal(withdrawal._attempt, where=chosen.channel().where)(walk)


def attempted_withdrawal(walk: Walk) -> None:
    sealed_withdrawal(walk)
    attempt_withdrawal(walk)


def withdrawal_arrives(walk: Walk) -> None:
    of_withdrawal(withdrawal._arrived, attempt=WithdrawalAttempt.objects.get(), checked="sha256")(walk)


def withdrawal_is_interrupted(walk: Walk) -> None:
    outcome: dict[str, Any] = {"trouble": Lost("CONNECTION_LOST"), "settles": False, "files": 1}
    of_withdrawal(withdrawal._interrupted, attempt=WithdrawalAttempt.objects.get(), **outcome)(walk)


def interrupted_withdrawal(walk: Walk) -> None:
    attempted_withdrawal(walk)
    withdrawal_is_interrupted(walk)


ACTS = {
    "transfers.certificates.add": Act("assemble", add_certificate, Event.CERTIFICATE_ADDED, without_certificates),
    "transfers.certificates.accept": Act("assemble", accept, Event.CERTIFICATE_ACCEPTED, one_certificate),
    "transfers.certificates.revoke": Act("assemble", revoke, Event.CERTIFICATE_REVOKED),
    "transfers.submission.draft": Act(before("draft"), does("draft"), Event.SUBMISSION_DRAFTED),
    "transfers.submission.explain": Act(before("explain"), does("explain"), Event.FINDING_EXPLAINED),
    "transfers.submission.put_forward": Act(before("put forward"), does("put forward"), Event.SUBMISSION_PUT_FORWARD),
    "transfers.submission.take_up_again": Act(
        "put forward", does("take up again"), Event.SUBMISSION_DRAFTED, does("send back")
    ),
    "transfers.approval.open_sample": Act(before("open sample"), does("open sample"), Event.SAMPLE_VIEWED),
    "transfers.approval.approve": Act(before("approve"), does("approve"), Event.SUBMISSION_APPROVED),
    "transfers.approval.send_back": Act("put forward", does("send back"), Event.SUBMISSION_SENT_BACK),
    "transfers.doors.void": Act("approve", void, Event.SUBMISSION_VOIDED),
    "transfers.voiding.make_void": Act("seal", make_void, Event.SUBMISSION_VOIDED),
    "transfers.sealing.request": Act(before("ask to seal"), does("ask to seal"), Event.SEALING_REQUESTED),
    "transfers.sealing._seal": Act(before("seal"), does("seal"), Event.SUBMISSION_SEALED),
    "transfers.sealing.put_off": Act("ask to seal", put_off_sealing, Event.SEALING_PUT_OFF),
    "transfers.delivery.put_off": Act("ask to deliver", put_off_delivery, Event.DELIVERY_PUT_OFF),
    "transfers.delivery.request": Act(before("ask to deliver"), does("ask to deliver"), Event.DELIVERY_REQUESTED),
    "transfers.delivery._attempt": Act(before("deliver"), attempt, Event.DELIVERY_ATTEMPTED),
    "transfers.receipt.take_in": Act("deliver", take_in_a_receipt, Event.RECEIPT_TAKEN_IN),
    "transfers.delivery._interrupted": Act(before("deliver"), is_interrupted, Event.DELIVERY_INTERRUPTED, attempt),
    "transfers.delivery._arrived": Act(before("deliver"), arrive, Event.SUBMISSION_DELIVERED, attempt),
    "transfers.withdrawal.make": Act("deliver", withdraw, Event.WITHDRAWAL_MADE, objects_late),
    "transfers.withdrawal.request": Act(
        "deliver", of_withdrawal(withdrawal.request), Event.WITHDRAWAL_REQUESTED, interrupted_withdrawal
    ),
    "transfers.withdrawal._seal": Act("deliver", seal_withdrawal, Event.WITHDRAWAL_SEALED, withdrawn),
    "transfers.withdrawal._attempt": Act("deliver", attempt_withdrawal, Event.WITHDRAWAL_ATTEMPTED, sealed_withdrawal),
    "transfers.withdrawal._interrupted": Act(
        "deliver", withdrawal_is_interrupted, Event.WITHDRAWAL_INTERRUPTED, attempted_withdrawal
    ),
    "transfers.withdrawal._arrived": Act(
        "deliver", withdrawal_arrives, Event.WITHDRAWAL_DELIVERED, attempted_withdrawal
    ),
    "transfers.withdrawal._put_off": Act(
        "deliver", of_withdrawal(withdrawal._put_off, codes=["NO_CERTIFICATE"]), Event.WITHDRAWAL_PUT_OFF, withdrawn
    ),
}
