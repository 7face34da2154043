"""The envelope: bytes in, sealed bytes out.

CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), and one RSAES-OAEP key transport with SHA-256 (RFC 4055)
for each recipient. The framing is BER with indefinite lengths, so that content streams through in small pieces; the
parts whose length is known are DER, encoded by pyasn1. GCM's tag covers the content: whoever opens an envelope must
check the tag before trusting a byte of it.

What writes into an envelope knows only `Envelope`. A second format (OpenPGP, for recipients who open with gpg) is
another class of that shape, and which one is used is a property of the recipient.
"""

import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.error import PyAsn1Error
from pyasn1.type.univ import OctetString
from pyasn1_modules import rfc4055, rfc5083, rfc5084, rfc5280, rfc5652

from transfers.keys import KEY_WRAPPING, fingerprint

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

# Content is enciphered in pieces of this size: large enough to be quick, small enough to keep memory flat.
PIECE = 1 << 18

# The hand-written framing (X.690, 8.1.3.6): tags followed by an indefinite length, and what ends each of them.
SEQUENCE = b"\x30\x80"
CONTEXT_0 = b"\xa0\x80"
END = b"\x00\x00"

VERSION = encode(rfc5652.CMSVersion(0))
AUTH_ENVELOPED_DATA = encode(rfc5083.id_ct_authEnvelopedData)
DATA = encode(rfc5652.id_data)
OAEP = encode(rfc4055.rSAES_OAEP_SHA256_Identifier)

# No head of ours comes near it; it bounds what is read from a file that is not ours.
LONGEST_HEAD_VALUE = 1 << 20


class RecipientError(ValueError):
    """There is nobody who could open the envelope, or a certificate that cannot receive a key."""


class NotAnEnvelopeError(ValueError):
    """The file does not begin as an envelope of ours does."""


class Destination(Protocol):
    """Where sealed bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take these bytes after those before."""


class SealedWriter(Protocol):
    """A write-only file: what is written comes out sealed, and `close` finishes with the tag."""

    def write(self, data: bytes, /) -> int:
        """Seal these bytes after those before."""

    def flush(self) -> None:
        """Do nothing: a piece leaves when it is full."""

    def close(self) -> None:
        """Finish the envelope; only now can it be opened."""


class Envelope(Protocol):
    """A way to seal for certain recipients."""

    @property
    def suffix(self) -> str:
        """What the format adds to a file's name."""

    @property
    def fingerprints(self) -> list[str]:
        """Who can open it, as the manifest names them."""

    def sealing(self, destination: Destination) -> AbstractContextManager[SealedWriter]:
        """Start an envelope in `destination`; an exception inside leaves one that nobody can open."""


class CmsEnvelope:
    """The envelope of RFC 5083, for every holder of one of these RSA certificates.

    Whether a certificate is long enough, in date and accepted is asked before (transfers.keys); here it need only be
    able to receive a key. Raises RecipientError where there is none, or one that is not RSA.
    """

    suffix = ".p7m"

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        if not certificates:
            raise RecipientError("An envelope needs at least one recipient.")
        if not all(isinstance(certificate.public_key(), rsa.RSAPublicKey) for certificate in certificates):
            raise RecipientError("A recipient's certificate holds no RSA key.")
        self.certificates = tuple(certificates)

    @property
    def fingerprints(self) -> list[str]:
        """SHA-256 fingerprints of the certificates, sorted."""
        return sorted(fingerprint(certificate) for certificate in self.certificates)

    def sealing(self, destination: Destination) -> "CmsWriter":
        """Write the head, with a fresh key and nonce, and give the file that takes the content."""
        return CmsWriter(destination, self.certificates)


class CmsWriter:
    """One CMS AuthEnvelopedData in the writing. `destination` stays open: it belongs to the caller.

    Leaving the `with` block by an exception abandons the envelope: without tag and end nobody can open it.
    """

    def __init__(self, destination: Destination, certificates: Sequence[x509.Certificate]) -> None:
        key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        self._destination = destination
        self._cipher = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        self._waiting = bytearray()
        self._open = True
        destination.write(SEQUENCE + AUTH_ENVELOPED_DATA + CONTEXT_0)
        destination.write(SEQUENCE + VERSION + _recipients(certificates, key))
        destination.write(SEQUENCE + DATA + _content_algorithm(nonce) + CONTEXT_0)

    def write(self, data: bytes, /) -> int:
        """Seal these bytes after those before. Raises ValueError where the envelope is finished or abandoned."""
        if not self._open:
            raise ValueError("This envelope is closed.")
        self._waiting += data
        while len(self._waiting) >= PIECE:
            self._seal(PIECE)
        return len(data)

    def flush(self) -> None:
        """Do nothing: a piece leaves when it is full."""

    def close(self) -> None:
        """Finish with the tag. Closing what is finished or abandoned changes nothing."""
        if not self._open:
            return
        self._open = False
        if self._waiting:
            self._seal(len(self._waiting))
        self._cipher.finalize()
        # The content, its OCTET STRING and EncryptedContentInfo end; the tag; then the three that hold them all.
        self._destination.write(END + END + _octets(self._cipher.tag) + END + END + END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.close()
        self._open = False

    def _seal(self, size: int) -> None:
        self._destination.write(_octets(self._cipher.update(bytes(self._waiting[:size]))))
        del self._waiting[:size]


class Recipient(NamedTuple):
    """For whom a key lies in the envelope: `issuer` is the DER of the name, `key_algorithm` a dotted OID.

    `by_oaep_sha256` says whether the key is wrapped as we wrap it, with SHA-256 in both places.
    """

    issuer: bytes
    serial_number: int
    key_algorithm: str
    by_oaep_sha256: bool


class Header(NamedTuple):
    """What an envelope says of itself before its content. The algorithm is a dotted OID, lengths are in bytes."""

    version: int
    recipients: tuple[Recipient, ...]
    content_algorithm: str
    nonce_length: int
    tag_length: int

    def opens_for(self, certificate: x509.Certificate) -> bool:
        """Whether the holder of this certificate finds a key inside."""
        issuer, serial_number = issuer_and_serial_number(certificate)
        return any((each.issuer, each.serial_number) == (issuer, serial_number) for each in self.recipients)


def read_header(source: BinaryIO) -> Header:
    """Read the head of a sealed file and no further, so that a caller may check who can open it before it leaves.

    Reads the form that CmsWriter writes (RFC 5083, RFC 5652 section 6.2.1). Raises NotAnEnvelopeError for others.
    """
    try:
        _expect(source, SEQUENCE + AUTH_ENVELOPED_DATA + CONTEXT_0 + SEQUENCE)
        version = _read(source, rfc5652.CMSVersion())
        infos = _read(source, rfc5652.RecipientInfos())
        _expect(source, SEQUENCE + DATA)
        algorithm = _read(source, rfc5652.ContentEncryptionAlgorithmIdentifier())
        _expect(source, CONTEXT_0)
        gcm, _ = decode(bytes(algorithm["parameters"]), asn1Spec=rfc5084.GCMParameters())
        return Header(
            version=int(version),
            recipients=tuple(_recipient(info) for info in infos),
            content_algorithm=str(algorithm["algorithm"]),
            nonce_length=len(gcm["aes-nonce"]),
            tag_length=int(gcm["aes-ICVlen"]),
        )
    except (PyAsn1Error, OverflowError) as error:
        # pyasn1 reads as far as a length inside says, whatever that is.
        raise NotAnEnvelopeError("The head of the envelope is damaged.") from error


def _recipients(certificates: Sequence[x509.Certificate], key: bytes) -> bytes:
    """RecipientInfos, DER: the content key once for each certificate."""
    infos = rfc5652.RecipientInfos()
    for certificate in certificates:
        infos.append(_key_transport(certificate, key))
    return bytes(encode(infos))


def _key_transport(certificate: x509.Certificate, key: bytes) -> rfc5652.RecipientInfo:
    """KeyTransRecipientInfo (RFC 5652, section 6.2.1) with RSAES-OAEP, SHA-256 in both places (RFC 4055)."""
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise RecipientError("A recipient's certificate holds no RSA key.")
    issuer, serial_number = issuer_and_serial_number(certificate)
    info = rfc5652.RecipientInfo()
    transport = info["ktri"]
    transport["version"] = 0
    transport["rid"]["issuerAndSerialNumber"]["issuer"], _ = decode(issuer, asn1Spec=rfc5280.Name())
    transport["rid"]["issuerAndSerialNumber"]["serialNumber"] = serial_number
    transport["keyEncryptionAlgorithm"] = rfc4055.rSAES_OAEP_SHA256_Identifier
    transport["encryptedKey"] = public_key.encrypt(key, KEY_WRAPPING)
    return info


def _content_algorithm(nonce: bytes) -> bytes:
    """AES-256-GCM with its parameters (RFC 5084, section 3.2), DER."""
    parameters = rfc5084.GCMParameters()
    parameters["aes-nonce"] = nonce
    parameters["aes-ICVlen"] = TAG_BYTES
    algorithm = rfc5652.ContentEncryptionAlgorithmIdentifier()
    algorithm["algorithm"] = rfc5084.id_aes256_GCM
    algorithm["parameters"] = parameters
    return bytes(encode(algorithm))


def _octets(value: bytes) -> bytes:
    return bytes(encode(OctetString(value)))


def issuer_and_serial_number(certificate: x509.Certificate) -> tuple[bytes, int]:
    """The issuer's name byte for byte as the certificate has it: its holder finds the key by comparing.

    Raises RecipientError where the certificate is not of the form of RFC 5280 throughout.
    """
    try:
        decoded, _ = decode(certificate.public_bytes(Encoding.DER), asn1Spec=rfc5280.Certificate())
    except (PyAsn1Error, OverflowError) as error:
        raise RecipientError("A recipient's certificate is not of the form of RFC 5280.") from error
    return bytes(encode(decoded["tbsCertificate"]["issuer"])), certificate.serial_number


def _recipient(info: Any) -> Recipient:
    """One recipient of the head; only key transport by issuer and serial number is ours."""
    if info.getName() != "ktri" or info["ktri"]["rid"].getName() != "issuerAndSerialNumber":
        raise NotAnEnvelopeError("The envelope has a recipient of a kind that we do not write.")
    transport = info["ktri"]
    if int(transport["version"]) != 0:
        raise NotAnEnvelopeError("The envelope has a recipient of a version that we do not write.")
    by = transport["rid"]["issuerAndSerialNumber"]
    algorithm = transport["keyEncryptionAlgorithm"]
    return Recipient(
        bytes(encode(by["issuer"])), int(by["serialNumber"]), str(algorithm["algorithm"]), encode(algorithm) == OAEP
    )


def _expect(source: BinaryIO, framing: bytes) -> None:
    if source.read(len(framing)) != framing:
        raise NotAnEnvelopeError("The file does not begin as a CMS AuthEnvelopedData of ours does.")


def _read(source: BinaryIO, kind: Any) -> Any:
    """Read one DER value of this kind, of a length that is given (X.690, 8.1.3.4 and 8.1.3.5)."""
    head = source.read(2)
    if len(head) < 2:
        raise NotAnEnvelopeError("The file ends in the head of the envelope.")
    size = head[1]
    if size & 0x80:
        head += source.read(size & 0x7F)
        size = int.from_bytes(head[2:])
    if size > LONGEST_HEAD_VALUE:
        raise NotAnEnvelopeError("The head of the envelope is longer than any of ours.")
    value, _ = decode(head + source.read(size), asn1Spec=kind)
    return value
