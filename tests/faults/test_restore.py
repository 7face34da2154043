"""The database is lost, and an older backup of it restored. Lost is the tail of the trail since then, and this is said;
of objections, withdrawn consents and marks nothing: the journal outside has them. People read that nobody can sign in.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.db import connection
from django.test import Client
from psycopg import sql

from cohorts import consent, objections, people
from cohorts.models import Consent, Objection, Person, Protection
from connecting_families.audit import journal, restored, seal
from connecting_families.audit.models import Entry, LostAct, Restore
from connecting_families.embedded import BASE_DIR
from connecting_families.governance import backups, restoring
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.audit.conftest import given
from tests.conftest import drop, maintenance
from tests.faults.test_embedded import _folder
from tests.faults.test_workers import now
from tests.signing_in import enrol, sign_in
from tests.stages.conftest import WalkTo, connected_to, stands, walk_to
from tests.stages.walk import PASSWORD, Walk
from transfers import certificates, sealing, withdrawal
from transfers import tasks as transfer_tasks
from transfers.models import RecipientCertificate, Submission, Withdrawal

__all__ = ["stands", "walk_to"]

OUTSIDE = {
    "CF_JOURNAL": "data/journal", "CF_CHECKPOINTS": "outside/checkpoints", "CF_CHECKPOINT_KEY": "outside/key.pem",
}  # fmt: skip


@pytest.fixture
def outside(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the journal, the checkpoints and the backups lie, apart from the database."""
    for name, path in OUTSIDE.items():
        setattr(settings, name, tmp_path / path)
        monkeypatch.setenv(name, str(tmp_path / path))
    settings.CF_BACKUP_KEY = "only-for-this-test-" * 3
    monkeypatch.setenv("CF_BACKUP_KEY", settings.CF_BACKUP_KEY)
    monkeypatch.setenv("CF_TRAIL_KEY", settings.CF_TRAIL_KEY)
    settings.CF_BACKUP_STAMP = str(tmp_path / "stamp")
    (tmp_path / "backups").mkdir()
    return tmp_path


@pytest.fixture
def empty(django_db_setup: str) -> Iterator[str]:
    """The name of a database with nothing in it but what every new one has."""
    name = f"{django_db_setup}_restored"
    with maintenance() as server:
        drop(server, name)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield name
        connection.close()
        drop(server, name)


def seal_the_trail(walk: Walk) -> None:
    seal.seal(at=walk.now())
    seal.hand_over(at=walk.now())


def after_the_backup(walk: Walk) -> dict[str, int]:
    """What people did after the backup was made; how many lines of the journal each makes."""
    by, at = walk.who("worker"), walk.now()
    objections.receive(reference="O-P1", person=walk.person("P1"), made_by="self", received_at=at, by=by, at=at)
    unknown = objections.receive(reference="O-?", about="The brother of Zebulonia", received_at=at, by=by, at=at)
    own = objections.receive(reference="O-P5", person=walk.person("P5"), received_at=at, by=by, at=at)
    objections.lift(objection=own, lifted_at=walk.now(), asked_by="self", channel="phone", by=by, at=walk.now())
    people.protect(person=walk.person("P7"), kind="refuge", from_on=at.date(), by=by, at=walk.now())
    consent.withdraw(consent=Consent.objects.get(), withdrawn_at=walk.now(), by=by, at=walk.now())
    walk.load({
        "families": [{"family_ref": "F9", "team": "North"}],
        "people": [{"person_ref": "P9", "given_name": "Wilhelmina", "family_name": "Osierham"}],
        "objections": [{"objection_ref": "O-P9", "person_ref": "P9", "received_at": at.isoformat()}],
    })  # fmt: skip
    accounts.close(user=User.objects.get(username="assist"), reason="They left.", by=walk.who("govern"), at=walk.now())
    linkage = RecipientCertificate.objects.get(purpose="linkage")
    certificates.revoke(certificate=linkage, reason="It was read by others.", by=walk.who("govern"), at=walk.now())
    row = withdrawal.make(submission=walk.submission, by=walk.who("prepare"), at=walk.now())
    assert row is not None
    assert row.name.endswith("-withdrawal-1")
    assert unknown.person is None
    return {
        "OBJECTION_RECEIVED": 4, "OBJECTION_LIFTED": 1, "PROTECTION_MARKED": 1, "CONSENT_WITHDRAWN": 1,
        "STAFF_CLOSED": 1, "CERTIFICATE_REVOKED": 1, "WITHDRAWAL_MADE": 1,
    }  # fmt: skip


def counted(events: list[str]) -> dict[str, int]:
    return {event: events.count(event) for event in events}


def test_what_came_after_the_backup_is_done_again_before_anybody_signs_in(
    walk_to: WalkTo, outside: Path, empty: str, settings: Any
) -> None:
    walk = walk_to("deliver")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    enrol("worker")
    before, client = Entry.objects.count(), Client(raise_request_exception=False)
    sign_in(client, "worker", PASSWORD)
    seal_the_trail(walk)
    end, made, _ = given("backup", outside / "backups")
    assert (end, Path(settings.CF_BACKUP_STAMP).exists()) == (0, True)
    whole, backup = Entry.objects.latest("pk").pk, Path(made["backup"])
    assert b"Quillfeather" not in (backup / backups.DUMP).read_bytes()
    assert {path.stat().st_mode & 0o077 for path in (backup, *backup.iterdir())} == {0}
    expected = after_the_backup(walk)
    seal_the_trail(walk)
    lost_entries = seal.newest().size - made["sealed"]  # type: ignore[union-attr]
    assert counted([line.note.event for line in journal.read().lines]) == expected
    restore = ("restore", backup, "--by", "govern", "--reason", "A disk failed.")
    # Over what is there nothing is restored, and a backup of a restored program is none.
    end, said, _ = given(*restore)
    assert (end, said["refused"][0]["code"]) == (1, "NOT_EMPTY")
    lines = journal.head().number

    with connected_to(empty):
        # Whoever may not restore finds that out when there are records to ask: nothing is open by then.
        end, said, _ = given("restore", backup, "--by", "worker", "--reason", "A disk failed.")
        assert (end, said["refused"][0]["code"]) == (1, "NOT_PERMITTED")
        assert "RESTORE_UNDER_WAY" in [why.code for why in restored.against()]
        end, said, _ = given(*restore)
        assert (end, said["lost_entries"], said["lost_acts"]) == (0, lost_entries, sum(expected.values()))
        row = Restore.objects.get()
        assert Entry.objects.filter(pk__lte=whole).count() >= before
        entry = Entry.objects.get(event="DATABASE_RESTORED")
        assert (entry.who, entry.reason) == ("govern", "A disk failed.")
        assert entry.additional_data["sha256"] == made["sha256"] == row.sha256

        # Nobody is signed in, nobody gets in, and no worker does anything that leaves.
        assert client.get("/find/").status_code == 302
        cache.clear()
        answer = Client(raise_request_exception=False).post(
            "/account/login/", {"login": "worker", "password": PASSWORD}
        )
        assert answer.status_code == 503
        assert "nobody signs in and nothing is sealed or delivered" in answer.content.decode()
        checks = Client().get("/readyz?all").json()["checks"]
        assert (checks["restore"], checks["journal"]) == ({"state": "failed"}, {"state": "ok"})
        transfer_tasks.withdraw_who_is_late()
        assert not Withdrawal.objects.exists()
        submission = Submission.objects.get()
        with pytest.raises(sealing.NotSealed):
            sealing.request(submission=submission, by=walk.who("prepare"), at=now())
        end, said, _ = given("backup", outside / "backups")
        assert (end, said["refused"][0]["code"]) == (1, "RESTORE_UNDER_WAY")

        end, said, _ = given("after_restore", "end", "--by", "govern")
        assert (end, said["refused"][0]["code"]) == (1, "ACTS_WAIT")
        assert given("after_restore", "list", "--by", "worker")[0] == 1
        end, said, _ = given("after_restore", "list", "--by", "govern")
        assert counted([act["event"] for act in said["acts"]]) == expected
        assert "known" not in json.dumps(said)
        for _ in range(2):
            end, said, _ = given("after_restore", "repeat", "--by", "govern")
        assert (end, [act["event"] for act in said["acts"]]) == (0, ["OBJECTION_LIFTED"])
        lift = said["acts"][0]["number"]
        received = {o.reference: o for o in Objection.objects.exclude(reference="OP6")}
        assert {name: getattr(o.person, "reference", None) for name, o in received.items()} == {
            "O-P1": "P1", "O-?": None, "O-P5": "P5", "O-P9": None,
        }  # fmt: skip
        assert "P9" in received["O-P9"].about
        assert "Wilhelmina" not in received["O-P9"].about
        assert received["O-P1"].received_at < entry.timestamp
        assert list(Protection.objects.values_list("person__reference", "kind")) == [("P7", "refuge")]
        assert Consent.objects.get().withdrawn_at is not None
        assert not User.objects.get(username="assist").is_active
        assert RecipientCertificate.objects.get(purpose="linkage").revoked_at is not None
        # What takes protection away is done again where somebody says so.
        assert given("after_restore", "answer", lift, " ", "--by", "govern")[0] == 1
        end, said, _ = given("after_restore", "repeat", lift, "--by", "govern")
        assert (end, said["waiting"]) == (0, 0)
        assert Objection.objects.get(reference="O-P5").lifted_at is not None
        assert given("after_restore", "repeat", lift, "--by", "govern")[1]["refused"][0]["code"] == "DECIDED_ALREADY"
        end, said, _ = given("after_restore", "end", "--by", "govern")
        assert (end, bool(said["ended_at"])) == (0, True)
        assert given("after_restore", "list", "--by", "govern")[1]["refused"][0]["code"] == "NO_RESTORE"
        _open_again(walk, submission)
        _the_trail_says_so(lost_entries, walk)
        assert set(LostAct.objects.values_list("state", flat=True)) == {LostAct.REPEATED}
    # Each act that was done again is in the journal once more, after the line that says what was restored.
    assert [line.note.event for line in journal.read().lines][lines] == "DATABASE_RESTORED"
    assert journal.read().faults == []


def _open_again(walk: Walk, submission: Submission) -> None:
    """People sign in, and the workers go on: whoever objected is withdrawn, under a number that nobody had."""
    client = Client(raise_request_exception=False)
    sign_in(client, "worker", PASSWORD)
    assert client.get("/find/").status_code == 200
    assert Client().get("/readyz?all").json()["checks"]["restore"] == {"state": "ok"}
    row = withdrawal.make(submission=submission, by=walk.who("prepare"), at=now())
    assert row is not None
    assert row.name.endswith("-withdrawal-2")
    sent = set(Person.objects.filter(pk__in=row.people.values("person_id")).values_list("reference", flat=True))
    assert {"P1", "P3", "P7"} <= sent
    assert Person.objects.filter(reference="P9").count() == 0
    new = objections.receive(about="Somebody", received_at=now(), by=walk.who("worker"), at=now())
    assert int(new.reference[1:]) > restoring.GIVEN_SINCE


def _the_trail_says_so(lost_entries: int, walk: Walk) -> None:
    """verify_trail names the restore; whoever claims afterwards that more was lost is found out."""
    seal_the_trail(walk)
    end, said, beside = given("verify_trail", "--by", "govern")
    assert (end, said["faults"]) == (0, []), beside
    assert f"RESTORED: On {now():%Y-%m-%d}" in beside
    assert f"{lost_entries} sealed entries that came after it are missing" in beside
    owner = configured.DATABASE_OWNER
    from tests.conftest import address_of

    with psycopg.connect(address_of(connection.settings_dict["NAME"], owner), autocommit=True) as attacker:
        attacker.execute("ALTER TABLE audit_restore DISABLE TRIGGER USER")
        attacker.execute("""UPDATE audit_restore SET lost = lost || '[[99, "00"]]'""")
        attacker.execute("ALTER TABLE audit_restore ENABLE TRIGGER USER")
    end, said, _ = given("verify_trail", "--by", "govern")
    assert end == 1
    # The trail has grown beyond what was lost: what is held outside saw another one.
    assert {"RESTORE_EDITED", "SEALED_ANEW"} == {fault["code"] for fault in said["faults"]}


def test_a_restore_into_an_empty_data_directory_killed_at_any_moment_is_closed_and_goes_on(
    walk_to: WalkTo, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the very commands, on a server that has nothing yet. Nothing is lost, whenever it is killed."""
    walk = walk_to("assemble")
    end, made, _ = given("backup", outside / "backups")
    assert end == 0
    at = walk.now()
    objections.receive(reference="O-P1", person=walk.person("P1"), received_at=at, by=walk.who("worker"), at=at)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    with _folder() as data:
        monkeypatch.setenv("CF_DATA_DIR", str(data))

        def command(*words: object) -> "subprocess.Popen[str]":
            return subprocess.Popen(
                [sys.executable, "manage.py", *map(str, words)], cwd=BASE_DIR, env=os.environ, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

        restore = ("restore", made["backup"], "--by", "govern", "--reason", "A disk failed.")
        # The first start makes the cluster: from then on each moment is one of restoring.
        command("check").communicate()
        draw = random.Random()
        for _ in range(2):
            process = command(*restore)
            time.sleep(draw.uniform(1, 4))
            process.kill()
            process.communicate()
        process = command(*restore)
        said, beside = process.communicate()
        assert process.returncode == 0, beside
        assert json.loads(said.splitlines()[-1])["lost_acts"] == 1
        for words, waiting in (("repeat", 0), ("end", 0)):
            process = command("after_restore", words, "--by", "govern")
            said, beside = process.communicate()
            assert process.returncode == 0, beside
            assert json.loads(said.splitlines()[-1])["waiting"] == waiting
        said, beside = command("verify_trail", "--by", "govern").communicate()
        report = json.loads(said.splitlines()[-1])
        assert {fault["code"] for fault in report["faults"]} <= {"NEVER_SEALED"}, beside
        assert len(report["restores"]) == 1
