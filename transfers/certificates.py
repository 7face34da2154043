"""Recipients' certificates: added by one person, accepted by two who compared the fingerprint with the recipient."""

from datetime import datetime

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import keys
from transfers.models import RecipientCertificate
from transfers.rules import acceptance

FINGERPRINT_MISTYPED = (
    "The fingerprint is not that of a certificate that was added. Ask the recipient, and compare again."
)


class NotAccepted(Refused):
    """Adding or accepting a certificate was refused."""

    event = Event.CERTIFICATE_REFUSED


@trail.stage
def add(*, pem: bytes, recipient: str, purpose: str, by: Who, at: datetime) -> RecipientCertificate:
    """Add a recipient's certificate; nothing is encrypted for it before two people have accepted it.

    `recipient` is the code in agreements. Raises NotAccepted for what is no usable certificate.
    """
    try:
        certificate = keys.load_certificate(pem)
    except keys.CertificateError as error:
        raise NotAccepted([Why("NOT_A_CERTIFICATE", str(error))]) from None
    reasons = [Why(fault.code, fault.sentence) for fault in keys.faults(certificate, at)]
    if purpose not in RecipientCertificate.PURPOSES:
        reasons.append(Why("UNKNOWN_PURPOSE", f"The purpose is {' or '.join(RecipientCertificate.PURPOSES)}."))
    fingerprint = keys.fingerprint(certificate)
    if RecipientCertificate.objects.filter(fingerprint=fingerprint, purpose=purpose).exists():
        reasons.append(Why("CERTIFICATE_KNOWN", "This certificate was added for this purpose already."))
    if reasons:
        raise NotAccepted(reasons, record="transfers.recipientcertificate", reference=fingerprint)
    added = RecipientCertificate.objects.create(
        recipient=recipient,
        purpose=purpose,
        pem=pem.decode("ascii"),
        fingerprint=fingerprint,
        valid_from=certificate.not_valid_before_utc,
        valid_to=certificate.not_valid_after_utc,
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
    typed = "".join(character for character in fingerprint.lower() if character in "0123456789abcdef")
    row = RecipientCertificate.objects.select_for_update().filter(fingerprint=typed, purpose=purpose).first()
    if row is None:
        raise NotAccepted([Why("FINGERPRINT_DIFFERS", FINGERPRINT_MISTYPED)], record="transfers.recipientcertificate")
    reasons = acceptance.may_accept(by.person, row.first_accepted_by_id, row.second_accepted_by_id)
    if reasons:
        raise NotAccepted(reasons, record="transfers.recipientcertificate", reference=row.fingerprint)
    if row.first_accepted_by_id is None:
        row.first_accepted_by_id, row.first_accepted_at = by.person, at
    else:
        row.second_accepted_by_id, row.second_accepted_at = by.person, at
    row.save()
    trail.record(Event.CERTIFICATE_ACCEPTED, who=by, at=at, about=row, details={"purpose": purpose})
    return row
