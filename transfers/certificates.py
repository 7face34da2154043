"""Recipients' certificates: added by one person, accepted by two who compared the fingerprint with the recipient."""

from datetime import datetime

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import addressees, keys
from transfers.models import RecipientCertificate
from transfers.rules import acceptance

FINGERPRINT_MISTYPED = (
    "The fingerprint is not that of a certificate that was added. Ask the recipient, and compare again."
)


class NotAccepted(Refused):
    """Adding or accepting a certificate was refused."""

    event = Event.CERTIFICATE_REFUSED


class NotRevoked(Refused):
    """Revoking a certificate was refused."""

    event = Event.REVOCATION_REFUSED


def digits(fingerprint: str) -> str:
    """A fingerprint as it is kept, of one as it is read out or printed: with colons, spaces or capital letters."""
    return "".join(character for character in fingerprint.lower() if character in "0123456789abcdef")


@trail.stage
def add(*, pem: bytes, recipient: str, purpose: str, by: Who, at: datetime) -> RecipientCertificate:
    """Add a recipient's certificate; nothing is encrypted for it before two people have accepted it.

    `recipient` is the code in agreements. Raises NotAccepted for what is no usable certificate.
    """
    try:
        certificate = addressees.load(pem)
    except keys.CertificateError as error:
        raise NotAccepted([Why("NOT_A_CERTIFICATE", str(error))]) from None
    reasons = [Why(fault.code, fault.sentence) for fault in certificate.faults(at)]
    if purpose not in RecipientCertificate.PURPOSES:
        reasons.append(Why("UNKNOWN_PURPOSE", f"The purpose is {' or '.join(RecipientCertificate.PURPOSES)}."))
    fingerprint = certificate.fingerprint
    known = RecipientCertificate.objects.filter(fingerprint=fingerprint, purpose=purpose).first()
    if known is not None and known.revoked_at is not None:
        sentence = "This certificate was revoked for this purpose. Ask the recipient for another one."
        reasons.append(Why("CERTIFICATE_REVOKED", sentence))
    elif known is not None:
        reasons.append(Why("CERTIFICATE_KNOWN", "This certificate was added for this purpose already."))
    if reasons or certificate.valid_to is None:
        raise NotAccepted(reasons, record="transfers.recipientcertificate", reference=fingerprint)
    added = RecipientCertificate.objects.create(
        recipient=recipient,
        purpose=purpose,
        format=certificate.format,
        pem=certificate.text,
        fingerprint=fingerprint,
        valid_from=certificate.valid_from,
        valid_to=certificate.valid_to,
        added_by=by.reference,
        added_at=at,
    )
    trail.record(Event.CERTIFICATE_ADDED, who=by, at=at, about=added, details={"purpose": purpose})
    return added


@trail.stage
def accept(*, fingerprint: str, purpose: str, by: Who, at: datetime) -> RecipientCertificate:
    """Accept the certificate whose fingerprint this person had read out by the recipient: first one, then another.

    Raises NotAccepted for an unknown fingerprint, and for a second acceptance by the first person.
    """
    row = (
        RecipientCertificate.objects.select_for_update()
        .filter(fingerprint=digits(fingerprint), purpose=purpose)
        .first()
    )
    if row is None:
        raise NotAccepted([Why("FINGERPRINT_DIFFERS", FINGERPRINT_MISTYPED)], record="transfers.recipientcertificate")
    reasons = acceptance.may_accept(by.person, row.first_accepted_by_id, row.second_accepted_by_id, row.revoked_at)
    if reasons:
        raise NotAccepted(reasons, record="transfers.recipientcertificate", reference=row.fingerprint)
    if row.first_accepted_by_id is None:
        row.first_accepted_by_id, row.first_accepted_at = by.person, at
    else:
        row.second_accepted_by_id, row.second_accepted_at = by.person, at
    row.save()
    trail.record(Event.CERTIFICATE_ACCEPTED, who=by, at=at, about=row, details={"purpose": purpose})
    return row


@trail.stage
def revoke(*, certificate: RecipientCertificate, reason: str, by: Who, at: datetime) -> RecipientCertificate:
    """Revoke a certificate for good: one person is enough, because in doubt nothing more is encrypted for it.

    From now on sealing passes it over, and what was sealed for it and did not leave yet is refused at the door.
    `reason` says why, without names. Raises NotRevoked where it was revoked already, or without a reason.
    """
    row = RecipientCertificate.objects.select_for_update().get(pk=certificate.pk)
    reasons = acceptance.may_revoke(row.revoked_at, reason)
    if reasons:
        raise NotRevoked(reasons, record="transfers.recipientcertificate", reference=row.fingerprint)
    row.revoked_by_id, row.revoked_at = by.person, at
    row.save()
    purpose = {"purpose": row.purpose}
    trail.record(
        Event.CERTIFICATE_REVOKED, who=by, at=at, about=row, reason=reason.strip(), details=purpose,
        outside=purpose | {"fingerprint": row.fingerprint},
    )  # fmt: skip
    return row


def ending(at: datetime) -> list[str]:
    """Which accepted certificates expire within 60 days, or have expired and were not revoked, as sentences."""
    accepted = RecipientCertificate.objects.filter(second_accepted_by__isnull=False, revoked_at=None)
    return [
        f"The certificate of {row.recipient} for {RecipientCertificate.PURPOSES[row.purpose].lower()} "
        f"{'expires' if row.valid_to >= at else 'expired'} on {keys.day(row.valid_to)}."
        for row in accepted.filter(valid_to__lte=at + keys.EXPIRY_WARNING).order_by("valid_to", "id")
    ]
