"""A package of which one bit was flipped, anywhere, is refused or opens to exactly the same bytes; in both formats.

CI flips every bit of a CMS package before a reader in this process (tests.gates.opened), and every 167th before
`openssl cms -decrypt`; of an OpenPGP package every 397th before `gpg -d` (every bit of a shorter message, before
Sequoia, in test_openpgp). With `CF_EVERY_BIT=1` the documented commands try every bit of both, as many at once as there
are cores: three minutes on two quiet ones.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from tests.gates import opened
from tests.transfers.conftest import EVERY_BIT, STEM, Run, SealHere, run_chain, table
from tests.transfers.test_openpgp import Gpg, gpg
from transfers import keys, openpgp
from transfers.keys import DemonstrationKeys
from transfers.openpgp import OpenPgpEnvelope
from transfers.package import Wrapping, digest, seal, written_together

ROWS = [("0" * 26, "Zebulonia", "1 High St")]
OPENSSL_EACH, GPG_EACH = (1, 1) if EVERY_BIT else (167, 397)
AT_ONCE = os.cpu_count() or 1

__all__ = ["gpg"]


def flipped(data: bytes, each: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """The same bytes with one bit flipped, for every so-many-th bit."""
    for bit in range(first, 8 * len(data), each):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(damaged)


def refused_of(data: bytes, each: int, refuses: Callable[[int, int, bytes], bool]) -> int:
    """How many are refused of every so-many-th bit flipped; as many are tried at once as there are cores.

    `refuses` is told which of these it is, the bit, and the damaged bytes.
    """

    def share(place: int) -> int:
        return sum(refuses(place, bit, damaged) for bit, damaged in flipped(data, each * AT_ONCE, each * place))

    with ThreadPoolExecutor(AT_ONCE) as cores:
        return sum(cores.map(share, range(AT_ONCE)))


def test_no_bit_of_a_cms_package_opens_as_something_else(
    seal_here: SealHere, folder: Path, keys_of_all: DemonstrationKeys, recipient: x509.Certificate
) -> None:
    (sealed,) = seal_here(ROWS)
    data = (folder / sealed.name).read_bytes()
    key, serial = keys.load_signing_key(keys_of_all.recipient_key), recipient.serial_number
    whole = opened.content_of(opened.read(data), key, serial)
    refused = overlooked = 0
    for bit, damaged in flipped(data, 1):
        try:
            assert opened.content_of(opened.read(damaged), key, serial) == whole, bit
            overlooked += 1
        except opened.NotOpenedError:
            refused += 1
    assert refused + overlooked == 8 * len(data) > 24_000
    # The name of who issued the certificate is a label: the reader finds the recipient by number.
    assert overlooked < 8 * len(recipient.issuer.public_bytes()) + 64


def test_openssl_refuses_a_cms_package_of_which_a_bit_is_flipped(
    seal_here: SealHere, folder: Path, openssl: Run
) -> None:
    (sealed,) = seal_here(ROWS)
    data = (folder / sealed.name).read_bytes()

    places = [folder / str(place) for place in range(AT_ONCE)]
    for place in places:
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns("[0-9]*"))

    def open_(here: Path) -> "subprocess.CompletedProcess[bytes]":
        return openssl(
            *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", sealed.name),
            *("-recip", "ons.pem", "-inkey", "ons.key", "-out", "X.zip"),
            cwd=here,
        )

    assert open_(folder).returncode == 0
    whole = (folder / "X.zip").read_bytes()

    def refuses(place: int, bit: int, damaged: bytes) -> bool:
        here = places[place]
        (here / sealed.name).write_bytes(damaged)
        if open_(here).returncode != 0:
            return True
        if (here / "X.zip").read_bytes() != whole:
            # What it opens to is no package, or its sums or their signature are wrong: the next words say so.
            shutil.rmtree(here / STEM, ignore_errors=True)
            assert run_chain(here, STEM).returncode != 0, bit
        return False

    assert refused_of(data, OPENSSL_EACH, refuses) > 0.9 * 8 * len(data) / OPENSSL_EACH


def test_gpg_refuses_an_openpgp_package_of_which_a_bit_is_flipped(
    folder: Path, keys_of_all: DemonstrationKeys, wrapping: Wrapping, gpg: Gpg
) -> None:
    recipient = openpgp.load_certificate(keys_of_all.openpgp_recipient_certificate.read_bytes())
    envelope = OpenPgpEnvelope([recipient], openpgp.load_signer(keys_of_all.openpgp_signing_key))
    with written_together(folder) as create:
        (sealed,) = seal(
            table(ROWS), wrapping._replace(envelope=envelope), stem=STEM, approved=digest(table(ROWS)), create=create
        )
    data = (folder / sealed.name).read_bytes()
    whole = gpg("-d", given=data)
    assert whole.returncode == 0
    assert whole.stdout.startswith(b"PK")

    def refuses(_: int, bit: int, damaged: bytes) -> bool:
        told = gpg("-d", given=damaged)
        # What it takes for no message at all opens to nothing, with 0: there is no zip for the next word to open.
        assert told.returncode != 0 or told.stdout in (whole.stdout, b""), bit
        return told.returncode != 0 or not told.stdout

    assert refused_of(data, GPG_EACH, refuses) > 0.9 * 8 * len(data) / GPG_EACH


@pytest.fixture
def keys_of_all(keys: DemonstrationKeys) -> DemonstrationKeys:
    """The made-up keys, by a name that is not the module's."""
    return keys
