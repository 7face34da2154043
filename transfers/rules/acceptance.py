"""Whether a recipient's certificate may be accepted, and used (spec/submission.md, "Certificates")."""

from datetime import datetime

from connecting_families.audit.refusals import Why


def may_accept(person: int, first: int | None, second: int | None) -> list[Why]:
    """Why this person may not accept: two different people compare the fingerprint."""
    if second is not None:
        return [Why("ACCEPTED_ALREADY", "Two people have accepted this certificate already.")]
    if first == person:
        return [Why("FOUR_EYES", "You accepted this certificate already. Somebody else must compare it, too.")]
    return []


def may_be_used(
    fingerprint: str, first: int | None, second: int | None, revoked_at: datetime | None, at: datetime
) -> list[Why]:
    """Why nothing may be encrypted for this certificate at this instant, apart from what it says itself."""
    reasons = []
    if first is None or second is None:
        sentence = f"The certificate {fingerprint[:16]}… is not accepted by two people."
        reasons.append(Why("CERTIFICATE_NOT_ACCEPTED", sentence))
    if revoked_at is not None and revoked_at <= at:
        reasons.append(Why("CERTIFICATE_REVOKED", f"The certificate {fingerprint[:16]}… was revoked."))
    return reasons
