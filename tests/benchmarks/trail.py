"""The trail: what writing it costs, what sealing it costs, and how long a million entries take to verify elsewhere."""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
from auditlog.context import disable_auditlog
from django.conf import settings
from django.db import connection
from django.test import override_settings

from cohorts import families as people
from cohorts import loading
from cohorts.models import Person
from connecting_families.audit import export, owed, seal, trail, verify_trail_offline
from connecting_families.audit.trail import duty
from tests.benchmarks.council import cases, database, vacuum
from tests.benchmarks.measured import RUNS, Measured, ratio, side_by_side
from tests.conftest import address_of

BENCH = duty("bench")
ENTRIES_OF_A_FAMILY = 10
AT_ONCE = 1000
"""Entries of one seal."""
WRITERS, PAUSE, SECONDS = 8, 0.02, 4.0
EDITS = 200
WRITTEN = """
INSERT INTO audit_entry (object_pk, object_repr, action, changes_text, event, record, reference, who, role, reason,
    timestamp, cid, remote_addr, changes, additional_data)
SELECT n, 'P' || n, 1, '', 'PERSON_CHANGED', 'cohorts.person', 'P' || n, 'worker', 'early_help_worker', '', now(),
    md5(n::text), '192.0.2.7', jsonb_build_array(jsonb_build_object('record', 'cohorts.person', 'reference', 'P' || n,
    'act', 'changed', 'fields', jsonb_build_object('given_name', jsonb_build_array('changed', 'changed')))), NULL
FROM generate_series(1, %s) n
"""


class Built(NamedTuple):
    """A long trail: how many entries, the milliseconds of its last seals, and of both verifiers by turns."""

    entries: int
    seals: list[float]
    offline: list[float]
    sums: list[float]


def trail_seal_ms(families: int) -> Measured:
    """A seal of 1,000 new entries on a long trail, signature and commit included: at most 100 ms."""
    built = _built(families)
    return Measured(
        name="trail_seal_ms", figure=statistics.median(built.seals), unit="ms", limit=100.0, ours=built.seals, peer=[],
        peer_is="", families=families,
    )  # fmt: skip


def trail_verify_vs_sha256(families: int) -> Measured:
    """verify_trail_offline.py / sha256sum of the export: at most 10. FAMILIES=100000 measures a million entries."""
    built = _built(families)
    return Measured(
        name="trail_verify_vs_sha256", figure=ratio(built.offline, built.sums), unit="ratio", limit=10.0,
        ours=built.offline, peer=built.sums, peer_is=f"sha256sum, {built.entries:,} entries", families=families,
    )  # fmt: skip


def trail_sealing_cost(families: int) -> Measured:
    """Eight writers of transactions of 20 ms: their throughput in quiet / with a seal every second; at most 1.05."""
    quiet, sealed = [], []
    with _council():
        for _ in range(RUNS):
            quiet.append(_throughput(lambda: None))
            sealed.append(_throughput(lambda: seal.seal(at=datetime.now(UTC))))
    return Measured(
        name="trail_sealing_cost", figure=ratio(quiet, sealed), unit="ratio", limit=1.05, ours=quiet, peer=sealed,
        peer_is="entries a second beside a seal every second", families=families,
    )  # fmt: skip


def trail_write_cost(families: int) -> Measured:
    """Details of people changed with the trail / without: at most 2.5."""
    with _council(), trail.correlated():
        loading.load_directory(cases(200), by=BENCH, at=datetime.now(UTC))
        vacuum()
        found = list(Person.objects.filter(merged_into=None).exclude(given_name="").order_by("pk")[:EDITS])
        _edit(found)
        with_trail, without = side_by_side(lambda: _edit(found), lambda: _edit_unrecorded(found))
    return Measured(
        name="trail_write_cost", figure=ratio(with_trail, without), unit="ratio", limit=2.5, ours=with_trail,
        peer=without, peer_is=f"{EDITS} changes of a person without it", families=families,
    )  # fmt: skip


@contextmanager
def _council() -> Iterator[Path]:
    """A database and a key of its own."""
    with (
        tempfile.TemporaryDirectory(dir=settings.CF_DATA_DIR) as folder,
        override_settings(CF_CHECKPOINT_KEY=Path(folder) / "checkpoint-key.pem"),
        database(),
    ):
        yield Path(folder)


@cache
def _built(families: int) -> Built:
    entries = families * ENTRIES_OF_A_FAMILY
    seals: list[float] = []
    with _council() as folder:
        for done in range(0, entries, AT_ONCE):
            with connection.cursor() as cursor:
                cursor.execute(WRITTEN, [AT_ONCE])
            if done == entries - 2 * RUNS * AT_ONCE:
                vacuum()
            began = time.perf_counter()
            seal.seal(at=datetime.now(UTC))
            seals.append(round(1000 * (time.perf_counter() - began), 1))
        exported = export.to_export()
        export.make_room(folder / "out")
        export.write(folder / "out", exported)
        offline = [sys.executable, verify_trail_offline.__file__, str(folder / "out")]
        timed = side_by_side(lambda: _run(offline), lambda: _run(["sha256sum", str(folder / "out" / "entries.jsonl")]))
    return Built(exported.entries, seals[-2 * RUNS :], *timed)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _throughput(each_second: Callable[[], Any]) -> float:
    """Entries a second of eight writers, while this is done every second."""
    counts, until = [0] * WRITERS, time.monotonic() + SECONDS
    address = address_of(connection.settings_dict["NAME"], connection.settings_dict)

    def write(which: int) -> None:
        with psycopg.connect(address) as connected:
            while time.monotonic() < until:
                connected.execute(WRITTEN, [1])
                time.sleep(PAUSE)
                connected.commit()
                counts[which] += 1

    writers = [threading.Thread(target=write, args=[which]) for which in range(WRITERS)]
    for writer in writers:
        writer.start()
    while time.monotonic() < until:
        each_second()
        time.sleep(max(0, min(1.0, until - time.monotonic())))
    for writer in writers:
        writer.join()
    return round(sum(counts) / SECONDS, 1)


def _edit(found: list[Person]) -> None:
    for person in found:
        person.refresh_from_db()
        wanted = {"in_education": "education" if person.in_education != "education" else "neither"}
        seen = {"in_education": person.in_education}
        people.change_person(person=person, wanted=wanted, seen=seen, by=BENCH, at=datetime.now(UTC))


def _edit_unrecorded(found: list[Person]) -> None:
    with disable_auditlog(), patch.object(trail, "record", lambda *_, **__: None):
        _owing("DISABLE")
        _edit(found)
        _owing("ENABLE")


def _owing(what: str) -> None:
    """Whether the database asks for an entry of a changed person; done as the owner of the tables."""
    address = address_of(connection.settings_dict["NAME"], settings.DATABASE_OWNER)
    with psycopg.connect(address) as owner:
        owner.execute(f"ALTER TABLE cohorts_person {what} TRIGGER {owed.NAME}")
