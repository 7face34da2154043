"""Keys, made once; and the recipient, who has OpenSSL's own command and a shell."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.guides.guide import blocks
from transfers.envelope import CmsEnvelope
from transfers.keys import DemonstrationKeys, Signer, load_certificate, load_signer, make_demonstration_keys
from transfers.package import SealedFile, Table, Wrapping, digest, seal, written_together

NOW = datetime.now(UTC)
# Stock commands try every bit of a package where that is asked for: it takes minutes.
EVERY_BIT = bool(os.environ.get("CF_EVERY_BIT"))

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
SealHere = Callable[..., list[SealedFile]]
Unseal = Callable[[str], Path]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

STEM = "CF-E06000031-2026A-0001-identifiers"
COLUMNS = ("ref", "name", "address_line_1")

# As the recipient is told, in the words of docs/packages.md: X stands for the name of the envelope.
CHAIN, OPENPGP_CHAIN = (block.replace("../council-ca.pem", "council-ca.pem") for block in blocks("packages"))


@pytest.fixture(scope="session")
def openssl() -> Run:
    """Runs OpenSSL's command with these arguments, in a folder."""
    command = shutil.which("openssl")
    if command is None:
        missing = "OpenSSL's command is not installed, so nothing here can open an envelope as a recipient does."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)

    def run(*arguments: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([command, *map(str, arguments)], cwd=cwd, capture_output=True, check=False, timeout=60)

    return run


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemonstrationKeys:
    """The keys of a demonstration, valid now: OpenSSL reads the clock."""
    return make_demonstration_keys(tmp_path_factory.mktemp("pki") / "keys", at=NOW)


@pytest.fixture(scope="session")
def signer(keys: DemonstrationKeys) -> Signer:
    """The council's signature."""
    return load_signer(keys.signing_certificate, keys.signing_key)


@pytest.fixture(scope="session")
def recipient(keys: DemonstrationKeys) -> x509.Certificate:
    """The made-up recipient."""
    return load_certificate(keys.recipient_certificate.read_bytes())


@pytest.fixture(scope="session")
def other_recipient(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key files of a second recipient."""
    directory = tmp_path_factory.mktemp("other")
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    certificate, private = directory / "other.pem", directory / "other.key"
    certificate.write_bytes(self_signed(key).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def self_signed(
    key: PrivateKey, *, since: datetime = NOW - timedelta(days=1), until: datetime = NOW + timedelta(days=365)
) -> x509.Certificate:
    """A certificate by a key for itself; its issuer has letters that only UTF-8 can hold."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Swyddfa Ystadegau Ŵyr"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Second recipient, made up"),
        ]
    )
    return (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )


MANIFEST = {
    "spec": "connecting-families/1",
    "submission": "CF-E06000031-2026A-0001",
    "la_code": "E06000031",
    "round": "2026A",
    "cut_off": "2026-09-30",
    "agreement": "DSA-2026",
    "framework": "TF 1",
    "rule_set": "1",
    "cohort_digest": "0" * 64,
    "content_sha256": "1" * 64,
    "created_at": "2026-10-05T09:30:00Z",
    "prepared_by_role": "data team",
    "trail_checkpoint": "connecting-families/E06000031\n3\nroot\n",
    "counts": {"persons": 3, "families": 1, "programme": 1, "comparison": 0},
    "findings": [{"code": "DQ212", "open": 1, "explanation": "Not asked."}],
}


@pytest.fixture
def wrapping(recipient: x509.Certificate, signer: Signer) -> Wrapping:
    """For the made-up recipient, signed by the council."""
    return Wrapping(MANIFEST, CmsEnvelope([recipient]), signer)


def table(rows: Iterable[Sequence[str]], columns: Sequence[str] = COLUMNS) -> Table:
    """A small identifiers.csv."""
    return Table("identifiers.csv", columns, rows)


@pytest.fixture
def folder(tmp_path: Path, keys: DemonstrationKeys) -> Path:
    """Where the recipient works: their certificate and key, and the council's authority one day received by hand."""
    for path in (keys.recipient_certificate, keys.recipient_key, keys.authority):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def seal_here(folder: Path, wrapping: Wrapping) -> SealHere:
    """Seals rows into the folder, as approved."""

    def run(rows: Iterable[Sequence[str]], *, stem: str = STEM, limit: int | None = None) -> list[SealedFile]:
        kept = list(rows)
        chosen = wrapping if limit is None else wrapping._replace(limit=limit)
        with written_together(folder) as create:
            return seal(table(kept), chosen, stem=stem, approved=digest(table(kept)), create=create)

    return run


@pytest.fixture
def unseal(openssl: Run, folder: Path) -> Unseal:
    """Opens an envelope with the recipient's two commands, and checks the sums; the folder with its content."""

    def run(stem: str) -> Path:
        opened = openssl(
            *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", f"{stem}.zip.p7m"),
            *("-recip", "ons.pem", "-inkey", "ons.key", "-out", f"{stem}.zip"),
            cwd=folder,
        )
        assert opened.returncode == 0, opened.stderr
        with zipfile.ZipFile(folder / f"{stem}.zip") as package:
            package.extractall(folder / stem)
        verified = openssl(
            *("cms", "-verify", "-binary", "-inform", "DER", "-in", "SHA256SUMS.p7s", "-content", "SHA256SUMS"),
            *("-CAfile", "../council-ca.pem", "-purpose", "smimesign", "-out", "verified"),
            cwd=folder / stem,
        )
        assert verified.returncode == 0, verified.stderr
        for line in (folder / stem / "SHA256SUMS").read_text().splitlines():
            expected, name = line.split("  ")
            assert hashlib.sha256((folder / stem / name).read_bytes()).hexdigest() == expected
        return folder / stem

    return run


def run_chain(folder: Path, stem: str, authority: str = "../council-ca.pem") -> "subprocess.CompletedProcess[bytes]":
    """The recipient's commands, as one line in their shell."""
    line = re.sub(r"\bX\b", stem, CHAIN).replace("council-ca.pem", authority)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, check=False, timeout=60, env={"PATH": path}
    )
