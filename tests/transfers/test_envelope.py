"""An envelope opens with stock OpenSSL for its recipients, and for nobody else; and only whole."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1.codec.ber.decoder import decode
from pyasn1_modules import rfc5083, rfc5084, rfc5652

from tests.transfers.conftest import EVERY_BIT, Run, self_signed
from transfers.envelope import PIECE, CmsEnvelope, NotAnEnvelopeError, RecipientError, read_header
from transfers.keys import DemonstrationKeys, fingerprint, load_certificate

CONTENT = 'Zoë Ní Dhónaill,"1\nHigh St"\n=1+1\n'.encode() * 40_000

Open = Callable[[bytes], "CompletedProcess[bytes]"]


def sealed(content: bytes, *certificates: x509.Certificate) -> bytes:
    """An envelope with this content."""
    destination = BytesIO()
    with CmsEnvelope(certificates).sealing(destination) as writer:
        writer.write(content)
    return destination.getvalue()


@pytest.fixture
def opened(openssl: Run, keys: DemonstrationKeys, tmp_path: Path) -> Open:
    """Opens an envelope as the made-up recipient; the content lies in content.out afterwards."""

    def run(envelope: bytes) -> "CompletedProcess[bytes]":
        (tmp_path / "envelope.p7m").write_bytes(envelope)
        return openssl(
            *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", "envelope.p7m"),
            *("-recip", keys.recipient_certificate, "-inkey", keys.recipient_key, "-out", "content.out"),
            cwd=tmp_path,
        )

    return run


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(CONTENT)])
def test_openssl_opens_any_size(size: int, recipient: x509.Certificate, opened: Open, tmp_path: Path) -> None:
    content = CONTENT[:size]
    result = opened(sealed(content, recipient))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "content.out").read_bytes() == content


def test_small_and_large_writes_seal_the_same_content(
    recipient: x509.Certificate, opened: Open, tmp_path: Path
) -> None:
    destination = BytesIO()
    with CmsEnvelope([recipient]).sealing(destination) as writer:
        for size in (1, 7, PIECE, 3 * PIECE, 0, 11):
            assert writer.write(b"x" * size) == size
        writer.flush()
    assert opened(destination.getvalue()).returncode == 0
    assert (tmp_path / "content.out").read_bytes() == b"x" * (4 * PIECE + 19)


def test_the_whole_is_what_rfc_5083_says(recipient: x509.Certificate) -> None:
    """Another reader of ASN.1, which knows nothing of our framing, finds every field in its place."""
    envelope = sealed(CONTENT, recipient)
    info, rest = decode(envelope, asn1Spec=rfc5652.ContentInfo())
    assert (info["contentType"], rest) == (rfc5083.id_ct_authEnvelopedData, b"")
    inside = envelope[envelope.index(b"\xa0\x80") + 2 :]
    data, rest = decode(inside, asn1Spec=rfc5083.AuthEnvelopedData())
    assert rest == b"\0\0" * 2, "the ends of [0] and of ContentInfo"
    assert data["version"] == 0
    assert data["authEncryptedContentInfo"]["contentType"] == rfc5652.id_data
    assert len(data["authEncryptedContentInfo"]["encryptedContent"]) == len(CONTENT)
    assert len(data["mac"]) == 16


def test_every_recipient_opens_it_with_their_own_key(
    openssl: Run, keys: DemonstrationKeys, other_recipient: tuple[Path, Path], tmp_path: Path
) -> None:
    pairs = [(keys.recipient_certificate, keys.recipient_key), other_recipient]
    certificates = [load_certificate(certificate.read_bytes()) for certificate, _ in pairs]
    (tmp_path / "envelope.p7m").write_bytes(sealed(b"for both", *certificates))
    for certificate, key in pairs:
        arguments = ["cms", "-decrypt", "-binary", "-inform", "DER", "-in", "envelope.p7m", "-out", "content.out"]
        assert openssl(*arguments, "-recip", certificate, "-inkey", key, cwd=tmp_path).returncode == 0
        assert (tmp_path / "content.out").read_bytes() == b"for both"


def test_a_wrong_key_opens_nothing(
    openssl: Run,
    keys: DemonstrationKeys,
    other_recipient: tuple[Path, Path],
    recipient: x509.Certificate,
    tmp_path: Path,
) -> None:
    (tmp_path / "envelope.p7m").write_bytes(sealed(CONTENT, recipient))
    certificate, key = other_recipient
    arguments = ["cms", "-decrypt", "-binary", "-inform", "DER", "-in", "envelope.p7m", "-out", "content.out"]
    # Their own certificate, of which the envelope knows nothing; and our recipient's, with a key that is not theirs.
    assert openssl(*arguments, "-recip", certificate, "-inkey", key, cwd=tmp_path).returncode != 0
    assert openssl(*arguments, "-recip", keys.recipient_certificate, "-inkey", key, cwd=tmp_path).returncode != 0
    assert openssl(*arguments, "-inkey", key, cwd=tmp_path).returncode != 0


# After the tag, three ends of what holds it.
ENDS = 6
TAG = 16


def test_one_flipped_byte_opens_nothing(recipient: x509.Certificate, opened: Open) -> None:
    """In the encrypted key, the nonce, the content and the tag, and in the framing around them."""
    envelope = sealed(b"who this person is " * 20, recipient)
    content = envelope.index(b"\xa0\x80\x04")
    key = content - 60 - 384
    flipped = {
        "head": range(0, 20, 3),
        "encrypted key": range(key + 30, key + 384, 29),
        "nonce": range(content - 15, content - 3, 4),
        "content": range(content + 6, len(envelope) - TAG - ENDS - 6, 23),
        "tag": range(len(envelope) - TAG - ENDS, len(envelope) - ENDS),
        "ends": range(len(envelope) - ENDS, len(envelope)),
    }
    for place, positions in flipped.items():
        for position in positions:
            damaged = bytearray(envelope)
            damaged[position] ^= 1
            assert opened(bytes(damaged)).returncode != 0, f"{place}: byte {position}"


def test_no_flipped_bit_anywhere_opens_as_something_else(
    recipient: x509.Certificate, opened: Open, tmp_path: Path
) -> None:
    """GCM covers the content, not labels such as the version. OpenSSL may overlook one of those; nothing changes."""
    envelope = sealed(b"who this person is", recipient)
    for bit in range(0, 8 * len(envelope), 1 if EVERY_BIT else 43):
        damaged = bytearray(envelope)
        damaged[bit // 8] ^= 1 << bit % 8
        if opened(bytes(damaged)).returncode == 0:
            assert (tmp_path / "content.out").read_bytes() == b"who this person is", bit


def test_a_piece_moved_or_left_out_opens_nothing(recipient: x509.Certificate, opened: Open) -> None:
    envelope = sealed(b"a" * PIECE + b"b" * PIECE, recipient)
    start = envelope.index(b"\xa0\x80\x04") + 2
    size = (len(envelope) - start - ENDS - TAG - 2 - 4) // 2
    first, second = envelope[start : start + size], envelope[start + size : start + 2 * size]
    assert first[:4] == second[:4]
    assert opened(envelope[:start] + first + second + envelope[start + 2 * size :]).returncode == 0
    assert opened(envelope[:start] + second + first + envelope[start + 2 * size :]).returncode != 0
    assert opened(envelope[:start] + first + envelope[start + 2 * size :]).returncode != 0


@pytest.mark.parametrize("left", [0, 1, 20, 300, 600, 5_000, -30, -23, -16, -7, -6, -2, -1])
def test_a_truncated_envelope_opens_nothing(left: int, recipient: x509.Certificate, opened: Open) -> None:
    assert opened(sealed(CONTENT[:10_000], recipient)[:left]).returncode != 0


def test_an_exception_inside_leaves_nothing_that_opens(recipient: x509.Certificate, opened: Open) -> None:
    destination = BytesIO()
    writer = CmsEnvelope([recipient]).sealing(destination)

    def write_all() -> None:
        with writer:
            writer.write(CONTENT)
            raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        write_all()
    writer.close()
    assert opened(destination.getvalue()).returncode != 0
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")


def test_closing_twice_changes_nothing(recipient: x509.Certificate) -> None:
    destination = BytesIO()
    writer = CmsEnvelope([recipient]).sealing(destination)
    writer.close()
    size = len(destination.getvalue())
    writer.close()
    assert len(destination.getvalue()) == size


def test_key_and_nonce_are_never_used_twice(recipient: x509.Certificate) -> None:
    envelopes = [sealed(b"the same", recipient) for _ in range(3)]
    assert len({envelope[envelope.index(b"\x02\x01\x10") - 12 :] for envelope in envelopes}) == 3


def test_the_header_says_who_can_open_it(recipient: x509.Certificate, other_recipient: tuple[Path, Path]) -> None:
    other = load_certificate(other_recipient[0].read_bytes())
    envelope = BytesIO(sealed(CONTENT, recipient, other))
    header = read_header(envelope)
    assert (header.version, header.nonce_length, header.tag_length) == (0, 12, 16)
    assert header.content_algorithm == str(rfc5084.id_aes256_GCM)
    assert {each.serial_number for each in header.recipients} == {recipient.serial_number, other.serial_number}
    assert {each.key_algorithm for each in header.recipients} == {"1.2.840.113549.1.1.7"}
    assert header.opens_for(recipient)
    assert header.opens_for(other)
    assert envelope.tell() < 2_000

    only_one = read_header(BytesIO(sealed(CONTENT, recipient)))
    assert not only_one.opens_for(other)


def test_the_header_of_anything_else_is_refused(recipient: x509.Certificate) -> None:
    envelope = sealed(b"content", recipient)
    damaged_recipients = bytearray(envelope)
    damaged_recipients[30] ^= 0x40
    endless = envelope[:22] + b"\x31\x84\x7f\xff\xff\xff" + envelope[26:]
    for wrong in (b"", b"PK\x03\x04", envelope[:21], envelope[:200], bytes(damaged_recipients), endless):
        with pytest.raises(NotAnEnvelopeError):
            read_header(BytesIO(wrong))


def test_an_envelope_by_openssl_with_another_kind_of_recipient_is_refused(
    openssl: Run, keys: DemonstrationKeys, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_bytes(b"content")
    made = openssl(
        *("cms", "-encrypt", "-binary", "-aes-256-gcm", "-stream", "-keyid", "-outform", "DER"),
        *("-in", "plain", "-out", "by-openssl.p7m", keys.recipient_certificate),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    with (tmp_path / "by-openssl.p7m").open("rb") as file, pytest.raises(NotAnEnvelopeError):
        read_header(file)


def test_nobody_and_no_rsa_key_are_refused() -> None:
    with pytest.raises(RecipientError):
        CmsEnvelope([])
    with pytest.raises(RecipientError):
        CmsEnvelope([self_signed(ec.generate_private_key(ec.SECP256R1()))])


def test_fingerprints_are_those_of_openssl(openssl: Run, keys: DemonstrationKeys, recipient: x509.Certificate) -> None:
    shown = openssl("x509", "-in", keys.recipient_certificate, "-noout", "-fingerprint", "-sha256").stdout.decode()
    assert CmsEnvelope([recipient]).fingerprints == [fingerprint(recipient)]
    assert shown.strip().partition("=")[2].replace(":", "").lower() == fingerprint(recipient)
    assert load_certificate(recipient.public_bytes(Encoding.DER)) == recipient
