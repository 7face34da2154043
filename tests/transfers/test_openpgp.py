"""An OpenPGP message opens with stock gpg for its recipients, and for nobody else; and only whole."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pysequoia import Cert, CipherSuite, Profile, Tsk, decrypt
from pysequoia.packet import PacketPile

from tests.transfers.conftest import EVERY_BIT, MANIFEST, NOW, OPENPGP_CHAIN, STEM, table
from transfers import made_up, openpgp
from transfers.envelope import PIECE, RecipientError
from transfers.keys import CertificateError, DemonstrationKeys, SigningKeyError, load_signer
from transfers.made_up import openpgp_key
from transfers.openpgp import OpenPgpEnvelope, PgpCertificate, PgpSigner, SealingStoppedError, faults
from transfers.package import Wrapping, digest, seal, written_together

CONTENT = b"who this person is"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def signer(keys: DemonstrationKeys) -> PgpSigner:
    return openpgp.load_signer(keys.openpgp_signing_key)


@pytest.fixture(scope="module")
def recipient(keys: DemonstrationKeys) -> PgpCertificate:
    return openpgp.load_certificate(keys.openpgp_recipient_certificate.read_bytes())


@pytest.fixture(scope="module")
def tsk(keys: DemonstrationKeys) -> Tsk:
    return Tsk.from_bytes(keys.openpgp_recipient_key.read_bytes())


def sealed(content: bytes, signer: PgpSigner, *certificates: PgpCertificate) -> bytes:
    destination = BytesIO()
    with OpenPgpEnvelope(certificates, signer).sealing(destination) as writer:
        writer.write(content)
    return destination.getvalue()


def opened(message: bytes, tsk: Tsk, signer: PgpSigner) -> bytes:
    """The content, of which the council's signature is good. Raises for anything else."""
    found = decrypt(message, tsk.decryptor(), lambda _: [Cert.from_bytes(signer.public().encode())])
    assert [each.certificate for each in found.valid_sigs] == [signer.fingerprint]
    assert found.bytes is not None
    return found.bytes


def newer() -> Tsk:
    """A key that announces the newer form of message."""
    return Tsk.generate("newer", cipher_suite=CipherSuite.Cv25519, validity_seconds=86_400)


class Gpg:
    """gpg's command in a home of its own."""

    def __init__(self, command: str, home: str) -> None:
        self.command, self.environment = command, {"GNUPGHOME": home, "PATH": os.environ["PATH"]}

    def __call__(self, *arguments: str | Path, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        words = [self.command, "--batch", "--quiet", *map(str, arguments)]
        return subprocess.run(words, input=given, env=self.environment, capture_output=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def gpg(keys: DemonstrationKeys) -> Iterator[Gpg]:
    """In its home are the recipient's secret key and the council's certificate."""
    command = shutil.which("gpg")
    if command is None:
        missing = "gpg's command is not installed, so nothing here can open a message as a recipient does."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # Short: its agent's socket lies there.
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as home:
        run = Gpg(command, home)
        imported = run("--import", keys.openpgp_recipient_key, keys.openpgp_signing_certificate)
        assert imported.returncode == 0, imported.stderr
        yield run
        subprocess.run(["gpgconf", "--kill", "all"], env=run.environment, check=False, capture_output=True, timeout=60)


@pytest.mark.parametrize("size", [0, 1, PIECE + 1, 9_000_000])
def test_gpg_opens_any_size(size: int, gpg: Gpg, recipient: PgpCertificate, signer: PgpSigner) -> None:
    content = (CONTENT * (size // len(CONTENT) + 1))[:size]
    told = gpg("-d", "--status-fd", "2", given=sealed(content, signer, recipient))
    assert (told.returncode, told.stdout) == (0, content)
    assert b"GOODSIG" in told.stderr
    assert b"GOODMDC" in told.stderr


def test_gpg_opens_a_package_with_the_same_content_as_the_other_format(
    gpg: Gpg,
    recipient: PgpCertificate,
    signer: PgpSigner,
    keys: DemonstrationKeys,
    tmp_path: Path,
) -> None:
    rows, stem = [("1", "Zoë", "1 High St")], STEM
    council = load_signer(keys.signing_certificate, keys.signing_key)
    chosen = Wrapping(MANIFEST, OpenPgpEnvelope([recipient], signer), council)
    with written_together(tmp_path) as create:
        (file,) = seal(table(rows), chosen, stem=stem, approved=digest(table(rows)), create=create)
    assert file.name == f"{stem}.zip.pgp"
    told = gpg("-d", tmp_path / file.name)
    with zipfile.ZipFile(BytesIO(told.stdout)) as inside:
        assert inside.namelist() == ["identifiers.csv", "manifest.json", "SHA256SUMS", "SHA256SUMS.p7s"]
        csv, sums = inside.read("identifiers.csv"), inside.read("SHA256SUMS").decode()
        assert recipient.fingerprint in inside.read("manifest.json").decode()
    assert hashlib.sha256(csv).hexdigest() in sums
    assert b"Zo\xc3\xab" not in (tmp_path / file.name).read_bytes()


def test_the_documented_chain_opens_a_package_and_refuses_a_damaged_one(
    gpg: Gpg, recipient: PgpCertificate, signer: PgpSigner, keys: DemonstrationKeys, tmp_path: Path
) -> None:
    council = load_signer(keys.signing_certificate, keys.signing_key)
    rows = [("1", "Zoë", "1 High St")]
    chosen = Wrapping(MANIFEST, OpenPgpEnvelope([recipient], signer), council)
    with written_together(tmp_path) as create:
        seal(table(rows), chosen, stem="X", approved=digest(table(rows)), create=create)
    (tmp_path / "council-ca.pem").write_bytes(keys.authority.read_bytes())
    line = OPENPGP_CHAIN.replace("council-ca.pem", "../council-ca.pem").replace("gpg ", "gpg --batch ", 1)
    path = f"{Path(sys.executable).parent}:{gpg.environment['PATH']}"

    def chain() -> int:
        shutil.rmtree(tmp_path / "X", ignore_errors=True)
        (tmp_path / "X.zip").unlink(missing_ok=True)
        words = ["bash", "-c", line]
        environment = gpg.environment | {"PATH": path}
        return subprocess.run(
            words, cwd=tmp_path, capture_output=True, check=False, timeout=60, env=environment
        ).returncode

    assert chain() == 0
    assert (tmp_path / "X" / "identifiers.csv").read_text().endswith("Zoë,1 High St\n")
    message = (tmp_path / "X.zip.pgp").read_bytes()
    # The second one gpg takes for no message: it ends with 0 and writes nothing.
    for bit in (8 * len(message) // 2, 9):
        damaged = bytearray(message)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "X.zip.pgp").write_bytes(damaged)
        assert chain() != 0, bit


def test_no_flipped_bit_opens_as_something_else(
    gpg: Gpg, recipient: PgpCertificate, signer: PgpSigner, tsk: Tsk
) -> None:
    """Every bit of the whole message by Sequoia, and one in a hundred by gpg itself (all where that is asked for)."""
    message = sealed(CONTENT, signer, recipient)
    unnoticed = 0
    for bit in range(8 * len(message)):
        damaged = bytearray(message)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert opened(bytes(damaged), tsk, signer) == CONTENT, bit
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001 - refused, as it should be
            unnoticed -= 1
        unnoticed += 1
        if EVERY_BIT or bit % 101 == 0:
            told = gpg("-d", given=bytes(damaged))
            # Of what it takes for no message at all, gpg says nothing and ends with 0: the chain ends at the next word.
            assert told.returncode != 0 or told.stdout in (CONTENT, b""), bit
    assert unnoticed < 100, "only the name of the key, in front, may change unnoticed"


def test_the_newer_form_is_sealed_for_keys_that_ask_for_it(signer: PgpSigner, recipient: PgpCertificate) -> None:
    tsk = newer()
    message = sealed(CONTENT, signer, openpgp.load_certificate(bytes(tsk.extract_certificate())))
    assert opened(message, tsk, signer) == CONTENT
    for bit in range(8 * len(message)):
        damaged = bytearray(message)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert opened(bytes(damaged), tsk, signer) == CONTENT, bit
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001, S112 - refused, as it should be
            continue


def test_every_recipient_opens_it_and_nobody_else(signer: PgpSigner, recipient: PgpCertificate, tsk: Tsk) -> None:
    second, stranger = newer(), newer()
    message = sealed(CONTENT, signer, recipient, openpgp.load_certificate(bytes(second.extract_certificate())))
    assert opened(message, tsk, signer) == opened(message, second, signer) == CONTENT
    with pytest.raises(Exception, match="No key"):
        opened(message, stranger, signer)


def test_memory_stays_flat_and_content_is_no_argument(signer: PgpSigner, recipient: PgpCertificate) -> None:
    class Nowhere:
        size = 0

        def write(self, data: bytes, /) -> int:
            self.size += len(data)
            return len(data)

    destination, piece, most = Nowhere(), os.urandom(1 << 20), 0
    before = psutil.Process().memory_info().rss
    with OpenPgpEnvelope([recipient], signer).sealing(destination) as writer:
        for _ in range(48):
            writer.write(piece)
            (child,) = [each for each in psutil.Process().children() if "sequoia.py" in " ".join(each.cmdline())]
            most = max(most, child.memory_info().rss)
        assert len(child.cmdline()) == 3
    assert destination.size > 48 << 20
    assert most < 60 << 20
    assert psutil.Process().memory_info().rss - before < 20 << 20


def test_an_exception_leaves_no_message_and_no_process(signer: PgpSigner, recipient: PgpCertificate, tsk: Tsk) -> None:
    destination = BytesIO()
    writer = OpenPgpEnvelope([recipient], signer).sealing(destination)
    with pytest.raises(ConnectionError), writer:  # noqa: PT012
        writer.write(b"x" * (2 * PIECE))
        raise ConnectionError("the database went away")
    with pytest.raises(Exception):  # noqa: B017, PT011 - pysequoia raises nothing more exact
        opened(destination.getvalue(), tsk, signer)
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    assert [each for each in psutil.Process().children() if "sequoia.py" in " ".join(each.cmdline())] == []


def test_a_full_disk_and_a_killed_process_are_said(signer: PgpSigner, recipient: PgpCertificate) -> None:
    class Full:
        def write(self, _: bytes, /) -> int:
            raise OSError(28, "No space left on device")

    envelope = OpenPgpEnvelope([recipient], signer)
    with pytest.raises(OSError, match="No space"), envelope.sealing(Full()) as writer:  # noqa: PT012
        for _ in range(30):
            writer.write(b"x" * PIECE)
    with pytest.raises(SealingStoppedError), envelope.sealing(BytesIO()) as writer:  # noqa: PT012
        (child,) = [each for each in psutil.Process().children() if "sequoia.py" in " ".join(each.cmdline())]
        child.kill()
        for _ in range(30):
            writer.write(b"x" * PIECE)
            time.sleep(0.01)


def made(bits: int = 3072, at: timedelta = -DAY, lasts: timedelta = 300 * DAY) -> PgpCertificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    tsk = Tsk.from_bytes(openpgp_key(key, "Made up", NOW + at, lasts).encode())
    return openpgp.load_certificate(str(tsk.extract_certificate()).encode())


def codes(certificate: PgpCertificate, later: timedelta = timedelta(0)) -> list[str]:
    return [fault.code for fault in faults(certificate, NOW + later)]


def test_a_certificate_must_be_strong_in_date_and_not_revoked(recipient: PgpCertificate) -> None:
    assert codes(recipient) == []
    assert codes(recipient, 732 * DAY) == ["EXPIRED"]
    assert codes(recipient, -2 * DAY) == ["NOT_YET_VALID"]
    assert codes(made(bits=2048)) == ["KEY_TOO_SHORT"]
    assert codes(made(at=-9 * DAY, lasts=DAY)) == ["EXPIRED"]
    endless = Tsk.generate("endless", profile=Profile.RFC4880)
    cert = endless.extract_certificate()
    assert codes(openpgp.load_certificate(bytes(cert)), DAY) == ["NO_END"]
    revoked = bytes(cert) + bytes(cert.revoke(endless.certifier()))
    assert "KEY_REVOKED" in codes(openpgp.load_certificate(revoked), DAY)


def test_a_key_in_it_that_was_revoked_receives_nothing() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    cert = Tsk.from_bytes(openpgp_key(key, "Made up", NOW - DAY, 90 * DAY).encode()).extract_certificate()
    primary, subkey = (packet.body for packet in PacketPile.from_bytes(bytes(cert)) if packet.fingerprint)
    over = b"".join(b"\x99" + len(body).to_bytes(2) + body for body in (primary, subkey))
    made_at = int(NOW.timestamp()).to_bytes(4)
    revocation = made_up._packet(2, made_up._signature(key, primary, 0x28, 0, made_at, 90 * DAY, over))
    assert codes(openpgp.load_certificate(bytes(cert))) == []
    assert codes(openpgp.load_certificate(bytes(cert) + revocation)) in (["KEY_REVOKED"], ["NO_ENCRYPTION_KEY"])


def test_anything_else_is_no_certificate(keys: DemonstrationKeys, recipient: PgpCertificate) -> None:
    two = recipient.text.encode() + keys.openpgp_signing_certificate.read_bytes()
    secret = keys.openpgp_recipient_key.read_bytes()
    for data, words in (
        (b"", "not an OpenPGP"),
        (b"hello", "not an"),
        (secret, "secret key"),
        (two, "OpenPGP|several"),
    ):
        with pytest.raises(CertificateError, match=words):
            openpgp.load_certificate(data)


def test_a_signer_is_a_key_that_signs(keys: DemonstrationKeys, signer: PgpSigner, tmp_path: Path) -> None:
    assert not signer.is_encrypted
    assert signer.expires is not None
    assert signer.expires > NOW + 700 * DAY
    (tmp_path / "wrong.key").write_bytes(keys.openpgp_signing_certificate.read_bytes())
    with pytest.raises(SigningKeyError, match=r"wrong\.key"):
        openpgp.load_signer(tmp_path / "wrong.key")


def test_a_key_that_gpg_put_under_a_passphrase_signs_with_it_alone(
    gpg: Gpg, recipient: PgpCertificate, tsk: Tsk, tmp_path: Path
) -> None:
    ask = ("--pinentry-mode", "loopback", "--passphrase", "osier")
    assert gpg(*ask, "--quick-gen-key", "Council <c@anytown.example>", "rsa3072", "sign", "1y").returncode == 0
    exported = gpg(*ask, "--armor", "--export-secret-keys", "c@anytown.example")
    (tmp_path / "council.key").write_bytes(exported.stdout)
    found = openpgp.load_signer(tmp_path / "council.key", "osier")
    assert found.is_encrypted
    assert opened(sealed(CONTENT, found, recipient), tsk, found) == CONTENT
    for wrong in (None, "marl"):
        with pytest.raises(SigningKeyError):
            openpgp.load_signer(tmp_path / "council.key", wrong)


def test_nobody_is_refused(signer: PgpSigner, recipient: PgpCertificate) -> None:
    with pytest.raises(RecipientError):
        OpenPgpEnvelope([], signer)
    with pytest.raises(RecipientError):
        OpenPgpEnvelope([recipient._replace(receiving=())], signer)
