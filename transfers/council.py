"""The council's own keys, where the settings say they lie: whether they may sign now, and when their time is over."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from connecting_families.audit.refusals import Why
from transfers import keys, openpgp
from transfers.addressees import OPENPGP, expires_soon
from transfers.keys import Fault, day

UNREADABLE = "cannot be opened. Ask who looks after"


def signer(at: datetime) -> tuple[keys.Signer | None, list[Why]]:
    """What signs the sums of every package, or why it may not. Nothing comes without a reason."""
    file = settings.CF_SIGNING_KEY
    try:
        found = keys.load_signer(settings.CF_SIGNING_CERTIFICATE, file, settings.CF_SIGNING_PASSPHRASE or None)
        against = keys.resting(file, encrypted=keys.is_encrypted(file), may_be_open=settings.CF_SIGNING_KEY_UNENCRYPTED)
    except (OSError, keys.CertificateError, keys.SigningKeyError):
        return None, [Why("NO_SIGNING_KEY", f"The council's signing key {UNREADABLE} CF_SIGNING_KEY.")]
    return found, _signing([*against, *keys.faults(found.certificate, at)])


def openpgp_signer(at: datetime) -> tuple[openpgp.PgpSigner | None, list[Why]]:
    """What signs OpenPGP messages, or why it may not. Nothing comes without a reason."""
    if not settings.CF_OPENPGP_SIGNING_KEY:
        sentence = (
            "A recipient opens with gpg, and the council has no OpenPGP key to sign with: CF_OPENPGP_SIGNING_KEY."
        )
        return None, [Why("NO_OPENPGP_SIGNING_KEY", sentence)]
    file = Path(settings.CF_OPENPGP_SIGNING_KEY)
    try:
        found = openpgp.load_signer(file, settings.CF_OPENPGP_SIGNING_PASSPHRASE or None)
        against = keys.resting(file, encrypted=found.is_encrypted, may_be_open=settings.CF_SIGNING_KEY_UNENCRYPTED)
    except (OSError, keys.SigningKeyError):
        sentence = f"The council's OpenPGP key {UNREADABLE} CF_OPENPGP_SIGNING_KEY."
        return None, [Why("NO_OPENPGP_SIGNING_KEY", sentence)]
    if found.expires is not None and found.expires < at:
        against.append(Fault("EXPIRED", f"The council's OpenPGP key expired on {day(found.expires)}."))
    return found, _signing(against)


class Signers(NamedTuple):
    """What signs a package: the sums of each, and where a recipient opens with gpg the whole message."""

    sums: keys.Signer
    openpgp: openpgp.PgpSigner | None


def signers(formats: Collection[str], at: datetime) -> tuple[Signers | None, list[Why]]:
    """What signs packages of these formats (addressees.FORMATS), and why it may not. Nothing comes without a reason."""
    sums, reasons = signer(at)
    message = None
    if OPENPGP in formats:
        message, against = openpgp_signer(at)
        reasons = [*reasons, *against]
    return (Signers(sums, message) if sums else None), reasons


def ending(at: datetime) -> list[str]:
    """What stands in the way of the council's keys soon or already, as sentences; nothing where all is well."""
    found: list[str] = []
    signs, against = signer(at)
    found += [why.sentence for why in against]
    if signs is not None and expires_soon(signs.certificate.not_valid_after_utc, at):
        ends = day(signs.certificate.not_valid_after_utc)
        found.append(f"The certificate of the council's signing key expires on {ends}.")
    if settings.CF_OPENPGP_SIGNING_KEY and Path(settings.CF_OPENPGP_SIGNING_KEY).exists():
        signs_openpgp, against = openpgp_signer(at)
        found += [why.sentence for why in against]
        if signs_openpgp is not None and signs_openpgp.expires and expires_soon(signs_openpgp.expires, at):
            found.append(f"The council's OpenPGP key expires on {day(signs_openpgp.expires)}.")
    return found


def _signing(against: list[Fault]) -> list[Why]:
    return [Why(f"SIGNING_{fault.code}", fault.sentence) for fault in against]
