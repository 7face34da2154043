"""Whether a recipient's certificate may be accepted, and used (spec/submission.md, "Certificates")."""

from datetime import datetime

from connecting_families.audit.refusals import Why


def may_accept(person: int, first: int | None, second: int | None, revoked_at: datetime | None = None) -> list[Why]:
    """Why this person may not accept: two different people compare the fingerprint, and what is revoked stays so."""
    if revoked_at is not None:
        sentence = "This certificate was revoked. Ask the recipient for another one, and add that."
        return [Why("CERTIFICATE_REVOKED", sentence)]
    if second is not None:
        return [Why("ACCEPTED_ALREADY", "Two people have accepted this certificate already.")]
    if first == person:
        return [Why("FOUR_EYES", "You accepted this certificate already. Somebody else must compare it, too.")]
    return []


def may_revoke(revoked_at: datetime | None, reason: str) -> list[Why]:
    """Why a certificate cannot be revoked: one person may, because in doubt nothing more is sealed for it."""
    if revoked_at is not None:
        return [Why("REVOKED_ALREADY", "This certificate was revoked already.")]
    return [] if reason.strip() else [Why("NO_REASON", "Say why the certificate is revoked.")]


def one_format(purpose: str, formats: set[str]) -> list[Why]:
    """Why packages of this purpose cannot be sealed for these formats at once: one package has one format."""
    if len(formats) <= 1:
        return []
    sentence = (
        f"Certificates for {purpose} are of several formats, and one package has one. Revoke those of one format."
    )
    return [Why("SEVERAL_FORMATS", sentence)]


def may_be_used(fingerprint: str, first: int | None, second: int | None, revoked_at: datetime | None) -> list[Why]:
    """Why nothing may be encrypted for this certificate, apart from what it says itself.

    A revocation that is on file counts, whatever the clock says of whoever seals meanwhile.
    """
    reasons = []
    if first is None or second is None:
        sentence = f"The certificate {fingerprint[:16]}… is not accepted by two people."
        reasons.append(Why("CERTIFICATE_NOT_ACCEPTED", sentence))
    if revoked_at is not None:
        reasons.append(Why("CERTIFICATE_REVOKED", f"The certificate {fingerprint[:16]}… was revoked."))
    return reasons
