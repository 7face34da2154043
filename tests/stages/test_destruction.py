"""Destruction: two people, and nothing that describes anybody is left; its certificate tells what, and what not yet."""

import base64
import json
import subprocess
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import Error

from cohorts import assembly, comparing, forgetting, objections, replay
from cohorts.models import Agreement, Cohort, Decision, Finding, Forgotten, Replay
from connecting_families.alone import Work
from connecting_families.audit import defences
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages import asked
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.test_sealing import needs_openssl
from tests.stages.walk import ORDER, PEOPLE, Walk
from transfers import archive, destruction, receipt, retaining, strongbox, withdrawal
from transfers.models import (
    Destruction,
    Explanation,
    FamilyReference,
    PersonReference,
    Rejection,
    Withdrawn,
)

MACHINE = duty("destroy")
WHY = "A court asked for the records."


def ask(walk: Walk, by: str = "prepare") -> Destruction:
    return destruction.ask(submission=walk.submission, by=walk.who(by), at=walk.now())


def confirm(walk: Walk, by: str = "govern") -> Destruction:
    return destruction.confirm(submission=walk.submission, by=walk.who(by), at=walk.now())


def carry_out(walk: Walk) -> Destruction | None:
    return destruction.carry_out(submission=walk.submission, by=MACHINE, at=walk.now())


def codes(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.codes


def events(walk: Walk) -> list[str]:
    told = Entry.objects.filter(record="transfers.submission", reference=walk.submission.name).order_by("id")
    return [event for event in told.values_list("event", flat=True) if "DEST" in event or "HOLD" in event]


def rich(walk: Walk) -> None:
    """A receipt with somebody rejected, somebody withdrawn, a replay that differs, a query explained of one person."""
    receipt.take_in(data=receipt_of(walk, ("P4", "POSTCODE")), by=walk.who("prepare"), at=walk.now())
    at = walk.now()
    objections.receive(person=asked.person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    made = withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=walk.now())
    assert made is not None
    withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now())
    again = replay.request(cohort=walk.cohort, by=walk.who("prepare"), at=walk.now())
    replay.run(again.pk, by=duty("replay"), at=walk.now())


def lies_anywhere(folder: Path, *needles: bytes) -> list[str]:
    """Files below a folder that hold any of these."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


@needs_openssl
def test_from_the_archive_to_the_certificate(walk_to: WalkTo, tmp_path: Path) -> None:
    walk = walk_to("deliver")
    rich(walk)
    row, cohort = walk.submission, walk.cohort
    references = dict(PersonReference.objects.values_list("person_id", "reference"))
    of = {ref: references[walk.person(ref).pk] for ref in ("P1", "P2")}

    # What was sent can be read by who has the key, row by row, and the withdrawal beside it.
    found = archive.look_up(row, set(of.values()))
    assert {it["submission_person_ref"]: it["given_name"] for it in found.identifiers} == {
        of["P1"]: "Zebulonia", of["P2"]: "Peregrine",
    }  # fmt: skip
    assert len([it for it in found.programme if it["submission_person_ref"] == of["P2"]]) == 2
    assert list(found.withdrawals) == [f"{row.name}-withdrawal-1"]
    planted = [value.encode() for person in PEOPLE for value in person[1:3]]
    assert lies_anywhere(settings.CF_ARCHIVE, *planted, *(it.encode() for it in of.values())) == []
    kept = {it["name"]: it for it in row.archived_files}
    for path in settings.CF_ARCHIVE.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        if path.name in kept:
            assert path.stat().st_size == kept[path.name]["bytes"]
    copy = {path.name: path.read_bytes() for path in settings.CF_ARCHIVE.iterdir()}
    key = archive.key_file(row.name).read_bytes()

    # One asks, and cannot confirm; another does.
    assert codes(lambda: confirm(walk)) == ["NOT_ASKED"]
    ask(walk)
    assert codes(lambda: ask(walk)) == ["ASKED_ALREADY"]
    assert codes(lambda: confirm(walk, "prepare")) == ["FOUR_EYES"]
    assert codes(lambda: carry_out(walk)) == ["NOT_CONFIRMED"]
    confirm(walk)
    assert codes(lambda: confirm(walk)) == ["CONFIRMED_ALREADY"]
    assert codes(lambda: destruction.take_back(submission=row, by=walk.who("prepare"), at=walk.now())) == [
        "BEING_DESTROYED"
    ]
    done = carry_out(walk)
    assert done is not None
    assert carry_out(walk) == done

    # Nobody is left: no decision, no reference, no file.
    for model in (Decision, Finding, Rejection, Withdrawn, PersonReference, FamilyReference):
        assert not model._default_manager.exists(), model
    assert not Explanation.objects.exclude(text="", family_ref="", person_ref="").exists()
    assert [it.differences for it in Replay.objects.all()] == [[]]
    assert list(settings.CF_ARCHIVE.iterdir()) == []
    assert [path.name for path in settings.CF_ARCHIVE_KEYS.iterdir()] == [f"{row.name}.destroyed"]
    assert list(settings.CF_OUTBOX.iterdir()) == list(settings.CF_DELIVERY_FOLDER.iterdir()) == []
    assert codes(lambda: archive.look_up(walk.submission, set(of.values()))) == ["ARCHIVE_DESTROYED"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(cohorts|transfers)_'")
        held = [
            table for (table,) in cursor.fetchall()
            for text in [cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t").fetchone()[0] or ""]
            if any(reference in text for reference in references.values())
        ]  # fmt: skip
    assert held == []

    # Counts, digests and the trail remain.
    row = walk.submission
    assert (row.stage, row.counts["persons"], row.receipt.rejections) == ("DESTROYED", 6, {"POSTCODE": 1})
    cohort.refresh_from_db()
    assert (cohort.included, len(cohort.digest)) == (7, 64)
    assert Forgotten.objects.get().decisions == 9
    assert events(walk) == [
        "DESTRUCTION_REFUSED", "DESTRUCTION_ASKED", "DESTRUCTION_REFUSED", "DESTRUCTION_REFUSED", "DESTRUCTION_REFUSED",
        "DESTRUCTION_CONFIRMED", "DESTRUCTION_REFUSED", "DESTRUCTION_REFUSED", "ARCHIVE_KEY_DESTROYED",
        "SUBMISSION_DESTROYED",
    ]  # fmt: skip
    assert defences.faults() == []

    # The certificate is checked without us.
    (tmp_path / "certificate.json").write_text(done.certificate)
    (tmp_path / "certificate.p7s").write_bytes(base64.b64decode(done.signature))
    authority = settings.CF_SIGNING_KEY.parent / "council-ca.pem"
    subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "certificate.p7s", "-content",
         "certificate.json", "-CAfile", authority, "-purpose", "smimesign", "-attime", str(int(walk.now().timestamp())),
         "-out", "/dev/null"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    said = json.loads(done.certificate)
    assert (said["asked_by"], said["confirmed_by"], said["stage_before"]) == ("prepare", "govern", "RECEIPTED")
    assert said["rows_deleted"]["decisions"] == 9
    assert said["backups"] == said["backups"] | {"live_for_days": 35, "gone_by": "2026-12-07"}
    assert not any(value in done.certificate for value in [*of.values(), "Zebulonia", "P1"])

    # A copy of the archive that somebody made before is of no use; with the key it was one.
    with pytest.raises(strongbox.NotOpened):
        strongbox.unwrapped(bytes(len(key)), settings.CF_ARCHIVE_MASTER_KEY, row.name)
    settings.CF_ARCHIVE.joinpath(next(iter(copy))).write_bytes(next(iter(copy.values())))
    assert lies_anywhere(settings.CF_ARCHIVE, *planted) == []

    # The round is over: no other cohort of it, no replay, no comparison with it.
    assert codes(lambda: walk.assemble(cohort.round)) == ["ROUND_IS_OVER"]
    assert codes(lambda: replay.request(cohort=cohort, by=walk.who("prepare"), at=walk.now())) == ["FORGOTTEN"]
    assert comparing.previous(cohort) is None
    assert codes(lambda: withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())) == ["BEING_DESTROYED"]
    # Who is sent in another round gets a reference anew.
    other = walk.assemble(walk.open_round("NEXT"))
    assert comparing.previous(other) is None
    walk.through(*ORDER[1:])
    assert not set(PersonReference.objects.values_list("reference", flat=True)) & set(references.values())


def test_what_stops_it(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    row = walk.submission
    ask(walk)
    hold = retaining.place_hold(submission=row, reason=WHY, by=walk.who("govern"), at=walk.now())
    assert codes(lambda: confirm(walk)) == ["LEGAL_HOLD"]
    lifting: dict[str, Any] = {"hold": hold, "by": walk.who("govern")}
    assert codes(lambda: retaining.lift_hold(**lifting, reason="Over.", at=walk.now())) == ["NO_REASON"]
    retaining.lift_hold(**lifting, reason="The case is over.", at=walk.now())
    assert codes(lambda: retaining.lift_hold(**lifting, reason="The case is over.", at=walk.now())) == ["LIFTED"]
    # Whoever objected is taken out first, also where nobody has looked yet; and what is being assembled ends first.
    at = walk.now()
    objections.receive(person=asked.person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    asked_for = assembly.request(round_=row.round, run_at=at, by=walk.who("prepare"), at=walk.now())
    assert codes(lambda: confirm(walk)) == ["BEING_WITHDRAWN", "RUN_GOES_ON"]
    made = withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())
    assert made is not None
    assert codes(lambda: confirm(walk)) == ["BEING_WITHDRAWN", "RUN_GOES_ON"]
    withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now())
    assembly.assemble(asked_for.pk, by=duty("assemble"), at=walk.now())
    key, settings.CF_SIGNING_KEY = settings.CF_SIGNING_KEY, walk.folder / "none.key"
    assert codes(lambda: confirm(walk)) == ["NO_SIGNING_KEY"]
    settings.CF_SIGNING_KEY = key
    destruction.take_back(submission=row, by=walk.who("prepare"), at=walk.now())
    assert codes(lambda: confirm(walk)) == ["NOT_ASKED"]
    ask(walk, "approve")
    confirm(walk)
    # A hold that comes in between, before the key is gone, still stops it; after that it is too late.
    hold = retaining.place_hold(submission=row, reason=WHY, by=walk.who("govern"), at=walk.now())
    assert codes(lambda: carry_out(walk)) == ["LEGAL_HOLD"]
    assert carry_out(walk) is None, "It waits an hour."
    assert archive.look_up(walk.submission, [PersonReference.objects.all()[0].reference]).identifiers
    retaining.lift_hold(hold=hold, reason="The case is over.", by=walk.who("govern"), at=walk.now())
    data = receipt_of(walk)
    assert "BEING_DESTROYED" in codes(lambda: receipt.take_in(data=data, by=walk.who("prepare"), at=walk.now()))
    walk.minutes += 61
    # The right folder of keys is not there: nothing is taken for destroyed.
    keys = settings.CF_ARCHIVE_KEYS
    settings.CF_ARCHIVE_KEYS = walk.folder / "elsewhere"
    settings.CF_ARCHIVE_KEYS.mkdir()
    assert codes(lambda: carry_out(walk)) == ["ARCHIVE_KEY_NOT_FOUND"]
    settings.CF_ARCHIVE_KEYS = keys
    walk.minutes += 61
    assert carry_out(walk) is not None
    late = lambda: retaining.place_hold(submission=row, reason=WHY, by=walk.who("govern"), at=walk.now())  # noqa: E731
    assert codes(late) == ["HOLD_TOO_LATE"]
    # Two cohorts of the round were there, and both are forgotten.
    assert Forgotten.objects.count() == Cohort.objects.count() == 2
    assert not Decision.objects.exists()


def test_what_leads_there_and_what_void_ones_leave(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    assert codes(lambda: ask(walk)) == ["WRONG_STAGE"]
    walk.through("open sample", "approve", "ask to seal", "seal")
    row = walk.submission
    walk.do("ask to deliver")
    assert codes(lambda: ask(walk)) == ["BEING_SENT"]
    at = walk.now()
    objections.receive(person=asked.person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    with pytest.raises(Refused):
        walk.do("ask to deliver")
    row = walk.submission
    assert (row.stage, archive.left(row.name)) == ("VOID", [])
    # What a process that was killed between the two would leave, the workers clear away.
    strongbox_left = archive.key_file(row.name)
    strongbox_left.write_bytes(b"left")
    (settings.CF_OUTBOX / row.sealed_files[0]["name"]).write_bytes(b"left")
    assert destruction.clear_away() == [row.name]
    assert (archive.left(row.name), list(settings.CF_OUTBOX.iterdir())) == ([], [])
    assert destruction.clear_away() == []


@pytest.mark.parametrize("role", ["site", "owner"])
def test_the_door_opens_for_nobody_else(walk_to: WalkTo, role: str) -> None:
    """Decisions of a finished cohort go only where two people had what was sent destroyed, whoever asks."""
    walk = walk_to("deliver")
    ask(walk)
    values = settings.DATABASE_OWNER if role == "owner" else connection.settings_dict
    cohort = walk.cohort.pk
    note = (
        "INSERT INTO cohorts_forgotten (cohort_id, at, because, decisions, findings)"
        f" VALUES ({cohort}, now(), '{walk.submission.name}', 0, 0)"
    )
    with psycopg.connect(address_of(connection.settings_dict["NAME"], values), autocommit=True) as server:
        for statement in (f"SELECT cohorts_forget({cohort})", note):
            with pytest.raises(psycopg.errors.RestrictViolation):
                server.execute(statement)
        row = "UPDATE transfers_destruction SET confirmed_by_id = {}, confirmed_at = now(), key_destroyed_at = now()"
        with pytest.raises(psycopg.errors.CheckViolation):
            server.execute(row.format("asked_by_id"))
        with pytest.raises(psycopg.errors.CheckViolation):
            server.execute("UPDATE transfers_destruction SET done_at = now(), certificate = '{}'")
    assert Decision.objects.count() == 9
    with pytest.raises(Error), transaction.atomic():
        forgetting.forget(round_=walk.cohort.round, because="nothing", at=walk.now())


def test_of_two_at_once_one_does(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    ask(walk)
    row, at, meet = walk.submission, walk.now(), threading.Barrier(2, timeout=20)
    who = [walk.who("govern"), walk.who("govern")]
    outcomes: list[str] = []

    def both(place: int) -> None:
        try:
            meet.wait()
            destruction.confirm(submission=row, by=who[place], at=at)
            outcomes.append("confirmed")
        except Refused as refusal:
            outcomes.append(refusal.codes[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=both, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["CONFIRMED_ALREADY", "confirmed"]
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Work.DESTROYING.value, row.pk])
        assert carry_out(walk) is None
    assert carry_out(walk) is not None


def test_the_end_of_the_study_and_what_recipients_certify(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    row, agreement = walk.submission, Agreement.objects.get(reference="DSA")
    assert retaining.of(row, walk.now()).act_by == date(2026, 11, 26)
    for day in (date(2026, 12, 20), date(2026, 12, 10)):
        retaining.enter_study_end(
            agreement=agreement, ends_on=day, source="Letter 7", by=walk.who("prepare"), at=walk.now()
        )
    found = retaining.of(row, walk.now())
    assert (found.ends_on, found.because, found.act_by) == (date(2026, 12, 10), "The study ends", date(2026, 11, 5))
    assert retaining.due(walk.now()) == 1
    entering: dict[str, Any] = {"submission": row, "by": walk.who("govern"), "recipient": "ONS", "reference": "D-1"}
    good: dict[str, Any] = {"destroyed_on": date(2026, 11, 2), "sha256": "A" * 64}
    for wrong, code in (
        ({"recipient": "DFE"}, "NO_SUCH_RECIPIENT"), ({"sha256": "x"}, "NO_DIGEST"),
        ({"reference": " "}, "NO_REFERENCE"),
        ({"destroyed_on": date(2027, 1, 1)}, "IN_THE_FUTURE"), ({"destroyed_on": date(2026, 1, 1)}, "TOO_EARLY"),
    ):  # fmt: skip
        given = entering | good | wrong
        assert codes(lambda: retaining.enter_recipients_certificate(**given, at=walk.now())) == [code]  # noqa: B023
    for _ in range(2):
        retaining.enter_recipients_certificate(**entering, **good, at=walk.now())
    assert row.recipients_destructions.get().sha256 == "a" * 64
