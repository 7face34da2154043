"""The council's key is replaced: what was signed with the old one and with the new one verifies, as docs say."""

import shutil
from io import BytesIO
from pathlib import Path

from pysequoia import Cert, Tsk, decrypt

from tests.transfers.conftest import NOW, Run
from transfers import openpgp
from transfers.keys import DemonstrationKeys, load_signer, make_demonstration_keys
from transfers.openpgp import OpenPgpEnvelope


def replaced(keys: DemonstrationKeys, folder: Path) -> DemonstrationKeys:
    """The same authority and recipient, and new keys of the council."""
    shutil.copytree(keys.authority.parent, folder)
    for name in ("council-signing.key", "council-signing.pem", "council-openpgp.key", "council-openpgp.asc"):
        (folder / name).unlink()
    return make_demonstration_keys(folder, NOW)


def test_old_and_new_signatures_verify_with_the_authority(
    openssl: Run, keys: DemonstrationKeys, tmp_path: Path
) -> None:
    new = replaced(keys, tmp_path / "new")
    signers = [load_signer(each.signing_certificate, each.signing_key) for each in (keys, new)]
    assert signers[0].certificate != signers[1].certificate
    (tmp_path / "SHA256SUMS").write_bytes(b"sums\n")
    for signer in signers:
        (tmp_path / "SHA256SUMS.p7s").write_bytes(signer.sign(b"sums\n"))
        verified = openssl(
            *("cms", "-verify", "-binary", "-inform", "DER", "-in", "SHA256SUMS.p7s", "-content", "SHA256SUMS"),
            *("-CAfile", keys.authority, "-purpose", "smimesign", "-out", "verified"),
            cwd=tmp_path,
        )
        assert verified.returncode == 0, verified.stderr


def test_messages_by_the_old_and_the_new_key_open_for_who_has_both_certificates(
    keys: DemonstrationKeys, tmp_path: Path
) -> None:
    new = replaced(keys, tmp_path / "new")
    recipient = openpgp.load_certificate(keys.openpgp_recipient_certificate.read_bytes())
    known = [Cert.from_file(str(each.openpgp_signing_certificate)) for each in (keys, new)]
    assert known[0].fingerprint != known[1].fingerprint
    opens = Tsk.from_file(str(keys.openpgp_recipient_key)).decryptor()
    for each, cert in zip((keys, new), known, strict=True):
        destination = BytesIO()
        with OpenPgpEnvelope([recipient], openpgp.load_signer(each.openpgp_signing_key)).sealing(destination) as writer:
            writer.write(b"content")
        found = decrypt(destination.getvalue(), opens, lambda _: known)
        assert [sig.certificate for sig in found.valid_sigs] == [cert.fingerprint]
