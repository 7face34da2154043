"""A sealed file is read again before it leaves: for whom it is, how it is sealed, and that it ends where it should.

Only the framing is read, and content is skipped: a file of a gigabyte takes as long as a small one. What is inside,
nobody here can read; that its bytes are those that were sealed is for a digest to say.
"""

from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, Protocol

from connecting_families.audit.refusals import Why
from transfers.envelope import END, TAG_BYTES, NotAnEnvelopeError, issuer_and_serial_number, read_header
from transfers.keys import load_certificate
from transfers.openpgp import PgpCertificate

AES_256_GCM = "2.16.840.1.101.3.4.1.46"
NONCE = 12
OCTET_STRING = 0x04

# OpenPGP (RFC 9580, sections 4.2 and 5): a session's key for one recipient, and the content sealed with it.
SESSION_KEY, SEALED = 1, 18
LONGEST_SESSION_KEY = 1 << 14
WITH_DIGEST, IN_CHUNKS = 1, 2
AES_256 = 9
CHUNK_MODES = frozenset({2, 3})
SHORTEST = {WITH_DIGEST: 1 + 18 + 22, IN_CHUNKS: 4 + 32 + 16}


class Named(Protocol):
    """A recipient as a sealed file names them."""

    @property
    def names(self) -> frozenset[bytes]: ...


class Reopened(NamedTuple):
    """What a sealed file says of itself: its recipients' names, and what is wrong with how it is sealed."""

    recipients: frozenset[bytes]
    weak: list[str]


def names_in_cms(pem: bytes) -> frozenset[bytes]:
    """How a CMS envelope names the holder of this certificate."""
    issuer, serial = issuer_and_serial_number(load_certificate(pem))
    return frozenset({issuer + b"#" + str(serial).encode()})


def names_in_openpgp(certificate: PgpCertificate) -> frozenset[bytes]:
    """How an OpenPGP message may name the holder of this certificate: by key, in either form."""
    by_key = {bytes.fromhex(key.key_id) for key in certificate.receiving if key.key_id}
    return frozenset(by_key | {bytes.fromhex(key.fingerprint) for key in certificate.receiving})


def read(source: BinaryIO, suffix: str) -> Reopened:
    """Read a sealed file to its last byte. Raises NotAnEnvelopeError where it is not whole, or not of our making."""
    reopened = _cms(source) if suffix == ".p7m" else _openpgp(source)
    if source.read(1):
        raise NotAnEnvelopeError("The file goes on behind its end.")
    return reopened


def reasons(name: str, source: BinaryIO, accepted: Iterable[Named], *, everybody: bool) -> list[Why]:
    """Why this sealed file may not leave: not whole, sealed weakly, or for somebody who is not among the `accepted`.

    With `everybody`, each of the accepted must also be able to open it.
    """
    try:
        found = read(source, "." + name.rpartition(".")[2])
    except NotAnEnvelopeError as error:
        return [Why("PACKAGE_DAMAGED", f"{name} is not a whole package of ours. {error}")]
    against = [Why("PACKAGE_WEAK", f"{name}: {sentence}") for sentence in found.weak]
    allowed = [each.names for each in accepted]
    if not found.recipients <= frozenset().union(*allowed):
        sentence = f"{name} is sealed for a certificate that is not, or no longer, accepted and in date."
        against.append(Why("PACKAGE_FOR_OTHERS", sentence))
    if everybody and not all(names & found.recipients for names in allowed):
        against.append(Why("PACKAGE_NOT_FOR_ALL", f"{name} cannot be opened with every accepted certificate."))
    return against


def _cms(source: BinaryIO) -> Reopened:
    header = read_header(source)
    weak = []
    if (header.version, header.content_algorithm) != (0, AES_256_GCM):
        weak.append("its content is not sealed by AES-256-GCM.")
    if (header.nonce_length, header.tag_length) != (NONCE, TAG_BYTES):
        weak.append("its nonce or its tag has another length than ours.")
    if not all(recipient.by_oaep_sha256 for recipient in header.recipients):
        weak.append("a key in it is not wrapped by RSAES-OAEP with SHA-256.")
    while (kind := _exactly(source, 1)[0]) == OCTET_STRING:
        _skip(source, _der_length(source))
    # The content ends with two zeros, and EncryptedContentInfo with two more; then the tag, and three ends.
    if bytes([kind]) + _exactly(source, 3) != END + END:
        raise NotAnEnvelopeError("Its content does not end as ours does.")
    if _exactly(source, 2) != bytes([OCTET_STRING, TAG_BYTES]):
        raise NotAnEnvelopeError("It has no tag.")
    _skip(source, TAG_BYTES)
    if _exactly(source, 6) != END * 3:
        raise NotAnEnvelopeError("It does not end as ours does.")
    named = [each.issuer + b"#" + str(each.serial_number).encode() for each in header.recipients]
    return Reopened(frozenset(named), weak)


def _openpgp(source: BinaryIO) -> Reopened:
    recipients = set()
    while (tag := _packet_tag(source)) == SESSION_KEY:
        size, more = _packet_length(source)
        if more or not 12 <= size <= LONGEST_SESSION_KEY:
            raise NotAnEnvelopeError("The key of a session in it has a length that none of ours has.")
        recipients.add(_session_key_for(_exactly(source, size)))
    if tag != SEALED or not recipients:
        raise NotAnEnvelopeError("It does not begin as a message of ours does.")
    size, more = _packet_length(source)
    head = _exactly(source, 4)
    version, total = head[0], size
    _skip(source, size - len(head))
    while more:
        size, more = _packet_length(source)
        total += size
        _skip(source, size)
    if total < SHORTEST.get(version, 0):
        raise NotAnEnvelopeError("It is shorter than any message.")
    if version == WITH_DIGEST or (version == IN_CHUNKS and head[1] == AES_256 and head[2] in CHUNK_MODES):
        return Reopened(frozenset(recipients), [])
    return Reopened(frozenset(recipients), ["its content is not sealed in a way that shows a change."])


def _session_key_for(body: bytes) -> bytes:
    """The key ID (version 3) or the fingerprint (version 6) of the key for which this is."""
    if body[0] == 3:
        return body[1:9]
    if body[0] == 6 and 2 <= body[1] <= len(body) - 2:
        return body[3 : 2 + body[1]]
    raise NotAnEnvelopeError("The key of a session in it is of a version that we do not write.")


def _packet_tag(source: BinaryIO) -> int:
    first = _exactly(source, 1)[0]
    if first < 0xC0:
        raise NotAnEnvelopeError("It is no OpenPGP message of the form that we write.")
    return first & 0x3F


def _packet_length(source: BinaryIO) -> tuple[int, bool]:
    """The length of a packet or of a piece of one, and whether another piece follows (RFC 9580, section 4.2.1)."""
    first = _exactly(source, 1)[0]
    if first < 192:
        return first, False
    if first < 224:
        return (first - 192 << 8) + _exactly(source, 1)[0] + 192, False
    if first == 255:
        return int.from_bytes(_exactly(source, 4)), False
    return 1 << (first & 0x1F), True


def _der_length(source: BinaryIO) -> int:
    """A definite length (X.690, 8.1.3.4 and 8.1.3.5)."""
    first = _exactly(source, 1)[0]
    if first == 0x80 or first > 0x84:
        raise NotAnEnvelopeError("A piece of its content has a length that none of ours has.")
    return int.from_bytes(_exactly(source, first & 0x7F)) if first & 0x80 else first


def _skip(source: BinaryIO, size: int) -> None:
    """Go on by so many bytes, the last of which must be there."""
    if size < 0:
        raise NotAnEnvelopeError("A length in it is too short.")
    if size:
        source.seek(size - 1, 1)
        _exactly(source, 1)


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise NotAnEnvelopeError("It ends too early.")
    return data
