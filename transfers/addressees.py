"""Addressees: a recipient's key as one thing, whatever its format. Which format a package has follows from it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from transfers import keys, openpgp, reopened
from transfers.envelope import CmsEnvelope, Envelope, RecipientError
from transfers.keys import EXPIRY_WARNING, Fault

CMS, OPENPGP = "cms", "openpgp"
FORMATS = {CMS: "CMS, opened with OpenSSL", OPENPGP: "OpenPGP, opened with gpg"}


class Addressee(NamedTuple):
    """Somebody's key: an X.509 certificate or an OpenPGP certificate, exactly one of the two."""

    x509: x509.Certificate | None
    pgp: openpgp.PgpCertificate | None
    text: str
    fingerprint: str
    valid_from: datetime
    valid_to: datetime | None
    names: frozenset[bytes]

    @property
    def format(self) -> str:
        """One of FORMATS."""
        return CMS if self.pgp is None else OPENPGP

    def faults(self, at: datetime) -> list[Fault]:
        """Why nothing may be sealed for it at this instant; nothing where it may."""
        if self.pgp is not None:
            return openpgp.faults(self.pgp, at)
        if self.x509 is not None:
            return keys.faults(self.x509, at)
        raise AssertionError("An addressee is of one of two formats.")


def load(data: bytes) -> Addressee:
    """The certificate in these bytes. Raises CertificateError for anything else, secret keys first of all."""
    if b"PRIVATE KEY" in data:
        raise keys.CertificateError(
            "This holds a secret key, which nobody but its owner may have. Tell the recipient: it must be replaced."
        )
    # A packet of OpenPGP begins with its highest bit set; DER with 0x30.
    if b"BEGIN PGP" in data or data[:1] >= b"\x80":
        pgp = openpgp.load_certificate(data)
        return Addressee(
            None, pgp, pgp.text, pgp.fingerprint, pgp.valid_from, pgp.valid_to, reopened.names_in_openpgp(pgp)
        )
    return _of_x509(data)


@lru_cache(maxsize=64)
def _of_x509(data: bytes) -> Addressee:
    """The same bytes are the same certificate: at a door it is asked of each that was ever accepted."""
    certificate = keys.load_certificate(data)
    text = keys.as_pem(certificate)
    try:
        names = reopened.names_in_cms(text.encode())
    except RecipientError as error:
        raise keys.CertificateError("This is not an X.509 certificate (PEM or DER).") from error
    return Addressee(
        certificate,
        None,
        text,
        keys.fingerprint(certificate),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        names,
    )


def envelope(addressees: Sequence[Addressee], signer: openpgp.PgpSigner | None) -> Envelope:
    """The envelope that all of these open. Raises ValueError for several formats, or OpenPGP without the council's key.

    RecipientError where there is nobody.
    """
    pgp = [each.pgp for each in addressees if each.pgp is not None]
    certificates = [each.x509 for each in addressees if each.x509 is not None]
    if pgp and certificates:
        raise ValueError("One envelope has one format.")
    if not pgp:
        return CmsEnvelope(certificates)
    if signer is None:
        raise ValueError("An OpenPGP message is signed by the council's OpenPGP key.")
    return openpgp.OpenPgpEnvelope(pgp, signer)


def expires_soon(ends: datetime | None, at: datetime) -> bool:
    """Whether what ends then, and has not ended, does so within 60 days."""
    return ends is not None and timedelta(0) <= ends - at <= EXPIRY_WARNING
