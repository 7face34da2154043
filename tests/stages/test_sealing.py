"""A sealed submission opens with stock OpenSSL to exactly what was approved, and no name lies anywhere on the way."""

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import connection

from connecting_families.alone import Work
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, ORDER, PEOPLE, RUN, Walk
from tests.transfers.conftest import self_signed
from transfers import certificates, lines, package, sealing, submission
from transfers.models import FamilyReference, PersonReference, RecipientCertificate, Submission

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's command is not installed.")
TO_SEAL = ORDER[1 : ORDER.index("seal") + 1]
CORE = ["submission_person_ref", "given_name", "family_name", "date_of_birth", "sex", "address_line_1",
        "address_line_2", "address_line_3", "address_line_4", "address_line_5", "postcode", "nino"]  # fmt: skip
REFERENCE = re.compile("[A-Z2-7]{26}")


class Opened:
    """What the recipient finds in one package, by the two commands of spec/submission.md, at the moment of the run."""

    def __init__(self, walk: Walk, name: str, folder: Path, *, package: str = "") -> None:
        at, there = str(int(RUN.timestamp())), settings.CF_SIGNING_KEY.parent
        sealed = settings.CF_OUTBOX / f"{package or f'{walk.submission.name}-{name}'}.zip.p7m"
        folder.mkdir(parents=True)
        for command in (
            ["cms", "-decrypt", "-binary", "-inform", "DER", "-in", sealed, "-recip", there / "ons.pem",
             "-inkey", there / "ons.key", "-out", "X.zip"],
            ["cms", "-verify", "-binary", "-inform", "DER", "-in", "SHA256SUMS.p7s", "-content", "SHA256SUMS",
             "-CAfile", there / "council-ca.pem", "-purpose", "smimesign", "-attime", at, "-out", "verified"],
        ):  # fmt: skip
            subprocess.run(["openssl", *map(str, command)], cwd=folder, check=True, capture_output=True)
            if (folder / "X.zip").exists():
                shutil.unpack_archive(folder / "X.zip", folder)
        for line in (folder / "SHA256SUMS").read_text().splitlines():
            digest, file = line.split("  ")
            assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
        self.bytes = (folder / f"{name}.csv").read_bytes()
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        reader = csv.DictReader(io.StringIO(self.bytes.decode(), newline=""))
        self.rows = list(reader)
        self.columns = list(reader.fieldnames or ())


def opened(walk: Walk, folder: Path) -> tuple[Opened, Opened]:
    return Opened(walk, "identifiers", folder / "who"), Opened(walk, "programme", folder / "what")


def outbox(walk: Walk) -> list[str]:
    return sorted(path.name for path in settings.CF_OUTBOX.iterdir()) if settings.CF_OUTBOX.is_dir() else []


def codes(walk: Walk, act: str) -> list[str]:
    with pytest.raises(Refused) as refusal:
        walk.do(act)
    return refusal.value.codes


def of_person(walk: Walk, reference: str) -> str:
    return PersonReference.objects.get(person_id=walk.person(reference).pk).reference


@needs_openssl
def test_the_recipient_opens_who_a_person_is(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("seal")
    who, _ = opened(walk, tmp_path)
    assert who.columns == CORE
    rows = {row["submission_person_ref"]: row for row in who.rows}
    assert list(rows) == sorted(rows)
    assert all(REFERENCE.fullmatch(reference) for reference in rows)
    expected = {}
    for reference, given, family, born, sex, more in PEOPLE:
        if reference not in {"P6", "P8"}:
            expected[of_person(walk, reference)] = {
                "given_name": given, "family_name": family, "date_of_birth": born,
                "sex": {"1": "M", "2": "F", "0": "U", "9": "U"}[sex], "nino": more.get("nino", ""),
                "address_line_1": LINE, "address_line_2": "Osierham",
                "postcode": {"P1": "PE1 1AA", "P2": "PE1 1AA", "P4": ""}.get(reference, "PE1 1AB"),
            }  # fmt: skip
    empty = dict.fromkeys(("address_line_3", "address_line_4", "address_line_5"), "")
    assert rows == {ref: {"submission_person_ref": ref} | row | empty for ref, row in expected.items()}
    assert who.bytes.startswith(",".join(CORE).encode() + b"\n")
    assert b"\r" not in who.bytes
    assert b'"O\'Fernsby, jnr"' in who.bytes


@needs_openssl
def test_the_recipient_opens_what_happened_to_a_family(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("seal")
    who, what = opened(walk, tmp_path)
    assert what.columns == ["submission_person_ref", "submission_family_ref", "la_code", "group", "programme_start",
                            "programme_end"]  # fmt: skip
    order = [(row["submission_family_ref"], row["submission_person_ref"]) for row in what.rows]
    assert order == sorted(order)
    assert len(set(order)) == 7
    assert all(REFERENCE.fullmatch(family) for family, _ in order)
    assert {row["la_code"] for row in what.rows} == {settings.CF_LA_CODE}
    worked_with = {row["submission_person_ref"] for row in what.rows if row["group"] == "PROGRAMME"}
    assert worked_with == {of_person(walk, "P1"), of_person(walk, "P2")}
    for row in what.rows:
        assert (row["programme_start"], row["programme_end"]) == (
            ("2026-02-01", "") if row["group"] == "PROGRAMME" else ("", "")
        )
    twice = of_person(walk, "P2")
    assert [row["submission_person_ref"] for row in who.rows].count(twice) == 1
    assert [row["submission_person_ref"] for row in what.rows].count(twice) == 2
    assert not set(who.columns) & set(what.columns) - {"submission_person_ref"}


@needs_openssl
def test_the_manifest_says_what_was_approved_and_how(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("explain")
    asked: dict[str, Any] = {"code": "DQ212", "text": "Did not say, twice.", "family_ref": "F2", "person_ref": "P4"}
    submission.explain(submission=walk.submission, **asked, by=walk.who("assist"), at=walk.now())
    walk.through(*ORDER[ORDER.index("explain") + 1 : ORDER.index("seal") + 1])
    row = walk.submission
    for name, package_ in zip(("identifiers", "programme"), opened(walk, tmp_path), strict=True):
        says = package_.manifest
        assert says["spec"] == "connecting-families/1"
        assert (says["submission"], says["round"], says["cut_off"]) == (row.name, "2026", "2026-09-30")
        assert (says["agreement"], says["prepared_by_role"]) == ("DSA", "data_preparer")
        assert (says["cohort_digest"], says["content_sha256"]) == (row.cohort.digest, row.approved_content_sha256)
        (file,) = says["files"]
        assert (file["name"], file["rows"], file["columns"]) == (
            f"{name}.csv", len(package_.rows), package_.columns
        )  # fmt: skip
        assert (file["bytes"], file["sha256"]) == (len(package_.bytes), hashlib.sha256(package_.bytes).hexdigest())
        assert says["findings"] == [
            {"code": "DQ201", "open": 1, "explanation": "Asked again: it is so."},
            {"code": "DQ204", "open": 1, "explanation": "Asked again: it is so."},
            {"code": "DQ212", "open": 1, "explanation": "Did not say, twice."},
        ]
        told = json.dumps(says)
        assert not [value for value in ('prepare"', "assist", 'P1"', 'P4"', 'F2"', *PEOPLE[0][1:4]) if value in told]
    both = f"{row.identifiers_sha256}\n{row.programme_sha256}\n"
    assert hashlib.sha256(both.encode()).hexdigest() == row.approved_content_sha256


def test_the_transmittal_names_the_two_sealed_files_and_nobody(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    row = walk.submission
    note = json.loads((settings.CF_OUTBOX / f"{row.name}-transmittal.json").read_bytes())
    for file in note["files"]:
        sealed = (settings.CF_OUTBOX / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(sealed), hashlib.sha256(sealed).hexdigest())
    assert outbox(walk) == [f"{row.name}-{rest}" for rest in (
        "identifiers.zip.p7m", "programme.zip.p7m", "transmittal.json", "transmittal.json.p7s"
    )]  # fmt: skip
    assert sorted(file["name"] for file in row.sealed_files) == outbox(walk)
    assert {path.stat().st_mode & 0o077 for path in settings.CF_OUTBOX.iterdir()} == {0}


@needs_openssl
def test_what_the_agreement_lists_is_added_in_the_order_of_the_file(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("assemble")
    walk.assemble(walk.open_round("MORE", "DSA-MORE"))
    walk.through(*TO_SEAL)
    who, what = opened(walk, tmp_path)
    assert who.columns == [*CORE, "middle_names", "upn", "linkage_scope"]
    assert what.columns[-4:] == ["programme_end", "relationship", "TF1", "TF2"]
    assert {(row["TF1"], row["TF2"]) for row in what.rows} == {("true", "false")}
    (twice,) = (row for row in who.rows if row["given_name"] == "Peregrine")
    assert (twice["middle_names"], twice["upn"], twice["linkage_scope"]) == ("Aurelio", "", "PNC;NPD")
    of_twice = [row for row in what.rows if row["submission_person_ref"] == twice["submission_person_ref"]]
    assert sorted(row["relationship"] for row in of_twice) == ["child", "grandchild"]


@needs_openssl
def test_a_person_keeps_the_reference_of_the_study_in_every_round(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("seal")
    first = opened(walk, tmp_path)
    families = set(FamilyReference.objects.values_list("reference", flat=True))
    walk.assemble(walk.open_round("NEXT"))
    walk.through(*TO_SEAL)
    assert Submission.objects.count() == 2
    second = opened(walk, tmp_path / "next")
    assert [each.bytes for each in first] == [each.bytes for each in second]
    assert set(FamilyReference.objects.values_list("reference", flat=True)) == families


def test_records_that_changed_since_the_approval_are_refused_and_void_it(walk_to: WalkTo) -> None:
    walk = walk_to("ask to seal")
    walk.change("people", "person_ref", "P1", given_name="Zenobia")
    assert codes(walk, "seal") == ["CONTENT_CHANGED"]
    assert walk.submission.stage == "VOID"
    assert outbox(walk) == []
    assert Entry.objects.filter(event="SEALING_REFUSED").latest("id").additional_data == {
        "reasons": ["CONTENT_CHANGED"]
    }


def without_certificates(walk: Walk) -> None:
    """As if every certificate had been revoked."""
    at = walk.now()
    for row in RecipientCertificate.objects.all():
        with trail.act():
            row.revoked_at = at
            row.save()
            trail.record(Event.CERTIFICATE_REFUSED, who=walk.who("govern"), at=at, about=row)


@pytest.mark.parametrize("act", ["ask to seal", "seal"])
def test_a_certificate_that_was_revoked_or_is_not_accepted_by_two_stops_sealing(walk_to: WalkTo, act: str) -> None:
    walk = walk_to("ask to seal")
    without_certificates(walk)
    reasons = ["NO_CERTIFICATE", "CERTIFICATE_REVOKED"]
    assert codes(walk, act) == [*reasons, *reasons]
    new = self_signed(rsa.generate_private_key(public_exponent=65537, key_size=3072), since=RUN - timedelta(days=1),
                      until=RUN + timedelta(days=100)).public_bytes(Encoding.PEM)  # fmt: skip
    fingerprint = walk.add_certificate(new, "linkage", accepted_by=("prepare",))
    walk.add_certificate(new, "analysis")
    assert codes(walk, act) == [*reasons, "CERTIFICATE_NOT_ACCEPTED"]
    assert (walk.submission.stage, outbox(walk)) == ("APPROVED", [])
    certificates.accept(fingerprint=fingerprint, purpose="linkage", by=walk.who("govern"), at=walk.now())
    walk.do(act)


def test_a_certificate_that_expired_stops_sealing(walk_to: WalkTo) -> None:
    walk = walk_to("ask to seal")
    walk.change("agreements", "reference", "DSA", in_force_to="2036-01-01")
    with pytest.raises(Refused) as refusal:
        sealing.seal(submission=walk.submission, by=duty("seal"), at=RUN + timedelta(days=3 * 365))
    assert refusal.value.codes == ["NO_CERTIFICATE", "EXPIRED", "NO_CERTIFICATE", "EXPIRED", "SIGNING_EXPIRED"]
    assert (walk.submission.stage, outbox(walk)) == ("APPROVED", [])


def test_without_the_councils_key_nothing_is_sealed(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("ask to seal")
    settings.CF_SIGNING_KEY = tmp_path / "none.key"
    assert codes(walk, "seal") == ["NO_SIGNING_KEY"]
    assert (walk.submission.stage, outbox(walk)) == ("APPROVED", [])


def test_nobody_seals_while_another_does(walk_to: WalkTo) -> None:
    walk = walk_to("ask to seal")
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Work.SEALING.value, walk.submission.pk])
        assert sealing.seal(submission=walk.submission, by=duty("seal"), at=walk.now()) is None
        assert (walk.submission.stage, outbox(walk)) == ("APPROVED", [])
    walk.do("seal")


def test_of_two_who_seal_at_once_one_does(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to seal")
    row, at, meet = walk.submission, walk.now(), threading.Barrier(2, timeout=10)
    outcomes: list[str] = []

    def seal() -> None:
        try:
            meet.wait()
            done = sealing.seal(submission=row, by=duty("seal"), at=at)
            outcomes.append("sealed" if done else "left to the other")
        except Refused as refusal:
            outcomes.append(refusal.codes[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=seal) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.count("sealed") == 1
    assert len(outcomes) == 2
    assert set(outcomes) - {"sealed"} <= {"left to the other", "WRONG_STAGE"}
    assert Entry.objects.filter(event="SUBMISSION_SEALED").count() == 1
    assert len(outbox(walk)) == 4


def test_what_a_killed_worker_left_is_cleared_away(walk_to: WalkTo) -> None:
    walk = walk_to("ask to seal")
    settings.CF_OUTBOX.mkdir()
    left = settings.CF_OUTBOX / f".{walk.submission.name}-identifiers.zip.p7m.abc{package.UNFINISHED}"
    left.write_bytes(b"half")
    walk.do("seal")
    assert left.name not in outbox(walk)


def test_sealing_that_stops_half_way_leaves_nothing(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("ask to seal")

    def stops(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(package, "write_transmittal", stops)
        with pytest.raises(OSError, match="No space"):
            walk.do("seal")
    assert (walk.submission.stage, outbox(walk)) == ("APPROVED", [])
    walk.do("seal")
    assert len(outbox(walk)) == 4


def test_no_name_lies_anywhere_while_or_after_it_is_sealed(
    walk_to: WalkTo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to seal")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    planted = [value.encode() for person in PEOPLE for value in (*person[1:3], *person[5].values())] + [LINE.encode()]
    looked: list[int] = []

    def look() -> None:
        files = [path for folder in (walk.folder, temporary) for path in folder.rglob("*") if path.is_file()]
        looked.append(len(files))
        for path in files:
            written = path.read_bytes()
            assert not [value for value in planted if value in written], path.name

    read, seal = lines.read, package.seal

    def looking_on_the_way(*arguments: Any) -> Iterator[tuple[bytes, int]]:
        for row in read(*arguments):
            look()
            yield row

    def looking_after_each(*arguments: Any, **options: Any) -> list[package.SealedFile]:
        sealed = seal(*arguments, **options)
        look()
        return sealed

    monkeypatch.setattr(lines, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(lines, "read", looking_on_the_way)
    monkeypatch.setattr(package, "seal", looking_after_each)
    walk.do("seal")
    look()
    assert len(looked) == 6 + 7 + 2 + 1
    assert looked[6] >= 1
    # Four in the outbox, our own copy of either file, and its key.
    assert looked[-1] == 4 + 2 + 1
    # And the search finds what is there.
    (temporary / "left").write_text(f"{PEOPLE[0][1]},")
    with pytest.raises(AssertionError, match="left"):
        look()
