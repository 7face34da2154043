"""Steps of the walk that concern those to whom something is sent: their certificates, and the agreements with them."""

from contextlib import suppress
from datetime import timedelta

from cohorts import agreements
from cohorts.models import Agreement
from connecting_families.audit.refusals import Refused
from tests.gates.asked import Acts, Asked, Standing, certificate_of
from transfers import certificates
from transfers.models import RecipientCertificate


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
        lambda _: now.revoked.add((row.fingerprint, row.purpose)),
        row.fingerprint,
    )


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


PARTNERS: Acts = {"add_certificate": add_certificate, "revoke": revoke, "end_agreement": end_agreement}
