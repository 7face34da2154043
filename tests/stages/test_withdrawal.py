"""Withdrawal: whoever objects after being sent is taken out, by itself, once, and told of until it is acknowledged."""

import shutil
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pysequoia import Cert, Tsk, decrypt

from cohorts import consent, objections, people
from cohorts.models import Consent
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.stages import asked
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement
from tests.stages.test_sealing import Opened, needs_openssl
from tests.stages.walk import ORDER, RUN, Walk, openpgp_recipient
from transfers import carrying, delivery, outbox, receipt, tasks, withdrawal
from transfers.channels import folder
from transfers.models import PersonReference, RecipientCertificate, Withdrawal, Withdrawn

MACHINE = duty("withdraw")


def object_to(walk: Walk, **about: Any) -> Any:
    at = walk.now()
    return objections.receive(**about, received_at=at, by=walk.who("worker"), at=at)


def take_back(walk: Walk, row: Any) -> None:
    at = walk.now()
    objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)


def make(walk: Walk) -> Withdrawal | None:
    return withdrawal.make(submission=walk.submission, by=MACHINE, at=walk.now())


def carry_out(walk: Walk, row: Withdrawal) -> Withdrawal | None:
    return withdrawal.carry_out(withdrawal=row, by=MACHINE, at=walk.now())


def made(walk: Walk) -> Withdrawal:
    row = make(walk)
    assert row is not None
    return row


def withdrawn(row: Withdrawal) -> set[str]:
    """The references, as the case system has them, of whom a withdrawal is about."""
    from cohorts.models import Person

    return set(Person.objects.filter(pk__in=row.people.values("person_id")).values_list("reference", flat=True))


def events(row: Withdrawal) -> list[str]:
    return list(Entry.objects.filter(reference=row.name).order_by("id").values_list("event", flat=True))


@needs_openssl
def test_a_late_objection_is_withdrawn_sealed_delivered_and_acknowledged(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    assert make(walk) is None
    object_to(walk, person=asked.person_of("P1"))
    row = made(walk)
    assert row.name == f"{walk.submission.name}-withdrawal-1"
    assert (row.counts, row.reasons, withdrawn(row)) == ({"withdrawn": 1}, {"OBJECTION_PERSON": 1}, {"P1"})
    assert make(walk) is None
    sent = carry_out(walk, row)
    assert sent is not None
    assert sent.sent_at is not None
    lies = {path.name for path in settings.CF_DELIVERY_FOLDER.iterdir() if path.name.startswith(row.name)}
    assert lies == {f"{row.name}{end}" for end in (".zip.p7m", "-transmittal.json", "-transmittal.json.p7s")}
    inside = Opened(walk, "withdrawals", walk.folder / "opened", package=row.name)
    reference = PersonReference.objects.get(person_id=asked.person_of("P1").pk).reference
    assert inside.rows == [{"submission_person_ref": reference, "withdrawn_on": "2026-11-02"}]
    assert (inside.manifest["submission"], inside.manifest["counts"]) == (row.name, {"withdrawn": 1})
    # Pressed twice, or told twice, nothing is sent again.
    carry_out(walk, row)
    assert events(row) == ["WITHDRAWAL_MADE", "WITHDRAWAL_SEALED", "WITHDRAWAL_ATTEMPTED", "WITHDRAWAL_DELIVERED"]
    data = acknowledgement(walk, row)
    for _ in range(2):
        assert receipt.take_in(data=data, by=walk.who("prepare"), at=walk.now()) == walk.submission
    row.refresh_from_db()
    assert row.acknowledged_at is not None
    assert events(row)[4:] == ["WITHDRAWAL_ACKNOWLEDGED"]
    assert walk.submission.stage == "SENT"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"transmittal_sha256": "0" * 64}, "OTHER_TRANSMITTAL"),
        ({"files": []}, "OTHER_FILES"),
        ({"received_at": "2026-11-01T09:00:00Z"}, "RECEIVED_AT"),
        ({"rejected": [{"submission_person_ref": "A" * 26, "code": "FORMAT"}]}, "NOT_WITHDRAWN"),
        ({"note": "Zebulonia"}, "WRONG_KEYS"),
    ],
)
def test_what_is_no_acknowledgement_of_exactly_this_is_refused(
    walk_to: WalkTo, changed: dict[str, Any], code: str
) -> None:
    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P1"))
    row = made(walk)
    carry_out(walk, row)
    with pytest.raises(Refused) as refusal:
        receipt.take_in(data=acknowledgement(walk, row, **changed), by=walk.who("prepare"), at=walk.now())
    assert code in refusal.value.codes
    row.refresh_from_db()
    assert row.acknowledged_at is None


def test_who_is_late_and_who_is_not(walk_to: WalkTo) -> None:
    """A family's objection, a dataset's, a consent taken back, a mark that protects: each once, whoever comes first."""
    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P6"))
    object_to(walk, about="Somebody in Osierham")
    # Whoever was not sent is not withdrawn, nor is anybody whom nobody found.
    assert make(walk) is None
    lifted = object_to(walk, person=asked.person_of("P5"))
    take_back(walk, lifted)
    assert make(walk) is None
    object_to(walk, family=asked.family_of("F1"))
    assert withdrawn(made(walk)) == {"P1", "P2"}
    object_to(walk, person=asked.person_of("P5"), datasets=["NPD"])
    at = walk.now()
    consent.withdraw(consent=Consent.objects.get(), withdrawn_at=at, by=walk.who("worker"), at=at)
    second = made(walk)
    assert (second.number, withdrawn(second)) == (2, {"P3", "P5"})
    assert second.reasons == {"CONSENT_MISSING": 1, "OBJECTION_SCOPE": 1}
    people.protect(
        person=asked.person_of("P4"), kind="refuge", from_on=RUN.date(), by=walk.who("worker"), at=walk.now()
    )
    third = made(walk)
    assert (withdrawn(third), third.reasons) == ({"P4"}, {"PROTECTED_ADDRESS": 1})
    # An objection that is lifted works forward: nobody comes back into what was sent, and nobody is withdrawn twice.
    for row in Withdrawal.objects.all():
        carry_out(walk, row)
    object_to(walk, person=asked.person_of("P2"))
    assert make(walk) is None
    assert Withdrawn.objects.count() == 5


def test_a_scope_that_becomes_wider_again_withdraws_nobody(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    both = [object_to(walk, person=asked.person_of("P5"), datasets=[code]) for code in ("NPD", "HES")]
    walk.assemble(walk.cohort.round)
    walk.through(*ORDER[1:])
    assert make(walk) is None
    take_back(walk, both[0])
    assert make(walk) is None
    object_to(walk, person=asked.person_of("P5"), datasets=["PNC"])
    assert withdrawn(made(walk)) == {"P5"}


def test_a_later_notice_that_asks_consent_withdraws_nobody_who_took_none_back(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    people.protect(
        person=asked.person_of("P1"), kind="refuge", from_on=RUN.date() - timedelta(9), to_on=RUN.date(),
        by=walk.who("worker"), at=walk.now(),
    )  # fmt: skip
    notice = {"notice_ref": "NP1", "version": "PN2", "person_ref": "P1", "issued_on": "2026-11-01", "channel": "letter"}
    walk.load({"notices": [notice]})
    assert "CONSENT_MISSING" in asked.decisions("F1", walk.now())["P1"].reasons
    assert make(walk) is None


def test_a_merge_brings_the_objection_of_one_record_to_the_one_that_was_sent(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    asked.twice(walk)
    object_to(walk, person=asked.person_of("P99"))
    assert make(walk) is None
    merged = asked.merge(walk, asked.together(walk, "P3", "P99"), keep=asked.person_of("P99"))
    row = made(walk)
    assert withdrawn(row) == {"P3"}
    asked.undo(walk, merged)
    assert make(walk) is None
    assert carry_out(walk, row) is not None


def test_what_is_not_sent_is_not_withdrawn_from_and_what_is_not_known_is_looked_up_first(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to deliver")
    with pytest.raises(withdrawal.NotWithdrawn, match="withdrawn from what was sent"):
        make(walk)
    real = folder.put

    def breaks(*given: Any) -> None:
        real(*given)
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(folder, "put", breaks)
        with pytest.raises(carrying.NotArrived):
            delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    object_to(walk, person=asked.person_of("P1"))
    with pytest.raises(withdrawal.NotWithdrawn) as refusal:
        make(walk)
    assert refusal.value.codes == ["BEING_SENT"]
    assert withdrawal.sent_submissions() == []
    # One file is there, the others may not follow: it is never sent whole, and whoever objected is withdrawn.
    walk.minutes += 10
    with pytest.raises(delivery.NotDelivered):
        delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    delivery.put_off(submission=walk.submission, by=duty("deliver"), at=walk.now())
    assert (walk.submission.stage, withdrawal.sent_submissions()) == ("SENDING", [walk.submission])
    assert withdrawn(made(walk)) == {"P1"}


def test_trouble_is_tried_again_for_as_long_as_it_takes(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P1"))
    row = made(walk)
    shutil.rmtree(settings.CF_DELIVERY_FOLDER)
    settings.CF_DELIVERY_FOLDER.write_bytes(b"no folder")
    with pytest.raises(carrying.NotArrived):
        carry_out(walk, row)
    row.refresh_from_db()
    soon = row.next_attempt_at
    assert soon is not None
    assert withdrawal.due(soon - timedelta(seconds=1)) == []
    assert withdrawal.carry_out(withdrawal=row, by=MACHINE, at=soon - timedelta(seconds=1)) is None
    assert [key for key, _ in withdrawal.due(soon)] == [row.pk]
    with pytest.raises(carrying.NotArrived):
        withdrawal.carry_out(withdrawal=row, by=MACHINE, at=row.made_at + timedelta(days=2))
    row.refresh_from_db()
    assert row.delivery_stopped == "FOLDER_REFUSED"
    assert [key for key, _ in withdrawal.due(row.made_at + timedelta(days=2, hours=2))] == [row.pk]
    settings.CF_DELIVERY_FOLDER.unlink()
    withdrawal.request(withdrawal=row, by=walk.who("prepare"), at=walk.now())
    assert carry_out(walk, row) is not None
    with pytest.raises(withdrawal.NotWithdrawn, match="is delivered"):
        withdrawal.request(withdrawal=row, by=walk.who("prepare"), at=walk.now())


def test_without_a_certificate_it_waits_and_for_another_it_is_sealed_anew(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transfers import certificates

    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P1"))
    row = made(walk)
    with monkeypatch.context() as crash:
        crash.setattr(withdrawal, "_attempt", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            carry_out(walk, row)
    row.refresh_from_db()
    assert (row.sealed_at is not None, row.sent_at) == (True, None)
    for each in RecipientCertificate.objects.all():
        certificates.revoke(certificate=each, reason="Its key was lost.", by=walk.who("govern"), at=walk.now())
    for _ in range(2):
        with pytest.raises(withdrawal.NotWithdrawn, match="No accepted certificate"):
            withdrawal.carry_out(withdrawal=row, by=walk.who("prepare"), at=walk.now())
    row.refresh_from_db()
    assert (row.sealed_at, row.delivery_stopped) == (None, "REFUSED")
    assert [path for path in settings.CF_OUTBOX.iterdir() if path.name.startswith(row.name)] == []
    for purpose in RecipientCertificate.PURPOSES:
        walk.add_certificate(openpgp_recipient(), purpose)
    walk.minutes += 60
    assert carry_out(walk, row) is not None
    keys = settings.CF_SIGNING_KEY.parent
    message = (settings.CF_DELIVERY_FOLDER / f"{row.name}.zip.pgp").read_bytes()
    tsk = Tsk.from_file(str(keys / "ons-openpgp.key"))
    inside = decrypt(message, tsk.decryptor(), lambda _: [Cert.from_file(str(keys / "council-openpgp.asc"))])
    assert inside.bytes is not None
    assert len(inside.valid_sigs) == 1


def test_a_worker_that_dies_leaves_nothing_or_the_whole_and_the_sweep_goes_on(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P1"))
    moment = walk.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    for task in (tasks.withdraw_from, tasks.withdraw):
        monkeypatch.setattr(task, "delay", task)
    for where, name in ((outbox, "against_sealed"), (folder, "put"), (withdrawal, "_arrived")):
        with monkeypatch.context() as crash:
            crash.setattr(where, name, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                tasks.withdraw_who_is_late()
        row = Withdrawal.objects.get()
        left = sorted(path.name for path in settings.CF_OUTBOX.iterdir() if row.name in path.name)
        assert len(left) == (0 if where is outbox else 3)
    (open_attempt,) = row.delivery_attempts.filter(outcome="")
    tasks.withdraw_who_is_late()
    row.refresh_from_db()
    assert row.sent_at is not None
    open_attempt.refresh_from_db()
    assert open_attempt.outcome == "delivered"
    assert events(row).count("WITHDRAWAL_DELIVERED") == 1


def test_two_at_once_make_one(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    object_to(walk, person=asked.person_of("P1"))
    at, found, row = walk.now(), [], walk.submission

    def one() -> None:
        try:
            found.append(withdrawal.make(submission=row, by=MACHINE, at=at))
        finally:
            connection.close()

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(each is None for each in found) == [False, True]
    assert Withdrawal.objects.count() == 1


def test_an_objection_before_it_is_sent_stops_it_and_nothing_is_withdrawn(walk_to: WalkTo) -> None:
    walk = walk_to("ask to deliver")
    object_to(walk, person=asked.person_of("P1"))
    with pytest.raises(delivery.NotDelivered):
        delivery.deliver(submission=walk.submission, by=duty("deliver"), at=walk.now())
    assert walk.submission.stage == "VOID"
    assert withdrawal.sent_submissions() == []
