"""Every entry is sealed once, whenever it commits, and nobody who writes waits for that."""

import base64
import json
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as configured
from django.db import Error, connection, transaction

from connecting_families.alone import Work
from connecting_families.audit import canonical, merkle, notes, seal, signing, tasks
from connecting_families.audit.models import Checkpoint, Entry, Handover, Leaf
from connecting_families.audit.signing import TrailRefused
from tests.audit.conftest import AT, TABLES, Trail
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from transfers.manifest import manifest

WRITE = """
INSERT INTO audit_entry
(object_pk, object_repr, action, changes_text, event, record, reference, who, role, reason, timestamp)
VALUES ('', '', 3, '', 'TRAIL_VIEWED', '', '', 'system:test', '', '', now()) RETURNING id
"""


def site(**options: Any) -> "psycopg.Connection[Any]":
    """A connection of its own, as the site has them."""
    role = connection.settings_dict
    return psycopg.connect(address_of(role["NAME"], role), options="-c lock_timeout=2s", **options)


def rsa_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_every_entry_is_sealed_in_order_and_the_checkpoint_says_so(empty: Trail) -> None:
    first = empty.sealed(3)
    assert seal.seal(at=AT) is None
    second = empty.sealed(5)
    assert empty.order() == first + second
    leaves = list(Leaf.objects.order_by("position"))
    assert [leaf.position for leaf in leaves] == list(range(8))
    assert [bytes(leaf.hash) for leaf in leaves] == [merkle.leaf_hash(bytes(leaf.data)) for leaf in leaves]
    for checkpoint in Checkpoint.objects.all():
        read = notes.opened_checkpoint(checkpoint.note, signing.verifier_keys(), "connecting-families/E06999999")
        assert (read.size, read.root) == (checkpoint.size, bytes(checkpoint.root))
        assert read.root == merkle.root_of([bytes(leaf.hash) for leaf in leaves[: read.size]])
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 8]


def test_what_is_sealed_is_the_entry_as_it_is_stored(empty: Trail) -> None:
    (pk,) = empty.write(1)
    empty.attack(f'UPDATE audit_entry SET changes = \'[{{"b": 1.50, "a": 12345678901234567890}}]\' WHERE id = {pk}')
    seal.seal(at=AT)
    entry, data = Entry.objects.get(), bytes(Leaf.objects.get().data)
    said = json.loads(data)
    assert said.keys() == {field.column for field in Entry._meta.concrete_fields}
    assert data == json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert (said["timestamp"], said["reference"]) == ("2026-11-02T12:00:00.123456Z", "Rafał's 0")
    assert said["recorded_at"] == f"{entry.recorded_at:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert said["additional_data"] == {"counts": [0, True, None], "ä": {"b": "ß", "a": -1}}
    assert said["changes"] == [{"b": "1.50", "a": 12345678901234567890}]
    assert said["tx"] == int(str(entry.tx))


def test_every_column_of_an_entry_is_sealed() -> None:
    assert canonical.COLUMNS.keys() == {field.column for field in Entry._meta.concrete_fields}
    assert list(canonical.COLUMNS) == sorted(canonical.COLUMNS)


def test_what_commits_late_is_sealed_when_it_is_there_and_nothing_twice(empty: Trail) -> None:
    early = empty.sealed(1)
    with site() as late:
        ((slow,),) = late.execute(WRITE).fetchall()
        quick = empty.write(2)
        assert seal.seal(at=AT) is None
        assert empty.order() == early
        late.commit()
    assert seal.seal(at=AT) is not None
    assert empty.order() == [*early, slow, *quick]
    assert seal.seal(at=AT) is None


def test_a_transaction_in_another_database_holds_nothing_up(empty: Trail) -> None:
    with psycopg.connect(address_of("template1", configured.DATABASE_OWNER)) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        ids = empty.write(2)
        assert seal.seal(at=AT) is not None
    assert empty.order() == ids


def test_transactions_that_come_and_go_in_another_database_hold_nothing_up(empty: Trail) -> None:
    enough = threading.Event()

    def keep_busy() -> None:
        with psycopg.connect(address_of("template1", configured.DATABASE_OWNER), autocommit=True) as elsewhere:
            while not enough.is_set():
                elsewhere.execute(
                    "DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
                )

    threads = [threading.Thread(target=keep_busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            empty.sealed(1)
    finally:
        enough.set()
        for thread in threads:
            thread.join(20)


def test_what_is_rolled_back_is_not_waited_for(empty: Trail) -> None:
    with site() as late:
        late.execute(WRITE)
        late.rollback()
        ids = empty.write(1)
        seal.seal(at=AT)
    assert empty.order() == ids


def test_writers_wait_neither_for_each_other_nor_for_a_seal(empty: Trail) -> None:
    before = empty.write(1)
    with ExitStack() as stack:
        writers = [stack.enter_context(site()) for _ in range(8)]
        for writer in writers[:4]:
            writer.execute(WRITE)
        with transaction.atomic():
            # A seal that has written and is not committed.
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO audit_leaf VALUES (0, '', '', %s)", before)
            for writer in reversed(writers):
                writer.execute(WRITE)
            transaction.set_rollback(True)
        seal.seal(at=AT)
        assert empty.order() == before
        for writer in writers:
            writer.commit()
    seal.seal(at=AT)
    assert len(set(empty.order())) == Entry.objects.count() == 13


def test_two_sealers_make_one_seal(empty: Trail) -> None:
    empty.write(50)
    made: list[Checkpoint | None] = []

    def seal_elsewhere() -> None:
        try:
            made.append(seal.seal(at=AT))
        finally:
            connection.close()

    threads = [threading.Thread(target=seal_elsewhere) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [checkpoint.size for checkpoint in made if checkpoint] == [50]
    assert len(made) == 4
    assert len(set(empty.order())) == 50


def test_while_another_seals_nothing_is_done(empty: Trail) -> None:
    empty.write(1)
    with site() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, 0)", [Work.SEALING_THE_TRAIL.value])
        assert seal.seal(at=AT) is None
        assert seal.hand_over(at=AT) == 0
    assert seal.seal(at=AT) is not None


def test_a_trail_that_was_restored_elsewhere_is_sealed_by_what_is_missing(empty: Trail) -> None:
    sealed, waiting = empty.sealed(2), empty.write(1)
    # There, transactions had counted much further than they have here.
    empty.attack(
        "UPDATE audit_checkpoint SET cluster = '1', horizon = 1000000000000",
        f"UPDATE audit_entry SET tx = '1000000000007' WHERE id = {waiting[0]}",
    )
    written_here = empty.write(2)
    assert seal.seal(at=AT) is not None
    assert empty.order() == [*sealed, *written_here, *waiting]
    more = empty.sealed(1)
    assert empty.order() == [*sealed, *written_here, *waiting, *more]
    assert empty.verify()[:1] == (0,)


def test_many_entries_are_sealed_in_parts_that_fit_memory(empty: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "AT_ONCE", 4)
    ids = empty.sealed(11)
    assert empty.order() == ids
    assert empty.verify()[0] == 0


def test_a_checkpoint_leaves_the_building_once_and_whole(whole: Trail, settings: Any) -> None:
    assert seal.hand_over(at=AT) == 3
    files = sorted(settings.CF_CHECKPOINTS.iterdir())
    written = [file.read_text(encoding="utf-8") for file in files]
    assert written == list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
    files[0].unlink()
    assert seal.hand_over(at=AT) == 0
    assert not files[0].exists()


def test_a_folder_outside_that_is_away_is_tried_again(whole: Trail, settings: Any) -> None:
    settings.CF_CHECKPOINTS.write_text("in the way")
    with pytest.raises(TrailRefused, match="CF_CHECKPOINTS"):
        seal.hand_over(at=AT)
    assert not Handover.objects.exists()
    settings.CF_CHECKPOINTS.unlink()
    settings.PRODUCTION = True
    with pytest.raises(TrailRefused, match="CF_CHECKPOINTS"):
        seal.hand_over(at=AT)
    settings.CF_CHECKPOINTS.mkdir()
    assert seal.hand_over(at=AT) == 3


def test_the_worker_seals_and_hands_over_every_minute(empty: Trail, settings: Any) -> None:
    empty.write(2)
    tasks.seal_the_trail()
    assert [path.name[:23] for path in settings.CF_CHECKPOINTS.iterdir()] == ["checkpoint-000000000002"]
    (due,) = [each for each in configured.CELERY_BEAT_SCHEDULE.values() if each["task"] == tasks.seal_the_trail.name]
    assert due["schedule"] == 60


@pytest.mark.parametrize("what", ["absent", "rubbish", "RSA", "under a passphrase"])
def test_without_a_key_nothing_is_sealed_and_it_is_said(
    empty: Trail, settings: Any, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    empty.write(1)
    key: Path = settings.CF_CHECKPOINT_KEY
    if what == "absent":
        settings.PRODUCTION = True
    elif what == "under a passphrase":
        signing.signing_key()
        settings.CF_CHECKPOINT_PASSPHRASE = "not this one"
    else:
        key.parent.mkdir()
        key.write_bytes(b"rubbish" if what == "rubbish" else rsa_pem())
    with pytest.raises(TrailRefused, match="Ask who looks after CF_CHECKPOINT_KEY"):
        seal.seal(at=AT)
    tasks.seal_the_trail()
    assert "The trail is not sealed: its key cannot be opened." in caplog.text
    assert not Leaf.objects.exists()
    said = "Nothing of the trail was sealed yet. The trail is not sealed: its key cannot be opened."
    assert seal.state(AT).startswith(said)


def test_a_key_of_this_machine_is_made_once_and_never_after_a_checkpoint(empty: Trail, settings: Any) -> None:
    empty.sealed(1)
    key: Path = settings.CF_CHECKPOINT_KEY
    assert key.stat().st_mode & 0o177 == 0
    assert [file.name for file in key.parent.iterdir()] == [key.name]
    key.unlink()
    empty.write(1)
    with pytest.raises(TrailRefused):
        seal.seal(at=AT)
    assert not key.exists()


def test_a_checkpoint_that_was_forged_is_not_gone_on_from(whole: Trail) -> None:
    whole.attack("UPDATE audit_checkpoint SET edge = root WHERE size = 9")
    whole.write(1)
    with pytest.raises(TrailRefused, match="verify_trail"):
        seal.seal(at=AT)


def test_the_state_of_sealing_is_said(empty: Trail, settings: Any) -> None:
    assert seal.state(datetime.now(UTC)) == "Nothing of the trail was sealed yet."
    empty.sealed(1)
    said = "The trail was last sealed on 2 November 2026 at 12:00."
    assert seal.state(AT) == said
    empty.write(1)
    later = seal.state(datetime.now(UTC) + timedelta(days=365))
    assert later.startswith(f"{said} Since ")
    assert later.endswith(" entries wait for it. Checkpoints that are not written outside yet: 1.")


@pytest.mark.parametrize("table", TABLES)
def test_what_is_sealed_is_never_changed(whole: Trail, table: str) -> None:
    seal.hand_over(at=AT)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET ctid = ctid"):
        with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.FeatureNotSupported)):
            whole.owner.execute(statement)
        with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_newest_checkpoint_goes_with_a_submission(walk_to: WalkTo, settings: Any, tmp_path: Path) -> None:
    settings.CF_CHECKPOINT_KEY = tmp_path / "key.pem"
    walk = walk_to("ask to seal")
    told: dict[str, Any] = {"name": walk.submission.name, "content_sha256": "", "role": "", "at": AT}
    assert manifest(walk.submission, **told)["trail_checkpoint"] is None
    checkpoint = seal.seal(at=AT)
    assert checkpoint is not None
    note = manifest(walk.submission, **told)["trail_checkpoint"]
    assert note == checkpoint.note
    assert base64.b64encode(bytes(checkpoint.root)).decode() in note
    walk.do("seal")
