"""What was sealed is read again: it leaves whole, for those whose certificates are accepted now, and nobody else."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from pysequoia import Cert, Tsk, decrypt

from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN, Walk, openpgp_recipient
from tests.transfers.conftest import self_signed
from transfers import certificates, council, delivery, package
from transfers.keys import make_demonstration_keys
from transfers.models import RecipientCertificate


def codes(walk: Walk, act: str) -> list[str]:
    with pytest.raises(Refused) as refusal:
        walk.do(act)
    return refusal.value.codes


def revoke(walk: Walk) -> None:
    for row in RecipientCertificate.objects.filter(revoked_at=None):
        certificates.revoke(certificate=row, reason="Its key was lost.", by=walk.who("govern"), at=walk.now())


def to_openpgp(walk: Walk) -> None:
    revoke(walk)
    for purpose in RecipientCertificate.PURPOSES:
        walk.add_certificate(openpgp_recipient(), purpose)


def outbox() -> list[str]:
    return sorted(path.name for path in settings.CF_OUTBOX.iterdir())


def test_a_submission_is_sealed_for_gpg_and_delivered(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    to_openpgp(walk)
    walk.through("ask to seal", "seal")
    name, folder = walk.submission.name, settings.CF_SIGNING_KEY.parent
    note = json.loads((settings.CF_OUTBOX / f"{name}-transmittal.json").read_bytes())
    assert [file["name"] for file in note["files"]] == [f"{name}-identifiers.zip.pgp", f"{name}-programme.zip.pgp"]
    message = (settings.CF_OUTBOX / f"{name}-identifiers.zip.pgp").read_bytes()
    assert b"Quillfeather" not in message
    tsk = Tsk.from_file(str(folder / "ons-openpgp.key"))
    opened = decrypt(message, tsk.decryptor(), lambda _: [Cert.from_file(str(folder / "council-openpgp.asc"))])
    assert opened.bytes is not None
    assert len(opened.valid_sigs) == 1
    shutil.unpack_archive(_written(opened.bytes, walk.folder / "X.zip"), walk.folder / "X")
    assert b"Quillfeather" in (walk.folder / "X" / "identifiers.csv").read_bytes()
    walk.through("ask to deliver", "deliver")
    assert (settings.CF_DELIVERY_FOLDER / f"{name}-programme.zip.pgp").exists()


def test_without_a_key_of_ours_nothing_is_sealed_for_gpg(walk_to: WalkTo, settings: Any) -> None:
    walk = walk_to("approve")
    to_openpgp(walk)
    for given in ("", str(settings.CF_SIGNING_KEY), "/nowhere/council.key"):
        settings.CF_OPENPGP_SIGNING_KEY = given
        assert codes(walk, "ask to seal") == ["NO_OPENPGP_SIGNING_KEY"]
    settings.CF_OPENPGP_SIGNING_KEY = str(settings.CF_SIGNING_KEY.parent / "council-openpgp.key")
    settings.CF_SIGNING_KEY_UNENCRYPTED = False
    assert codes(walk, "ask to seal") == ["SIGNING_KEY_NOT_ENCRYPTED"] * 2


def test_what_was_sealed_for_a_certificate_that_was_revoked_does_not_leave(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    revoke(walk)
    assert set(codes(walk, "deliver")) == {"PACKAGE_FOR_OTHERS"}
    assert (walk.submission.stage, outbox(), settings.CF_DELIVERY_FOLDER.exists()) == ("VOID", [], False)
    assert Entry.objects.filter(event="SUBMISSION_VOIDED").count() == 1


def test_asking_to_deliver_it_is_refused_as_well(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    revoke(walk)
    assert set(codes(walk, "ask to deliver")) == {"PACKAGE_FOR_OTHERS"}
    assert walk.submission.stage == "VOID"


def test_one_that_expired_since_it_was_sealed_does_not_leave(walk_to: WalkTo) -> None:
    walk = walk_to("ask to seal")
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    ending = self_signed(key, since=RUN - timedelta(days=1), until=RUN + timedelta(days=2)).public_bytes(Encoding.PEM)
    for purpose in RecipientCertificate.PURPOSES:
        walk.add_certificate(ending, purpose)
    walk.through("seal", "ask to deliver")
    walk.minutes += 3 * 24 * 60
    assert set(codes(walk, "deliver")) == {"PACKAGE_FOR_OTHERS"}


def test_a_certificate_accepted_since_changes_nothing(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    for purpose in RecipientCertificate.PURPOSES:
        walk.add_certificate(openpgp_recipient(), purpose)
    walk.through("ask to deliver", "deliver")
    assert walk.submission.stage == "SENT"


def test_what_is_revoked_while_it_is_sealed_is_not_sealed(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to seal")
    write = package.write_transmittal

    def revoked_meanwhile(*arguments: Any, **options: Any) -> Any:
        revoke(walk)
        return write(*arguments, **options)

    monkeypatch.setattr(package, "write_transmittal", revoked_meanwhile)
    assert set(codes(walk, "seal")) == {"PACKAGE_FOR_OTHERS"}
    assert (walk.submission.stage, outbox()) == ("APPROVED", [])


def test_what_lies_there_otherwise_than_it_was_counted_is_not_sealed(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to seal")
    note, write = package.transmittal, package.write_transmittal
    with monkeypatch.context() as less:
        less.setattr(package, "transmittal", lambda name, files, counts: note(name, files[:1], counts))
        assert codes(walk, "seal") == ["PACKAGE_UNLIKE_TRANSMITTAL"]
    with monkeypatch.context() as otherwise:

        def counts_other_bytes(*of: Any, **given: Any) -> list[package.SealedFile]:
            return [each._replace(sha256="0" * 64) for each in write(*of, **given)]

        otherwise.setattr(package, "write_transmittal", counts_other_bytes)
        assert codes(walk, "seal") == ["PACKAGE_CHANGED"]
    assert (walk.submission.stage, outbox()) == ("APPROVED", [])
    walk.do("seal")


def test_the_councils_key_is_under_a_passphrase_and_for_its_owner(
    walk_to: WalkTo, settings: Any, tmp_path: Path
) -> None:
    walk = walk_to("approve")
    settings.CF_SIGNING_KEY_UNENCRYPTED = False
    assert codes(walk, "ask to seal") == ["SIGNING_KEY_NOT_ENCRYPTED"]
    key = serialization.load_pem_private_key(settings.CF_SIGNING_KEY.read_bytes(), None)
    path = tmp_path / "council.key"
    path.write_bytes(
        key.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"osier")
        )
    )
    settings.CF_SIGNING_KEY, settings.CF_SIGNING_PASSPHRASE = path, "osier"
    path.chmod(0o640)
    assert codes(walk, "ask to seal") == ["SIGNING_KEY_OPEN_TO_OTHERS"]
    path.chmod(0o600)
    walk.through("ask to seal", "seal")


def test_the_end_of_the_councils_key_is_said_before(walk_to: WalkTo, settings: Any, tmp_path: Path) -> None:
    walk_to("assemble")
    made = make_demonstration_keys(tmp_path, RUN - timedelta(days=700))
    assert council.ending(RUN) == []
    settings.CF_SIGNING_KEY, settings.CF_SIGNING_CERTIFICATE = made.signing_key, made.signing_certificate
    settings.CF_OPENPGP_SIGNING_KEY = str(made.openpgp_signing_key)
    said = council.ending(RUN)
    assert len(said) == 2
    assert all("expires on 3 December 2026" in sentence for sentence in said)


def _written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def test_a_package_that_was_changed_or_is_gone_is_refused_before_it_is_asked_for(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    path = settings.CF_OUTBOX / f"{walk.submission.name}-programme.zip.p7m"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert codes(walk, "ask to deliver") == ["PACKAGE_DAMAGED"]
    path.unlink()
    assert codes(walk, "ask to deliver") == ["PACKAGE_CHANGED"]
    path.write_bytes(whole)
    walk.through("ask to deliver")
    assert delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now()) is not None
