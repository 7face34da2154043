"""A recipient's certificate counts once two different people have compared its fingerprint."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Unrecorded, duty
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN, Walk, openpgp_recipient, recipient_pem
from tests.transfers.conftest import self_signed
from transfers import certificates, keys, recipients
from transfers.certificates import NotAccepted, NotRevoked
from transfers.models import RecipientCertificate


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


@pytest.fixture
def good(key: rsa.RSAPrivateKey) -> bytes:
    return pem(self_signed(key, since=RUN - timedelta(days=1), until=RUN + timedelta(days=100)))


def refused(walk: Walk, data: bytes, purpose: str = "linkage") -> list[str]:
    with pytest.raises(NotAccepted) as refusal:
        walk.add_certificate(data, purpose)
    assert Entry.objects.latest("id").additional_data == {"reasons": refusal.value.codes}
    assert RecipientCertificate.objects.count() == 2
    return refusal.value.codes


def accept(walk: Walk, fingerprint: str, name: str, purpose: str = "linkage") -> RecipientCertificate:
    return certificates.accept(fingerprint=fingerprint, purpose=purpose, by=walk.who(name), at=walk.now())


def usable(walk: Walk) -> int:
    return len(recipients.usable("ONS", "linkage", walk.now())[0])


def test_it_counts_after_two_people_and_not_before(walk_to: WalkTo, good: bytes) -> None:
    walk = walk_to("assemble")
    assert usable(walk) == 1
    fingerprint = walk.add_certificate(good, "linkage", accepted_by=())
    assert usable(walk) == 1
    accept(walk, fingerprint, "prepare")
    assert usable(walk) == 1
    with pytest.raises(NotAccepted) as refusal:
        accept(walk, fingerprint, "prepare")
    assert refusal.value.codes == ["FOUR_EYES"]
    accept(walk, fingerprint, "govern")
    assert usable(walk) == 2
    with pytest.raises(NotAccepted) as refusal:
        accept(walk, fingerprint, "approve")
    assert refusal.value.codes == ["ACCEPTED_ALREADY"]


def test_the_database_refuses_two_acceptances_by_one_person(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with (
        pytest.raises(IntegrityError, match="certificate_accepted_by_two_people"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE transfers_recipientcertificate SET second_accepted_by_id = first_accepted_by_id")


def test_a_fingerprint_is_compared_as_it_is_read_out(walk_to: WalkTo, good: bytes) -> None:
    walk = walk_to("assemble")
    fingerprint = walk.add_certificate(good, "linkage", accepted_by=())
    read_out = ":".join(fingerprint[place : place + 2] for place in range(0, 64, 2)).upper()
    assert accept(walk, read_out, "prepare").fingerprint == fingerprint
    for wrong in ("", fingerprint[:-1], fingerprint[:-1] + ("0" if fingerprint[-1] != "0" else "1")):
        with pytest.raises(NotAccepted) as refusal:
            accept(walk, wrong, "govern")
        assert refusal.value.codes == ["FINGERPRINT_DIFFERS"]
    with pytest.raises(NotAccepted):
        accept(walk, fingerprint, "govern", "analysis")


def test_what_nobody_can_encrypt_for_is_not_added(walk_to: WalkTo, key: rsa.RSAPrivateKey) -> None:
    walk = walk_to("assemble")
    day = timedelta(days=1)
    assert refused(walk, b"not a certificate") == ["NOT_A_CERTIFICATE"]
    assert refused(walk, pem(self_signed(key, since=RUN - 9 * day, until=RUN - day))) == ["EXPIRED"]
    assert refused(walk, pem(self_signed(key, since=RUN + day, until=RUN + 9 * day))) == ["NOT_YET_VALID"]
    short = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refused(walk, pem(self_signed(short, since=RUN - day, until=RUN + day))) == ["KEY_TOO_SHORT"]
    curve = ec.generate_private_key(ec.SECP256R1())
    assert refused(walk, pem(self_signed(curve, since=RUN - day, until=RUN + day))) == ["KEY_NOT_RSA"]
    assert refused(walk, recipient_pem()) == ["CERTIFICATE_KNOWN"]
    assert refused(walk, recipient_pem(), "gossip") == ["UNKNOWN_PURPOSE"]


def test_a_machine_accepts_nothing(walk_to: WalkTo, good: bytes) -> None:
    walk = walk_to("assemble")
    fingerprint = walk.add_certificate(good, "linkage", accepted_by=())
    with pytest.raises(Unrecorded):
        certificates.accept(fingerprint=fingerprint, purpose="linkage", by=duty("accept"), at=walk.now())


def revoke(walk: Walk, fingerprint: str, reason: str = "Its key was lost.", purpose: str = "linkage") -> None:
    row = RecipientCertificate.objects.get(fingerprint=fingerprint, purpose=purpose)
    certificates.revoke(certificate=row, reason=reason, by=walk.who("approve"), at=walk.now())


def test_one_person_revokes_and_nothing_brings_it_back(walk_to: WalkTo, good: bytes) -> None:
    walk = walk_to("assemble")
    fingerprint = walk.add_certificate(good, "linkage", accepted_by=("prepare",))
    with pytest.raises(NotRevoked) as refusal:
        revoke(walk, fingerprint, " ")
    assert refusal.value.codes == ["NO_REASON"]
    revoke(walk, fingerprint)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.reason, entry.reference) == ("CERTIFICATE_REVOKED", "Its key was lost.", fingerprint)
    with pytest.raises(NotRevoked) as refusal:
        revoke(walk, fingerprint)
    assert refusal.value.codes == ["REVOKED_ALREADY"]
    with pytest.raises(NotAccepted) as again:
        accept(walk, fingerprint, "govern")
    assert again.value.codes == ["CERTIFICATE_REVOKED"]
    with pytest.raises(NotAccepted) as again:
        walk.add_certificate(good, "linkage")
    assert again.value.codes == ["CERTIFICATE_REVOKED"]
    assert usable(walk) == 1


def test_an_openpgp_certificate_counts_after_the_same_ceremony(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    revoke(walk, keys.fingerprint(keys.load_certificate(recipient_pem())))
    assert usable(walk) == 0
    fingerprint = walk.add_certificate(openpgp_recipient(), "linkage", accepted_by=("prepare",))
    assert usable(walk) == 0
    # As gpg --fingerprint writes it.
    spaced = " ".join(fingerprint.upper()[place : place + 4] for place in range(0, 40, 4))
    assert accept(walk, spaced, "govern").format == "openpgp"
    assert usable(walk) == 1


def test_a_secret_key_is_never_kept(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    folder = settings.CF_SIGNING_KEY.parent
    for name in ("ons.key", "ons-openpgp.key"):
        assert refused(walk, (folder / name).read_bytes()) == ["NOT_A_CERTIFICATE"]
    both = (folder / "ons.key").read_bytes() + recipient_pem()
    assert refused(walk, both, "analysis") == ["NOT_A_CERTIFICATE"]


def test_certificates_of_two_formats_for_one_package_are_refused(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    walk.add_certificate(openpgp_recipient(), "linkage")
    with pytest.raises(Refused) as refusal:
        walk.do("ask to seal")
    assert refusal.value.codes == ["SEVERAL_FORMATS"]
    revoke(walk, keys.fingerprint(keys.load_certificate(recipient_pem())))
    walk.do("ask to seal")


def test_what_ends_soon_is_said_60_days_before(walk_to: WalkTo, key: rsa.RSAPrivateKey) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    assert certificates.ending(at) == []
    soon = pem(self_signed(key, since=RUN - timedelta(days=1), until=RUN + timedelta(days=60)))
    fingerprint = walk.add_certificate(soon, "linkage")
    assert certificates.ending(at) == ["The certificate of ONS for linkage (identifiers) expires on 1 January 2027."]
    assert "expired on 1 January 2027" in certificates.ending(RUN + timedelta(days=61))[0]
    revoke(walk, fingerprint)
    assert certificates.ending(at) == []
