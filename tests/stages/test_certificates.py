"""A recipient's certificate counts once two different people have compared its fingerprint."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import IntegrityError, connection, transaction

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Unrecorded, duty
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN, Walk, recipient_pem
from tests.transfers.conftest import self_signed
from transfers import certificates, recipients
from transfers.certificates import NotAccepted
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
