"""Recipients: for which of their certificates a package may be encrypted now, and why not for the others."""

from collections.abc import Iterable
from datetime import datetime

from connecting_families.audit.refusals import Why
from transfers import addressees
from transfers.addressees import Addressee
from transfers.models import RecipientCertificate
from transfers.rules import acceptance


def usable(recipient: str, purpose: str, at: datetime, *, held: bool = False) -> tuple[list[Addressee], list[Why]]:
    """The certificates for which this recipient's packages of this purpose are encrypted, or why there is none.

    With `held`, none of them can be revoked, nor another one accepted, until the act ends.
    """
    rows = RecipientCertificate.objects.filter(recipient=recipient, purpose=purpose).order_by("id")
    if held:
        rows = rows.select_for_update(no_key=True)
    found, reasons = [], []
    for row in rows:
        addressee = addressees.load(row.pem.encode())
        against = acceptance.may_be_used(
            row.fingerprint, row.first_accepted_by_id, row.second_accepted_by_id, row.revoked_at
        )
        against += [Why(fault.code, fault.sentence) for fault in addressee.faults(at)]
        if against:
            reasons += against
        else:
            found.append(addressee)
    if found:
        return found, []
    none = Why(
        "NO_CERTIFICATE", f"No accepted certificate of {recipient} for {purpose} is in date. Add one and accept it."
    )
    return [], [none, *reasons]


def usable_by_all(
    recipients: Iterable[str], purpose: str, at: datetime, *, held: bool = False
) -> tuple[list[Addressee], list[Why]]:
    """The certificates for which one package of this purpose is encrypted, and why it may not be."""
    chosen: list[Addressee] = []
    reasons: list[Why] = []
    for recipient in recipients:
        found, against = usable(recipient, purpose, at, held=held)
        chosen += found
        reasons += against
    reasons += acceptance.one_format(purpose, {each.format for each in chosen})
    return chosen, reasons
