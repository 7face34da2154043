"""A sealed file is read again before it leaves: for whom, how, and whether it is whole to its last byte."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pyasn1.codec.der.encoder import encode
from pyasn1_modules import rfc4055

from tests.transfers.conftest import Run
from transfers import addressees, openpgp, reopened
from transfers.addressees import Addressee, envelope
from transfers.envelope import PIECE, NotAnEnvelopeError
from transfers.keys import DemonstrationKeys

CONTENT = b"who this person is " * 20
NAMES = {"cms": "X-programme.zip.p7m", "openpgp": "X-programme.zip.pgp"}
Seal = Callable[..., bytes]


@pytest.fixture(scope="module")
def known(keys: DemonstrationKeys, other_recipient: tuple[Path, Path]) -> dict[str, Addressee]:
    """Somebody of each format, and somebody else."""
    files = {
        "cms": keys.recipient_certificate,
        "openpgp": keys.openpgp_recipient_certificate,
        "other cms": other_recipient[0],
        "other openpgp": keys.openpgp_signing_certificate,
    }
    return {name: addressees.load(file.read_bytes()) for name, file in files.items()}


@pytest.fixture(scope="module")
def seal(known: dict[str, Addressee], keys: DemonstrationKeys) -> Seal:
    """Seals content for somebody."""
    signer = openpgp.load_signer(keys.openpgp_signing_key)

    def run(*names: str, content: bytes = CONTENT) -> bytes:
        destination = BytesIO()
        with envelope([known[name] for name in names], signer).sealing(destination) as writer:
            writer.write(content)
        return destination.getvalue()

    return run


def codes(name: str, data: bytes, *accepted: Addressee, everybody: bool = True) -> list[str]:
    return [why.code for why in reopened.reasons(name, BytesIO(data), accepted, everybody=everybody)]


both = pytest.mark.parametrize("form", ["cms", "openpgp"])


@both
@pytest.mark.parametrize("size", [0, 1, PIECE + 1, 12 * PIECE])
def test_a_whole_one_for_whom_it_should_be_may_leave(
    form: str, size: int, seal: Seal, known: dict[str, Addressee]
) -> None:
    assert codes(NAMES[form], seal(form, content=b"x" * size), known[form]) == []


@both
def test_it_is_for_nobody_but_the_accepted(form: str, seal: Seal, known: dict[str, Addressee]) -> None:
    one, two = known[form], known[f"other {form}"]
    for_both, for_one = seal(form, f"other {form}"), seal(form)
    assert codes(NAMES[form], for_both, one, two) == []
    assert codes(NAMES[form], for_both, one) == ["PACKAGE_FOR_OTHERS"]
    assert codes(NAMES[form], for_both) == ["PACKAGE_FOR_OTHERS"]
    assert codes(NAMES[form], for_one, one, two) == ["PACKAGE_NOT_FOR_ALL"]
    assert codes(NAMES[form], for_one, one, two, everybody=False) == []
    assert codes(NAMES[form], for_one, two, everybody=False) == ["PACKAGE_FOR_OTHERS"]


@both
def test_a_byte_less_or_more_is_seen(form: str, seal: Seal, known: dict[str, Addressee]) -> None:
    data = seal(form)
    for left in range(len(data)):
        assert codes(NAMES[form], data[:left], known[form]) == ["PACKAGE_DAMAGED"], left
    for more in (b"\x00", data):
        assert codes(NAMES[form], data + more, known[form]) == ["PACKAGE_DAMAGED"]


@both
def test_the_other_format_and_what_is_no_package_are_refused(
    form: str, seal: Seal, known: dict[str, Addressee]
) -> None:
    other = {"cms": "openpgp", "openpgp": "cms"}[form]
    for data in (b"", b"PK\x03\x04", CONTENT, seal(other), b"\xff" * 5000, b"\x30\x80" * 2500):
        assert codes(NAMES[form], data, known[form]) == ["PACKAGE_DAMAGED"]


@both
def test_a_damaged_head_is_refused_and_never_fails_otherwise(
    form: str, seal: Seal, known: dict[str, Addressee]
) -> None:
    """Every bit of what is read: of the content itself, only its digest can tell."""
    data = seal(form)
    said = set()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        said |= {why.code for why in reopened.reasons(NAMES[form], BytesIO(damaged), [known[form]], everybody=True)}
    assert said >= {"PACKAGE_DAMAGED", "PACKAGE_FOR_OTHERS"}
    assert said <= {"PACKAGE_DAMAGED", "PACKAGE_FOR_OTHERS", "PACKAGE_NOT_FOR_ALL", "PACKAGE_WEAK"}


def test_what_openssl_seals_weakly_is_refused(
    openssl: Run, keys: DemonstrationKeys, known: dict[str, Addressee], seal: Seal, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_bytes(CONTENT)
    for cipher, wrapping, expected in (
        ("-aes-256-gcm", "oaep", ["PACKAGE_WEAK"]),
        ("-aes-128-gcm", "oaep", ["PACKAGE_WEAK", "PACKAGE_WEAK"]),
        ("-aes-256-cbc", "oaep", ["PACKAGE_DAMAGED"]),
        ("-aes-256-gcm", "pkcs1", ["PACKAGE_WEAK"]),
    ):
        made = openssl(
            *("cms", "-encrypt", "-binary", cipher, "-stream", "-outform", "DER", "-in", "plain", "-out", "made"),
            *("-recip", keys.recipient_certificate, "-keyopt", f"rsa_padding_mode:{wrapping}"),
            cwd=tmp_path,
        )
        assert made.returncode == 0, made.stderr
        assert codes(NAMES["cms"], (tmp_path / "made").read_bytes(), known["cms"]) == expected
    # OAEP with SHA-256 by name, and ours of the same bytes.
    assert encode(rfc4055.rSAES_OAEP_SHA256_Identifier) in seal("cms")


def test_two_formats_do_not_go_into_one_envelope(known: dict[str, Addressee]) -> None:
    with pytest.raises(ValueError, match="one format"):
        envelope([known["cms"], known["openpgp"]], None)
    with pytest.raises(ValueError, match="OpenPGP key"):
        envelope([known["openpgp"]], None)
    with pytest.raises(NotAnEnvelopeError):
        reopened.read(BytesIO(b""), ".pgp")
