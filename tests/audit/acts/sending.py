"""Certificates, submissions and what comes back."""

from typing import Any

from django.db import connection

from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act, before, does
from tests.stages.receipts import receipt_of
from tests.stages.walk import RUN, Walk, recipient_pem
from transfers import certificates, delivery, doors, receipt, sealing
from transfers.channels import chosen
from transfers.channels.channel import Lost
from transfers.models import DeliveryAttempt, RecipientCertificate


def add_certificate(walk: Walk) -> None:
    certificates.add(pem=recipient_pem(), recipient="ONS", purpose="linkage", by=walk.who("prepare"), at=walk.now())


def without_certificates(_: Walk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfers_recipientcertificate")


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
    "transfers.sealing.request": Act(before("ask to seal"), does("ask to seal"), Event.SEALING_REQUESTED),
    "transfers.sealing._seal": Act(before("seal"), does("seal"), Event.SUBMISSION_SEALED),
    "transfers.sealing.put_off": Act("ask to seal", put_off_sealing, Event.SEALING_PUT_OFF),
    "transfers.delivery.put_off": Act("ask to deliver", put_off_delivery, Event.DELIVERY_PUT_OFF),
    "transfers.delivery.request": Act(before("ask to deliver"), does("ask to deliver"), Event.DELIVERY_REQUESTED),
    "transfers.delivery._attempt": Act(before("deliver"), attempt, Event.DELIVERY_ATTEMPTED),
    "transfers.receipt.take_in": Act("deliver", take_in_a_receipt, Event.RECEIPT_TAKEN_IN),
    "transfers.delivery._interrupted": Act(before("deliver"), is_interrupted, Event.DELIVERY_INTERRUPTED, attempt),
    "transfers.delivery._arrived": Act(before("deliver"), arrive, Event.SUBMISSION_DELIVERED, attempt),
}
