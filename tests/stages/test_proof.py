"""The proof of a submission holds for somebody who shares no code with whoever made it, and for no other submission."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from cohorts import objections
from connecting_families.audit import seal
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement, receipt_of
from tests.stages.walk import PEOPLE, RUN, Walk
from transfers import proof, receipt, withdrawal


def root_by(entry: dict[str, Any], size: int) -> bytes:
    """The root that a path leads to, by RFC 9162, section 2.1.3.2, written anew."""
    found = hashlib.sha256(b"\x00" + entry["data"].encode()).digest()
    fn, sn = entry["position"], size - 1
    for step in map(base64.b64decode, entry["path"]):
        assert sn > 0
        if fn % 2 or fn == sn:
            found = hashlib.sha256(b"\x01" + step + found).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            found = hashlib.sha256(b"\x01" + found + step).digest()
        fn, sn = fn // 2, sn // 2
    assert sn == 0
    return found


def checkpoint(said: dict[str, Any]) -> tuple[int, bytes]:
    """Size and root of the checkpoint, once its signature is that of the verifier key (C2SP signed-note)."""
    text, signatures = said["trail"]["checkpoint"].split("\n\n")
    name, _, key = said["trail"]["verifier_keys"][0].split("+", 2)
    (line,) = [line for line in signatures.splitlines() if line.startswith(f"\N{EM DASH} {name} ")]
    signature = base64.b64decode(line.rsplit(" ", 1)[1])[4:]
    Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]).verify(signature, f"{text}\n".encode())
    _, size, root = text.splitlines()
    return int(size), base64.b64decode(root)


def checked(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a proof, each proven."""
    size, root = checkpoint(said)
    for entry in said["trail"]["entries"]:
        assert root_by(entry, size) == root
    return [json.loads(entry["data"]) for entry in said["trail"]["entries"]]


def whole(walk: Walk) -> Walk:
    """Sent, receipted, and one person withdrawn and acknowledged; the trail sealed."""
    receipt.take_in(data=receipt_of(walk, ("P2", "SEX")), by=walk.who("prepare"), at=walk.now())
    at = walk.now()
    objections.receive(person=walk.person("P1"), received_at=at, by=walk.who("worker"), at=at)
    row = withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=walk.now())
    assert row is not None
    withdrawal.carry_out(withdrawal=row, by=duty("withdraw"), at=walk.now())
    receipt.take_in(data=acknowledgement(walk, row), by=walk.who("prepare"), at=walk.now())
    assert seal.seal(at=walk.now()) is not None
    return walk


def test_an_auditor_checks_it_without_us(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = whole(walk_to("deliver"))
    row = walk.submission
    data, signature = proof.prove(submission=row, by=walk.who("govern"), at=walk.now())
    said = json.loads(data)
    events = [entry["event"] for entry in checked(said)]
    acts = "SUBMISSION_DRAFTED SUBMISSION_APPROVED SUBMISSION_SEALED SUBMISSION_DELIVERED RECEIPT_TAKEN_IN"
    acts += " WITHDRAWAL_MADE WITHDRAWAL_DELIVERED WITHDRAWAL_ACKNOWLEDGED"
    assert set(acts.split()) <= set(events)
    assert said["trail"]["not_sealed_yet"] == []
    (sealed,) = [entry for entry in checked(said) if entry["event"] == "SUBMISSION_SEALED"]
    assert sealed["additional_data"]["files"] == said["sealed_files"]
    for file in said["sealed_files"]:
        delivered = (settings.CF_DELIVERY_FOLDER / file["name"]).read_bytes()
        assert hashlib.sha256(delivered).hexdigest() == file["sha256"]
    assert said["receipt"]["rejections"] == {"SEX": 1}
    assert [each["counts"] for each in said["withdrawals"]] == [{"withdrawn": 1}]
    assert {each["purpose"] for each in said["certificates"]} == {"linkage", "analysis"}
    # It describes nobody, and is the same bytes for the same facts.
    for person in PEOPLE:
        assert not [value for value in person[1:4] if value in data.decode()]
    assert json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() == data
    if shutil.which("openssl"):
        for name, content in (("proof.json", data), ("proof.json.p7s", signature)):
            (tmp_path / name).write_bytes(content)
        authority = settings.CF_SIGNING_KEY.parent / "council-ca.pem"
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "proof.json.p7s", "-content",
                   "proof.json", "-CAfile", str(authority), "-purpose", "smimesign", "-attime",
                   str(int(RUN.timestamp())), "-out", "/dev/null"]  # fmt: skip
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        (tmp_path / "proof.json").write_bytes(data.replace(b"DELIVERED", b"DELIVERES", 1))
        assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_what_was_changed_is_not_proven(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    assert seal.seal(at=walk.now()) is not None
    said = proof.view(submission=walk.submission, by=walk.who("govern"), at=walk.now()).said
    size, root = checkpoint(said)

    def proves(entry: dict[str, Any]) -> bool:
        try:
            return root_by(entry, size) == root
        except AssertionError:
            return False

    for entry in said["trail"]["entries"]:
        assert proves(entry)
        assert not proves(entry | {"data": entry["data"].replace("2026", "2025", 1)})
        assert not proves(entry | {"position": entry["position"] ^ 1})
        assert not proves(entry | {"path": entry["path"][:-1]})
        assert not proves(entry | {"path": [*entry["path"], entry["path"][0]]})


def test_what_is_not_sealed_yet_is_said_and_what_never_was_is_refused(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    with pytest.raises(proof.NotProven, match="was never sealed"):
        proof.prove(submission=walk.submission, by=walk.who("govern"), at=walk.now())
    assert Entry.objects.latest("id").event == "PROOF_REFUSED"
    walk.through("ask to seal", "seal")
    said, entries = proof.view(submission=walk.submission, by=walk.who("govern"), at=walk.now())
    assert (said["trail"]["checkpoint"], said["trail"]["entries"]) == ("", [])
    assert said["trail"]["not_sealed_yet"] == [entry.pk for entry in entries]
    assert "SUBMISSION_SEALED" in {entry.event for entry in entries}
