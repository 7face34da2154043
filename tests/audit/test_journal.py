"""The journal outside the database: whoever objects is in it before the database has it, by nothing that names them."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client

from cohorts import consent, loading, objections, people
from cohorts.models import Consent, Objection, Protection
from connecting_families.audit import journal, trail
from connecting_families.audit.events import Event
from connecting_families.audit.journal import Note, NotKept
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Unrecorded, duty
from connecting_families.embedded import BASE_DIR
from tests.audit.test_trail import planted
from tests.oracle.bulk import write
from tests.signing_in import sign_in
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def kept(settings: Any, tmp_path: Path) -> Path:
    """A journal of this test's own."""
    settings.CF_JOURNAL = tmp_path / "data" / "journal"
    return tmp_path / "data" / "journal"


def note(number: int = 1, at: datetime = AT) -> Note:
    facts = {"objection": f"O{number}", "known": ["0" * 64]}
    return Note("OBJECTION_RECEIVED", "OBJECTION_RECEIVED", "cohorts.objection", f"O{number}", f"{number:032x}",
                at.isoformat(), "worker", "early_help_worker", facts)  # fmt: skip


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def codes() -> list[str]:
    return [fault.code for fault in journal.read().faults]


def test_lines_follow_each_other_over_months_and_whatever_is_done_to_them_is_noticed(kept: Path) -> None:
    assert journal.head() == journal.EMPTY
    for number in range(1, 6):
        head = journal.append([note(number, AT.replace(month=10 + number // 3))])
    assert journal.head() == head == journal.Head(5, journal.read().lines[-1].mac)
    assert [path.name for path in files(kept)] == ["journal-2026-10.jsonl", "journal-2026-11.jsonl"]
    # An act that was dated back is written after those before it.
    journal.append([note(6, AT.replace(month=1)), note(7)])
    first, last = files(kept)
    whole = {path: path.read_bytes() for path in (first, last)}
    assert ([line.number for line in journal.read().lines], codes()) == ([*range(1, 8)], [])
    assert {path.stat().st_mode & 0o077 for path in (first, last)} == {0}

    def rows(path: Path) -> list[bytes]:
        return whole[path].splitlines(keepends=True)

    one, _ = rows(first)
    three, four, *rest = rows(last)
    done: dict[str, tuple[Path, bytes, list[str]]] = {
        "removed": (last, b"".join([three, *rest]), ["JOURNAL_GAP"]),
        "moved": (last, b"".join([four, three, *rest]), ["JOURNAL_GAP"] * 3),
        "changed": (last, whole[last].replace(b'"objection":"O4"', b'"objection":"O9"'), ["JOURNAL_CHANGED"]),
        "another's": (last, whole[last].replace(b"worker", b"prepare"), ["JOURNAL_CHANGED"] * 5),
        "written over": (last, b"".join([three, b"#" * (len(four) - 1) + b"\n", *rest]), ["JOURNAL_GAP"]),
        "put in twice": (last, b"".join([three, three, four, *rest]), ["JOURNAL_GAP"]),
        "cut between": (first, one, ["JOURNAL_GAP"]),
    }
    for what, (path, data, expected) in done.items():
        path.write_bytes(data)
        assert codes() == expected, what
        path.write_bytes(whole[path])
    # Of what was cut off at the end only somebody else knows: whoever noted the head.
    noted = journal.head()
    last.write_bytes(b"".join([three, four]))
    assert codes() == []
    assert [why.code for why in journal.against(journal.read().lines, noted)] == ["JOURNAL_NOT_WHOLE"]
    last.write_bytes(whole[last])
    assert journal.against(journal.read().lines, noted) == []
    # What every backup is newer than goes; what is left begins where it begins.
    assert journal.forget(AT) == ["journal-2026-10.jsonl"]
    assert (journal.forget(AT), codes(), journal.read().lines[0].number) == ([], [], 3)
    assert journal.append([note(8)]) == journal.Head(8, journal.read().lines[-1].mac)


def test_the_half_of_a_line_is_passed_over(kept: Path) -> None:
    journal.append([note(1)])
    (file,) = files(kept)
    with file.open("ab") as half:
        half.write(b'{"n":2,"prev":"')
    assert (journal.head().number, codes()) == (1, [])
    journal.append([note(2)])
    assert ([line.number for line in journal.read().lines], codes()) == ([1, 2], [])
    # A line that is longer than what is read at once.
    long = note(3)._replace(facts={"persons": ["P" * 60] * 5_000})
    journal.append([long])
    assert (journal.head().number, journal.append([note(4)]) is not None, codes()) == (3, True, [])


MANY = """
import django
django.setup()
from connecting_families.audit import journal
for number in range(25):
    journal.append([journal.Note("TRIED", "", "", "", str(number), "2026-11-01T00:00:00+00:00", "", "", {})])
"""


def test_processes_that_write_at_once_make_one_chain(kept: Path) -> None:
    given = {"DJANGO_SETTINGS_MODULE": "connecting_families.settings", "CF_TRAIL_KEY": configured.CF_TRAIL_KEY}
    environment = os.environ | given | {"CF_JOURNAL": str(kept)}
    writers = [subprocess.Popen([sys.executable, "-c", MANY], cwd=BASE_DIR, env=environment) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = journal.read()
    assert ([line.number for line in found.lines], found.faults) == ([*range(1, 76)], [])


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file of this process may become larger than this: what a full disk does, for whoever writes."""
    was, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, handler)


def receive(walk: Walk, **about: Any) -> Objection:
    at = walk.now()
    return objections.receive(**about, received_at=at, by=walk.who("worker"), at=at)


def test_what_cannot_be_kept_outside_is_not_done_and_whoever_asked_is_told(
    walk_to: WalkTo, kept: Path, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    walk = walk_to("assemble")
    receive(walk, reference="O1", person=walk.person("P1"))
    (file,) = files(kept)
    was = file.read_bytes()
    with full(len(was) + 100), pytest.raises(NotKept, match="Nothing was saved"):
        receive(walk, reference="O2", person=walk.person("P2"))
    assert file.read_bytes() == was
    assert not Objection.objects.filter(reference="O2").exists()
    assert Entry.objects.latest("id").event == "JOURNAL_REFUSED"

    # The same by the page: the sentence stands above what was typed, and nothing is half done.
    settings.CF_JOURNAL = walk.folder / "file"
    settings.CF_JOURNAL.write_text("in the way")
    client = Client(raise_request_exception=False)
    sign_in(client, "worker", "marl and osier in a creel")
    page, asked = "/families/F2/objections/record/", {"person": "family", "covers": "all", "made_by": "parent"}
    drawn = client.post(page, asked).context["drawn"]
    answer = client.post(page, asked | {"drawn": drawn, "confirmed": "1"})
    assert answer.status_code == 200
    assert "Write it on paper, and tell an administrator now" in " ".join(answer.content.decode().split())
    assert answer.context["form"]["made_by"].value() == "parent"
    assert Objection.objects.filter(family__reference="F2").count() == 0
    settings.CF_JOURNAL = kept
    receive(walk, reference="O2", person=walk.person("P2"))
    assert [line.note.reference for line in journal.read().lines] == ["O1", "O2"]


def test_what_is_committed_is_in_it_and_what_was_taken_back_may_be(walk_to: WalkTo, kept: Path) -> None:
    walk = walk_to("assemble")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    append = journal.append

    def cut_off(notes: Any) -> Any:
        """The connection is lost when the line is on the disk, and before the database is told to commit."""
        done = append(notes)
        with walk_owner() as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", [number])
        return done

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(journal, "append", cut_off)
        with pytest.raises(Exception, match=r"terminat|closed"):
            receive(walk, reference="O1", person=walk.person("P1"))
    connection.close()
    assert not Objection.objects.filter(reference="O1").exists()
    assert [line.note.reference for line in journal.read().lines] == ["O1"]
    # An act inside another goes with it; one that is taken back by the outer one leaves no line.

    def changed_after() -> None:
        with trail.act():
            receive(walk, reference="O3", person=walk.person("P3"))
            Protection.objects.create(person=walk.person("P3"), kind="refuge", from_on=AT.date())

    with pytest.raises(Unrecorded):
        changed_after()
    with trail.act():
        receive(walk, reference="O4", person=walk.person("P3"))
        assert len(journal.read().lines) == 1
    assert [line.note.reference for line in journal.read().lines] == ["O1", "O4"]


def walk_owner() -> Any:
    import psycopg

    from tests.conftest import address_of

    return psycopg.connect(address_of(connection.settings_dict["NAME"], configured.DATABASE_OWNER), autocommit=True)


def test_what_a_file_brings_is_in_it_row_by_row_and_a_dry_run_is_not(walk_to: WalkTo, kept: Path) -> None:
    walk = walk_to("assemble")
    at = "2026-10-05T09:00:00Z"
    bulk: Any = {
        "consents": [{"consent_ref": "CON3", "person_ref": "P3", "version": "PN2", "given_on": "2026-01-01",
                      "given_by": "self", "withdrawn_at": at}],
        "objections": [
            {"objection_ref": "OP6", "person_ref": "P6", "made_by": "self", "received_at": "2026-10-01T09:00:00Z"},
            {"objection_ref": "ON1", "person_ref": "P5", "made_by": "parent", "received_at": at, "datasets": "PNC"},
            {"objection_ref": "ON2", "family_ref": "F2", "received_at": at, "lifted_at": "2026-10-06T09:00:00Z"},
        ],
        "protections": [{"person_ref": "P7", "kind": "refuge", "from_on": "2026-10-05"}],
    }  # fmt: skip
    folder = walk.folder / "dry"
    write(bulk, folder)
    dry = loading.load_directory(folder, by=walk.who("prepare"), at=walk.now(), dry_run=True)
    assert (dry.errors, journal.read().lines) == ([], [])
    walk.load(bulk)
    lines = journal.read().lines
    # OP6 is on file as the file has it: nothing is said of it.
    told = {(line.note.event, str(line.note.facts.get("objection") or line.note.facts["person"])) for line in lines}
    assert told == {
        ("CONSENT_WITHDRAWN", "P3"), ("OBJECTION_RECEIVED", "ON1"), ("OBJECTION_RECEIVED", "ON2"),
        ("OBJECTION_LIFTED", "ON2"), ("PROTECTION_MARKED", "P7"),
    }  # fmt: skip
    assert {line.note.entry for line in lines} == {"FILE_LOADED"}
    entries = set(Entry.objects.values_list("cid", "event", "reference", "timestamp"))
    assert {line.act for line in lines} <= entries
    # The same file once more brings nothing new.
    walk.load(bulk)
    assert len(journal.read().lines) == len(lines)


def test_nobody_is_named_in_it_and_it_says_what_it_takes(walk_to: WalkTo, kept: Path) -> None:
    walk = walk_to("deliver")
    for reference in ("P1", "P3"):
        receive(walk, person=walk.person(reference))
    receive(walk, about="Zebulonia's brother, of 7 Marlinspike Terrace")
    people.protect(person=walk.person("P5"), kind="refuge", from_on=AT.date(), by=walk.who("worker"), at=walk.now())
    given = Consent.objects.get()
    consent.withdraw(consent=given, withdrawn_at=walk.now(), by=walk.who("worker"), at=walk.now())
    text = "".join(file.read_text() for file in files(kept))
    assert sorted(value for value in planted() if value in text) == []
    for line in journal.read().lines:
        if line.note.facts.get("person"):
            assert line.note.facts["known"]
            assert all(len(digest) == 64 for digest in line.note.facts["known"])
    assert {json.loads(row)["facts"].get("person") for row in text.splitlines()} >= {"P1", "P3", "P5"}


def test_an_event_of_the_journal_is_not_recorded_without_what_it_takes(walk_to: WalkTo, kept: Path) -> None:
    walk = walk_to("assemble")
    with pytest.raises(Unrecorded, match="do not agree"), trail.act():
        trail.record(Event.OBJECTION_LIFTED, who=duty("test"), at=walk.now())
    with pytest.raises(Unrecorded, match="do not agree"), trail.act():
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=walk.now(), outside={})
    assert not (kept / "journal").exists()
