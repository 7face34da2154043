"""Keys: the certificates for which we seal, and the council's own key, with which it signs.

A certificate is X.509 (RFC 5280) with an RSA key; what is wrong with one is said as reasons. That two people compared
its fingerprint and accepted it is recorded elsewhere (transfers.models): nothing here trusts anybody.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, PublicKeyAlgorithmOID
from pysequoia import Tsk

from transfers.made_up import openpgp_key

SHORTEST_KEY = 3072
EXPIRY_WARNING = timedelta(days=60)
KEY_WRAPPING = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
"""RSAES-OAEP with SHA-256 in both places (RFC 4055): how a content key is given to a recipient."""


class CertificateError(ValueError):
    """The bytes are no X.509 certificate, in PEM or DER."""


class SigningKeyError(ValueError):
    """A signing key cannot be read, or is not the key of its certificate."""


class Fault(NamedTuple):
    """One thing that is wrong with a certificate: a code that stays, and the sentence that a person reads."""

    code: str
    sentence: str


def load_certificate(data: bytes) -> x509.Certificate:
    """The certificate in these bytes, PEM or DER. Raises CertificateError."""
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        certificate = load(data)
        # What is inside is read when it is asked for: all that is ever asked, here, where it may be refused.
        _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception as error:  # cryptography raises whatever the parts of a certificate do
        raise CertificateError("This is not an X.509 certificate (PEM or DER).") from error
    return certificate


def as_pem(certificate: x509.Certificate) -> str:
    """The certificate in PEM form."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER, in lower-case hex, as `openssl x509 -fingerprint -sha256` gives it."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def faults(certificate: x509.Certificate, at: datetime) -> list[Fault]:
    """Why nothing may be sealed for, or signed with, this certificate at this instant; nothing where it may.

    `at` carries an offset. Both ends of the validity belong to it (RFC 5280, section 4.1.2.5).
    """
    found = []
    key = _rsa_key(certificate)
    if key is None:
        found.append(Fault("KEY_NOT_RSA", "The certificate's key is not an RSA encryption key."))
    elif key.key_size < SHORTEST_KEY:
        sentence = f"The certificate's key has {key.key_size} bits; it must have {SHORTEST_KEY} or more."
        found.append(Fault("KEY_TOO_SHORT", sentence))
    if at < certificate.not_valid_before_utc:
        found.append(Fault("NOT_YET_VALID", f"The certificate is valid from {day(certificate.not_valid_before_utc)}."))
    if at > certificate.not_valid_after_utc:
        found.append(Fault("EXPIRED", f"The certificate expired on {day(certificate.not_valid_after_utc)}."))
    return found


def warnings(certificate: x509.Certificate, at: datetime) -> list[Fault]:
    """What will be wrong soon: a certificate in date that expires within 60 days of this instant."""
    left = certificate.not_valid_after_utc - at
    if timedelta(0) <= left <= EXPIRY_WARNING:
        return [Fault("EXPIRES_SOON", f"The certificate expires on {day(certificate.not_valid_after_utc)}.")]
    return []


class Signer(NamedTuple):
    """The council's signature: its certificate and the key that belongs to it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def sign(self, data: bytes) -> bytes:
        """A detached CMS signature (RFC 5652, section 5) over exactly these bytes: SHA-256, DER.

        The certificate travels in it, so that a reader needs only the authority that issued it.
        """
        return (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(data)
            .add_signer(self.certificate, self.key, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature])
        )


def load_signer(certificate: Path, key: Path, passphrase: str | None = None) -> Signer:
    """The council's certificate and key, from PEM files; the key's file may be under a passphrase.

    Raises CertificateError, SigningKeyError and OSError. Whether the certificate is in date is for `faults` to say.
    """
    return _signer(load_certificate(certificate.read_bytes()), load_signing_key(key, passphrase))


def load_signing_key(path: Path, passphrase: str | None = None) -> rsa.RSAPrivateKey:
    """The RSA private key of a PEM file. Raises SigningKeyError: not a key, not RSA, or not the right passphrase."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{path.name} is not a private key that this passphrase opens.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SigningKeyError(f"{path.name} is not an RSA key.")
    return key


def is_encrypted(path: Path) -> bool:
    """Whether the private key in this PEM file is under a passphrase. Raises OSError."""
    return b"ENCRYPTED" in path.read_bytes()


def resting(path: Path, *, encrypted: bool, may_be_open: bool) -> list[Fault]:
    """What is wrong with how a key of the council lies in its file: open to others, or without a passphrase.

    `may_be_open` is for a demonstration. Raises OSError.
    """
    found = []
    if path.stat().st_mode & 0o077:
        sentence = f"Others than its owner may read {path.name}. Give it the mode 600: chmod 600 {path.name}."
        found.append(Fault("KEY_OPEN_TO_OTHERS", sentence))
    if not encrypted and not may_be_open:
        sentence = f"{path.name} holds a key without a passphrase. Put it under one (docs/rotating-keys.md)."
        found.append(Fault("KEY_NOT_ENCRYPTED", sentence))
    return found


class DemonstrationKeys(NamedTuple):
    """Where the files of a demonstration are. The recipient is made up, and has a key of each format."""

    authority: Path
    signing_certificate: Path
    signing_key: Path
    recipient_certificate: Path
    recipient_key: Path
    openpgp_signing_key: Path
    openpgp_signing_certificate: Path
    openpgp_recipient_certificate: Path
    openpgp_recipient_key: Path


def make_demonstration_keys(directory: Path, at: datetime) -> DemonstrationKeys:
    """Make what a demonstration needs in `directory`: a small authority, a signing certificate that it issued, and a
    made-up recipient, each valid from an hour before `at`, for two years (the authority for ten).

    The directory is made for its owner alone (0700), and so is every key (0600). A file that exists is never
    written again: only what is missing is made. Raises SigningKeyError where a key that is left belongs to none of the
    certificates that are left.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _kept_signer(directory, "council-ca", lambda key: _authority(key, at))
    signing = _kept_signer(directory, "council-signing", lambda key: _issued_for_signing(key, authority, at))
    recipient = _kept_signer(directory, "ons", lambda key: _made_up_recipient(key, at))
    for name, key in (("council-openpgp", signing.key), ("ons-openpgp", recipient.key)):
        _keep_openpgp(directory, name, key, at)
    return DemonstrationKeys(
        authority=directory / "council-ca.pem",
        signing_certificate=directory / "council-signing.pem",
        signing_key=directory / "council-signing.key",
        recipient_certificate=directory / "ons.pem",
        recipient_key=directory / "ons.key",
        openpgp_signing_key=directory / "council-openpgp.key",
        openpgp_signing_certificate=directory / "council-openpgp.asc",
        openpgp_recipient_certificate=directory / "ons-openpgp.asc",
        openpgp_recipient_key=directory / "ons-openpgp.key",
    )


def day(instant: datetime) -> str:
    """A day as people read it."""
    return f"{instant.day} {instant:%B %Y}"


def _rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey | None:
    """The key, where it can also receive one: a key kept for RSASSA-PSS signatures cannot."""
    if certificate.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5:
        return None
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SHORTEST_KEY:
            # One of a modulus or an exponent that is none is found here, and not when something is sealed for it.
            key.encrypt(b"", KEY_WRAPPING)
    except ValueError:
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _signer(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> Signer:
    if certificate.public_key() != key.public_key():
        raise SigningKeyError(f"The key is not that of the certificate of {certificate.subject.rfc4514_string()}.")
    return Signer(certificate, key)


def _kept_signer(directory: Path, name: str, certify: Callable[[rsa.RSAPrivateKey], x509.Certificate]) -> Signer:
    """The key and certificate of this name; made where they are not there yet."""
    key_file, certificate_file = directory / f"{name}.key", directory / f"{name}.pem"
    if not key_file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=SHORTEST_KEY)
        _write_new(key_file, _pem(made))
    key = load_signing_key(key_file)
    if not certificate_file.exists():
        _write_new(certificate_file, certify(key).public_bytes(serialization.Encoding.PEM))
    return _signer(load_certificate(certificate_file.read_bytes()), key)


def _keep_openpgp(directory: Path, name: str, key: rsa.RSAPrivateKey, at: datetime) -> None:
    """An OpenPGP key of this name around an RSA key, and its certificate; made where they are not there yet."""
    key_file, certificate_file = directory / f"{name}.key", directory / f"{name}.asc"
    if not key_file.exists():
        made = openpgp_key(key, f"Demonstration {name}, made up", at - timedelta(hours=1), timedelta(days=731))
        _write_new(key_file, made.encode())
    if not certificate_file.exists():
        public = Tsk.from_bytes(key_file.read_bytes()).extract_certificate()
        _write_new(certificate_file, str(public).encode())


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, data: bytes) -> None:
    """Write a file of our own, for its owner alone. Raises FileExistsError rather than write over another."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _authority(key: rsa.RSAPrivateKey, at: datetime) -> x509.Certificate:
    name = _name("Demonstration council authority")
    return (
        _builder(name, name, key.public_key(), at, timedelta(days=3652))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _issued_for_signing(key: rsa.RSAPrivateKey, authority: Signer, at: datetime) -> x509.Certificate:
    """A certificate that passes `openssl cms -verify -purpose smimesign` (RFC 8550, section 4.4)."""
    issuer = authority.certificate
    return (
        _builder(_name("Demonstration council"), issuer.subject, key.public_key(), at, timedelta(days=731))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signatures=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _made_up_recipient(key: rsa.RSAPrivateKey, at: datetime) -> x509.Certificate:
    name = _name("Demonstration recipient, made up")
    return (
        _builder(name, name, key.public_key(), at, timedelta(days=731))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(encipherment=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, at: datetime, validity: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signatures: bool = False, encipherment: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signatures,
        content_commitment=signatures,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
