"""Certificates are refused with reasons; keys are made once, for their owner alone."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.transfers.conftest import NOW, PrivateKey, Run, self_signed
from transfers.keys import (
    CertificateError,
    DemonstrationKeys,
    Signer,
    SigningKeyError,
    faults,
    load_certificate,
    load_signer,
    load_signing_key,
    make_demonstration_keys,
    warnings,
)

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def long_key() -> rsa.RSAPrivateKey:
    """Just long enough."""
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


@pytest.fixture(scope="module")
def certificate(long_key: rsa.RSAPrivateKey) -> x509.Certificate:
    """Valid for the year 2026."""
    return self_signed(long_key, since=SINCE, until=UNTIL)


@pytest.mark.parametrize(
    ("at", "codes"),
    [
        (SINCE - SECOND, ["NOT_YET_VALID"]),
        (SINCE, []),
        (datetime(2026, 7, 1, tzinfo=UTC), []),
        (UNTIL, []),
        (UNTIL + SECOND, ["EXPIRED"]),
    ],
)
def test_a_certificate_must_be_in_date(certificate: x509.Certificate, at: datetime, codes: list[str]) -> None:
    assert [fault.code for fault in faults(certificate, at)] == codes


def test_the_reasons_say_when(certificate: x509.Certificate) -> None:
    assert faults(certificate, UNTIL + SECOND)[0].sentence == "The certificate expired on 31 December 2026."
    assert faults(certificate, SINCE - SECOND)[0].sentence == "The certificate is valid from 1 January 2026."


@pytest.mark.parametrize(
    ("at", "codes"),
    [
        (UNTIL - timedelta(days=60) - SECOND, []),
        (UNTIL - timedelta(days=60), ["EXPIRES_SOON"]),
        (UNTIL, ["EXPIRES_SOON"]),
        (UNTIL + SECOND, []),
    ],
)
def test_expiry_is_warned_of_60_days_before(certificate: x509.Certificate, at: datetime, codes: list[str]) -> None:
    assert [warning.code for warning in warnings(certificate, at)] == codes


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), ["KEY_TOO_SHORT"]),
        (ec.generate_private_key(ec.SECP256R1()), ["KEY_NOT_RSA"]),
    ],
    ids=["RSA 2048", "EC"],
)
def test_a_certificate_must_hold_a_long_rsa_key(key: PrivateKey, codes: list[str]) -> None:
    weak = self_signed(key)
    assert [fault.code for fault in faults(weak, NOW)] == codes
    assert [fault.code for fault in faults(weak, NOW + timedelta(days=3650))] == [*codes, "EXPIRED"]


def test_a_key_for_signatures_only_is_no_encryption_key(openssl: Run, tmp_path: Path) -> None:
    made = openssl(
        *("req", "-x509", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:3072", "-nodes", "-subj", "/CN=pss"),
        *("-keyout", "pss.key", "-out", "pss.pem"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    certificate = load_certificate((tmp_path / "pss.pem").read_bytes())
    assert [fault.code for fault in faults(certificate, certificate.not_valid_after_utc)] == ["KEY_NOT_RSA"]


def test_a_certificate_is_read_from_pem_and_der(certificate: x509.Certificate) -> None:
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        assert load_certificate(certificate.public_bytes(encoding)) == certificate


@pytest.mark.parametrize(
    "data", [b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_anything_else_is_no_certificate(data: bytes) -> None:
    with pytest.raises(CertificateError):
        load_certificate(data)


def test_a_private_key_is_no_certificate(keys: DemonstrationKeys) -> None:
    with pytest.raises(CertificateError):
        load_certificate(keys.recipient_key.read_bytes())


def test_a_signing_key_may_be_under_a_passphrase(long_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(
        long_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption("caffè".encode()),
        )
    )
    assert load_signing_key(path, "caffè").private_numbers() == long_key.private_numbers()
    for wrong in (None, "", "coffee"):
        with pytest.raises(SigningKeyError, match=r"signing\.key"):
            load_signing_key(path, wrong)


def test_a_passphrase_for_an_open_key_is_a_mistake(keys: DemonstrationKeys) -> None:
    with pytest.raises(SigningKeyError):
        load_signing_key(keys.signing_key, "not needed")


def test_other_keys_do_not_sign(keys: DemonstrationKeys, tmp_path: Path) -> None:
    elliptic = tmp_path / "elliptic.key"
    elliptic.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(SigningKeyError, match="not an RSA key"):
        load_signing_key(elliptic)
    with pytest.raises(SigningKeyError, match="not that of the certificate"):
        load_signer(keys.signing_certificate, keys.recipient_key)


def test_a_signature_verifies_with_the_authority_alone(
    openssl: Run, keys: DemonstrationKeys, signer: Signer, tmp_path: Path
) -> None:
    (tmp_path / "note").write_bytes(b"one line\nanother\r\n")
    (tmp_path / "note.p7s").write_bytes(signer.sign(b"one line\nanother\r\n"))
    verify = [
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", "note.p7s", "-content", "note"),
        *("-CAfile", keys.authority, "-purpose", "smimesign", "-out", "read"),
    ]
    assert openssl(*verify, cwd=tmp_path).returncode == 0
    (tmp_path / "note").write_bytes(b"one line\nanother\n")
    assert openssl(*verify, cwd=tmp_path).returncode != 0


def test_demonstration_keys_are_for_their_owner_alone(keys: DemonstrationKeys) -> None:
    directory = keys.authority.parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name for path in directory.iterdir()} == {
        *("council-ca.pem", "council-ca.key", "council-signing.pem", "council-signing.key", "ons.pem", "ons.key"),
        *("council-openpgp.asc", "council-openpgp.key", "ons-openpgp.asc", "ons-openpgp.key"),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.glob("*.key")} == {0o600}


def test_demonstration_certificates_have_no_faults(keys: DemonstrationKeys) -> None:
    for path in (keys.signing_certificate, keys.recipient_certificate):
        assert faults(load_certificate(path.read_bytes()), NOW) == []


def test_keys_that_exist_are_never_written_again(keys: DemonstrationKeys) -> None:
    directory = keys.authority.parent
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}
    assert make_demonstration_keys(directory, at=NOW + timedelta(days=1)) == keys
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()} == before


def test_only_what_is_missing_is_made(keys: DemonstrationKeys, tmp_path: Path) -> None:
    for path in keys.authority.parent.iterdir():
        if path.name != "ons.pem":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    made = make_demonstration_keys(tmp_path, at=NOW)
    assert made.recipient_key.read_bytes() == keys.recipient_key.read_bytes()
    renewed = load_certificate(made.recipient_certificate.read_bytes())
    assert renewed.public_key() == load_certificate(keys.recipient_certificate.read_bytes()).public_key()


def test_a_key_that_belongs_to_no_certificate_is_said(keys: DemonstrationKeys, tmp_path: Path) -> None:
    for path in keys.authority.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "council-signing.key").write_bytes(keys.recipient_key.read_bytes())
    with pytest.raises(SigningKeyError):
        make_demonstration_keys(tmp_path, at=NOW)
