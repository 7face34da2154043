"""OpenPGP, for recipients who open with gpg: their certificates, the council's key, and the envelope (RFC 9580).

A message is signed by the council and encrypted for every recipient, by Sequoia. gpg's own keys get the form that gpg
reads (a digest ends the content); a key that announces the newer form gets it (AES-256 in chunks, each with a tag).
Whoever opens one must look how `gpg -d` ended before trusting a byte of it.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pysequoia import ArmorKind, Cert, Sig, SignatureMode, Tsk, armor, encrypt, sign
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

from transfers import sequoia
from transfers.envelope import PIECE, Destination, RecipientError
from transfers.keys import SHORTEST_KEY, CertificateError, Fault, SigningKeyError, day

# Public-key algorithms (RFC 9580, section 9.1); Sequoia takes no curve that is weaker than RSA of 3072 bits.
RSA = frozenset({1, 2, 3})
CURVES = frozenset({18, 19, 22, 25, 26, 27, 28})


class SealingStoppedError(OSError):
    """The process that seals with OpenPGP ended before its time: nothing whole was written. Try again."""


class ComponentKey(NamedTuple):
    """One key of a certificate: its algorithm by number, its size in bits where it is RSA, and until when it is valid.

    `fingerprint` and `key_id` are lower-case hex; `expires` is None where it says nothing of an end.
    """

    fingerprint: str
    key_id: str
    algorithm: int
    bits: int
    created: datetime
    expires: datetime | None
    is_revoked: bool = False

    @property
    def is_strong(self) -> bool:
        """RSA of 3072 bits or more, or an elliptic curve."""
        return self.algorithm in CURVES or (self.algorithm in RSA and self.bits >= SHORTEST_KEY)


class PgpCertificate(NamedTuple):
    """An OpenPGP certificate: the keys that receive are those for which Sequoia seals now; `text` is its armour.

    Sequoia seals for a certificate of which everything is revoked or has expired, too: see `faults`.
    """

    text: str
    fingerprint: str
    primary: ComponentKey
    receiving: tuple[ComponentKey, ...]
    is_revoked: bool

    @property
    def valid_from(self) -> datetime:
        """When it was made, and could first receive."""
        return max(self.primary.created, min((key.created for key in self.receiving), default=self.primary.created))

    @property
    def valid_to(self) -> datetime | None:
        """Until when something can be sealed for it; None where it says nothing of an end."""
        return _ends(self.primary, self.receiving)

    @property
    def cert(self) -> Cert:
        """The certificate as Sequoia knows it."""
        return Cert.from_bytes(self.text.encode())


def load_certificate(data: bytes) -> PgpCertificate:
    """The certificate in these bytes, in armour or not. Raises CertificateError: none, several, or a secret key.

    Which keys of it receive is what Sequoia does at this moment, after it verified what binds them to the first.
    """
    try:
        cert, *others = Cert.split_bytes(data)
        packets = list(PacketPile.from_bytes(data))
        tags = [packet.tag for packet in packets]
        text = armor(bytes(cert), ArmorKind.PublicKey)
    except Exception:  # noqa: BLE001 - pysequoia raises nothing more exact, nor for a packet of a kind it does not know
        raise CertificateError("This is not an OpenPGP certificate.") from None
    if Tag.SecretKey in tags or Tag.SecretSubkey in tags:
        raise CertificateError(
            "This holds a secret key, which nobody but its owner may have. Tell the recipient: it must be replaced."
        )
    if others:
        raise CertificateError("These are several certificates. Give them one at a time.")
    try:
        components = _components(packets)
        primary = components[0]._replace(expires=cert.expiration)
        is_revoked = cert.is_revoked
    except Exception:  # noqa: BLE001 - as above
        raise CertificateError("The signatures in this OpenPGP certificate, by its own key, do not hold.") from None
    try:
        message = encrypt(b"", recipients=[cert], armor=False)
    except Exception:  # noqa: BLE001 - as above
        receiving: list[ComponentKey] = []
    else:
        named = [packet.body for packet in PacketPile.from_bytes(message) if packet.tag == Tag.PKESK]
        receiving = [key for key in components if any(_is_named(key, body) for body in named)]
    return PgpCertificate(text, cert.fingerprint, primary, tuple(receiving), is_revoked)


def faults(certificate: PgpCertificate, at: datetime) -> list[Fault]:
    """Why nothing may be sealed for this certificate at this instant; nothing where it may."""
    found = []
    if certificate.is_revoked or any(key.is_revoked for key in certificate.receiving):
        found.append(Fault("KEY_REVOKED", "The key was revoked by its owner."))
    if not certificate.receiving:
        sentence = "The certificate has no key for encryption."
        found.append(Fault("NO_ENCRYPTION_KEY", sentence))
    if not all(key.is_strong for key in (certificate.primary, *certificate.receiving)):
        sentence = f"A key of the certificate is too short; it must be RSA of {SHORTEST_KEY} bits or more, or a curve."
        found.append(Fault("KEY_TOO_SHORT", sentence))
    if at < certificate.valid_from:
        found.append(Fault("NOT_YET_VALID", f"The certificate is valid from {day(certificate.valid_from)}."))
    ends = certificate.valid_to
    if ends is None:
        sentence = "The certificate has no end. Ask the recipient to set one, so that it is replaced in time."
        found.append(Fault("NO_END", sentence))
    elif at > ends:
        found.append(Fault("EXPIRED", f"The certificate expired on {day(ends)}."))
    return found


class PgpSigner(NamedTuple):
    """The council's OpenPGP key; `expires` is that of the key that signs."""

    text: str
    passphrase: str | None
    fingerprint: str
    expires: datetime | None
    is_encrypted: bool

    def public(self) -> str:
        """What recipients are given to verify with, in armour."""
        return str(Tsk.from_bytes(self.text.encode()).extract_certificate())


def load_signer(path: Path, passphrase: str | None = None) -> PgpSigner:
    """The council's key from a file in armour, as `gpg --export-secret-keys --armor` writes it.

    Raises OSError, and SigningKeyError: no key that signs now, or not the right passphrase.
    """
    try:
        text = path.read_text("ascii")
        key = Tsk.from_bytes(text.encode())
        signature = Sig.from_bytes(sign(key.signer(passphrase), b"", mode=SignatureMode.DETACHED))
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - pysequoia raises nothing more exact
        raise SigningKeyError(f"{path.name} is not an OpenPGP key that signs and that this passphrase opens.") from None
    cert = key.extract_certificate()
    components = _components(list(PacketPile.from_bytes(bytes(cert))))
    signing = [each for each in components[1:] if each.fingerprint == signature.issuer_fingerprint]
    expires = _ends(components[0]._replace(expires=cert.expiration), signing)
    return PgpSigner(text, passphrase, cert.fingerprint, expires, not _opens(key))


class OpenPgpEnvelope:
    """A message for every holder of one of these certificates, signed by the council.

    Whether a certificate is in date and accepted is asked before; here it need only receive. Raises RecipientError
    where there is none, or one that does not.
    """

    suffix = ".pgp"

    def __init__(self, certificates: Sequence[PgpCertificate], signer: PgpSigner) -> None:
        if not certificates:
            raise RecipientError("An envelope needs at least one recipient.")
        if not all(certificate.receiving for certificate in certificates):
            raise RecipientError("A recipient's certificate holds no key for encryption.")
        self.certificates, self.signer = tuple(certificates), signer

    @property
    def fingerprints(self) -> list[str]:
        """Fingerprints of the certificates, sorted."""
        return sorted(certificate.fingerprint for certificate in self.certificates)

    def sealing(self, destination: Destination) -> "OpenPgpWriter":
        """Start the process that seals, and give the file that takes the content."""
        return OpenPgpWriter(destination, self.certificates, self.signer)


class OpenPgpWriter:
    """One message in the writing. `destination` stays open: it belongs to the caller.

    Leaving the `with` block by an exception stops the process: without its end nobody can open what it wrote. A
    process that ends by itself, or a destination that takes no more, raises at the next write or at the end.
    """

    def __init__(self, destination: Destination, certificates: Sequence[PgpCertificate], signer: PgpSigner) -> None:
        self._destination = destination
        self._waiting = bytearray()
        self._open = True
        self._failed: BaseException | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", sequoia.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._carrying = threading.Thread(target=self._carry, daemon=True)
        self._carrying.start()
        recipients = [certificate.text for certificate in certificates]
        asked = json.dumps({"recipients": recipients, "key": signer.text, "passphrase": signer.passphrase}).encode()
        try:
            self._give(len(asked).to_bytes(sequoia.LENGTH) + asked)
        except BaseException:
            self._abandon()
            raise

    def write(self, data: bytes, /) -> int:
        """Seal these bytes after those before. Raises ValueError where the envelope is finished or abandoned."""
        if not self._open:
            raise ValueError("This envelope is closed.")
        self._waiting += data
        if len(self._waiting) >= PIECE:
            self._seal()
        return len(data)

    def flush(self) -> None:
        """Do nothing: a piece leaves when it is full."""

    def close(self) -> None:
        """Finish the message. Closing what is finished or abandoned changes nothing."""
        if not self._open:
            return
        self._seal()
        self._open = False
        self._end()
        if self._failed is not None:
            raise self._failed
        if self._process.returncode != 0:
            raise SealingStoppedError("Sealing with OpenPGP ended before its time.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self.close()
        finally:
            self._abandon()

    def _seal(self) -> None:
        piece = bytes(self._waiting)
        self._waiting.clear()
        self._give(piece)

    def _give(self, data: bytes) -> None:
        left = memoryview(data)
        into = self._process.stdin
        if into is None:
            raise AssertionError("It was started with a pipe.")
        try:
            while left:
                left = left[into.write(left) or 0 :]
        except BrokenPipeError:
            raise SealingStoppedError("Sealing with OpenPGP ended before its time.") from None
        if self._failed is not None:
            raise self._failed

    def _carry(self) -> None:
        """Bring what is sealed to its destination; after that failed, take it all the same, and say so later."""
        out = self._process.stdout
        if out is None:
            raise AssertionError("It was started with a pipe.")
        while piece := out.read(PIECE):
            if self._failed is None:
                try:
                    self._destination.write(piece)
                except Exception as error:  # noqa: BLE001 - raised by the next write
                    self._failed = error

    def _abandon(self) -> None:
        """Stop the process before its input ends: it never learns where the content would have ended."""
        self._open = False
        self._process.kill()
        self._end()

    def _end(self) -> None:
        """Let the process finish, and take its last bytes."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._carrying.join()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _components(packets: Sequence[Packet]) -> list[ComponentKey]:
    """The keys of a certificate, the primary one first, each until the end that its newest binding gives it."""
    found: list[ComponentKey] = []
    bound: dict[str, datetime] = {}
    for packet in packets:
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey) and packet.fingerprint and packet.key_created:
            algorithm, bits = _algorithm(packet.body)
            found.append(
                ComponentKey(packet.fingerprint, packet.key_id or "", algorithm, bits, packet.key_created, None)
            )
        elif packet.tag == Tag.Signature and packet.signature_type == SignatureType.SubkeyRevocation and found:
            # Believed without asking by whom: in doubt nothing is sealed for it.
            found[-1] = found[-1]._replace(is_revoked=True)
        elif packet.tag == Tag.Signature and packet.signature_type == SignatureType.SubkeyBinding and found:
            key, made = found[-1], packet.signature_created
            if made is not None and made >= bound.get(key.fingerprint, made):
                bound[key.fingerprint] = made
                lasts: timedelta | None = packet.key_validity_period
                found[-1] = key._replace(expires=key.created + lasts if lasts else None)
    return found


def _algorithm(body: bytes) -> tuple[int, int]:
    """The algorithm by its number, and for RSA the bits of its modulus (RFC 9580, section 5.5.2)."""
    numbers = 6 if body[0] < 6 else 10
    algorithm = body[5]
    return algorithm, int.from_bytes(body[numbers : numbers + 2]) if algorithm in RSA else 0


def _is_named(key: ComponentKey, body: bytes) -> bool:
    """Whether a packet with a session's key is for this key (RFC 9580, section 5.1)."""
    if body[0] == 3:
        return body[1:9].hex() == key.key_id
    return body[3 : 2 + body[1]].hex() == key.fingerprint


def _ends(primary: ComponentKey, keys: Sequence[ComponentKey]) -> datetime | None:
    """The end of the primary key, or of the last of these, whichever comes first; None where neither has one."""
    ends = [] if primary.expires is None else [primary.expires]
    own = [key.expires for key in keys if key.expires is not None]
    if own and len(own) == len(keys):
        ends.append(max(own))
    return min(ends, default=None)


def _opens(key: Tsk) -> bool:
    """Whether it signs without any passphrase."""
    try:
        key.signer(None)
    except Exception:  # noqa: BLE001 - pysequoia raises nothing more exact
        return False
    return True
