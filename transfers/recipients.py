"""Recipients: for which of their certificates a package may be encrypted now, and why not for the others."""

from datetime import datetime

from cryptography import x509

from connecting_families.audit.refusals import Why
from transfers import keys
from transfers.models import RecipientCertificate
from transfers.rules import acceptance


def usable(recipient: str, purpose: str, at: datetime) -> tuple[list[x509.Certificate], list[Why]]:
    """The certificates for which this recipient's packages of this purpose are encrypted, or why there is none."""
    rows = RecipientCertificate.objects.filter(recipient=recipient, purpose=purpose).order_by("id")
    certificates, reasons = [], []
    for row in rows:
        certificate = keys.load_certificate(row.pem.encode())
        against = acceptance.may_be_used(
            row.fingerprint, row.first_accepted_by_id, row.second_accepted_by_id, row.revoked_at, at
        )
        against += [Why(fault.code, fault.sentence) for fault in keys.faults(certificate, at)]
        if against:
            reasons += against
        else:
            certificates.append(certificate)
    if certificates:
        return certificates, []
    none = Why(
        "NO_CERTIFICATE", f"No accepted certificate of {recipient} for {purpose} is in date. Add one and accept it."
    )
    return [], [none, *reasons]
