"""Somebody is killed who takes in a receipt, seals a withdrawal, confirms a destruction, or erases a person.

What is one act is there whole or not at all, and whoever comes next does it, once. (Destroying itself is killed in
tests/stages/test_destruction_killed.py.)
"""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from cohorts import objections
from cohorts.models import Erasure, Person
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance import erasing
from tests.gates import opened
from tests.gates.interrupted import lying
from tests.gates.killed import POSTGRES, WRITER, Point, killed_at, nobody_is_named, until_gone
from tests.gates.photographed import bring_back, photograph
from tests.gates.proposed import to_be_erased
from tests.gates.walked import prepared
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from transfers import archive, destruction, keys, outbox, receipt, withdrawal
from transfers.models import Receipt, Rejection, WithdrawalAttempt

ENTRY = Point("connecting_families.audit.trail", "record", after=True)
COMMITTED = Point(POSTGRES, "_commit", after=True)
RECEIPT = {
    "the row is locked": Point("transfers.doors", "locked", after=True),
    "the entry is written": ENTRY,
    "it was asked that somebody be looked at": Point("cohorts.looking_again", "ask_of_many", after=True),
    "it is to be committed": Point(POSTGRES, "_commit"),
}
CONFIRMING = {
    "the row is locked": Point("transfers.doors", "locked", after=True),
    "permissions are held": Point("cohorts.queries", "hold_permissions", after=True),
    "the entry is written": ENTRY,
    "it is to be committed": Point(POSTGRES, "_commit"),
}
ERASING = {
    "permissions are held": Point("cohorts.queries", "hold_permissions", after=True),
    "the objections are remembered": Point("cohorts.remembered", "keep", after=True),
    "the records are gone": Point("cohorts.erasing", "take_away", after=True),
    "the entry is written": ENTRY,
    "it is to be committed": Point(POSTGRES, "_commit"),
}
WITHDRAWING = {
    "what was half done is to go": Point("transfers.package", "remove_unfinished"),
    "the archive is open": Point("tempfile", "mkstemp", after=True),
    "the content is under way": Point(WRITER, "write"),
    "the package is written": Point("transfers.package", "seal", after=True),
    "the note is signed": Point("transfers.package", "write_transmittal", after=True),
    "the entry is written": ENTRY,
    "one file has its name": Point("pathlib.Path", "replace", after=True),
    "the outbox has all": Point("transfers.package", "_sync", after=True),
    "our copy has its name": Point("transfers.package", "_sync", 2, after=True),
    "it is to be committed": Point(POSTGRES, "_commit"),
    "it is committed": COMMITTED,
    "the attempt is committed": Point(POSTGRES, "_commit", 2, after=True),
    "the first file is there": Point("transfers.channels.folder", "put", after=True),
    "everything is there": Point("transfers.channels.folder", "put", 3, after=True),
    "the outcome is committed": Point(POSTGRES, "_commit", 3, after=True),
}


@pytest.fixture
def walks(walk_to: WalkTo) -> Iterator[WalkTo]:
    with prepared():
        yield walk_to


def entries(event: str) -> int:
    found: int = Entry.objects.filter(event=event).count()
    return found


def in_one(points: dict[str, Point], act: Callable[[], object], event: str) -> None:
    """Killed anywhere in an act before its end, there is no entry of it; killed after it, there is one."""
    for name, point in points.items():
        killed_at(point, act)
        until_gone()
        assert entries(event) == 0, name
    killed_at(COMMITTED, act)
    until_gone()
    assert entries(event) == 1


def test_a_receipt_is_taken_in_once_and_whole(walks: WalkTo) -> None:
    walk = walks("deliver")
    data, at = receipt_of(walk, ("P4", "POSTCODE")), walk.now()

    def take_in() -> object:
        return receipt.take_in(data=data, by=duty("receive"), at=at)

    in_one(RECEIPT, take_in, "RECEIPT_TAKEN_IN")
    assert (walk.submission.stage, Rejection.objects.get().person_id) == ("RECEIPTED", walk.person("P4").pk)
    take_in()
    assert (Receipt.objects.count(), entries("RECEIPT_TAKEN_IN"), entries("LOOKS_ASKED_FOR")) == (1, 1, 1)


def test_a_destruction_is_confirmed_once_and_nothing_is_gone_before(walks: WalkTo) -> None:
    walk = walks("deliver")
    row, at = walk.submission, walk.now()
    destruction.ask(submission=row, by=walk.who("prepare"), at=at)
    stood = photograph(row.name).files.files

    def confirm() -> object:
        return destruction.confirm(submission=row, by=walk.who("govern"), at=at)

    in_one(CONFIRMING, confirm, "DESTRUCTION_CONFIRMED")
    assert photograph(row.name).files.files == stood
    assert not archive.begun_to_end(row)
    with pytest.raises(Refused) as again:
        confirm()
    assert again.value.codes == ["CONFIRMED_ALREADY"]
    assert destruction.carry_out(submission=row, by=duty("destroy"), at=at) is not None


def test_a_person_is_erased_whole_or_not_at_all(walks: WalkTo) -> None:
    walk = walks("seal")
    row, at = to_be_erased(walk, "P5"), walk.now()

    def confirm() -> object:
        return erasing.confirm(erasure_=row, by=walk.who("govern2"), at=at)

    in_one(ERASING, confirm, "PERSON_ERASED")
    assert not Person.objects.filter(reference="P5").exists()
    assert Erasure.objects.get().state == Erasure.DONE
    with pytest.raises(Refused) as again:
        confirm()
    assert again.value.codes == ["DECIDED_ALREADY"]
    with pytest.raises(Refused) as late:
        walk.do("ask to deliver")
    assert late.value.codes == ["RECORD_GONE"]
    assert (walk.submission.stage, lying()) == ("VOID", [])


def test_a_withdrawal_is_sealed_and_delivered_once(walks: WalkTo) -> None:
    walk = walks("deliver")
    key = keys.load_signing_key(settings.CF_SIGNING_KEY.parent / "ons.key")
    serial = keys.load_certificate((settings.CF_SIGNING_KEY.parent / "ons.pem").read_bytes()).serial_number
    at = walk.now()
    objections.receive(person=person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    row = withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=at)
    assert row is not None
    stood = photograph(walk.submission.name)
    for name, point in WITHDRAWING.items():
        killed_at(point, lambda: withdrawal.carry_out(withdrawal=row, by=duty("withdraw"), at=at))
        until_gone()
        nobody_is_named()
        done = withdrawal.carry_out(withdrawal=row, by=duty("withdraw"), at=at)
        assert done is not None, name
        assert done.sent_at, name
        assert WithdrawalAttempt.objects.filter(outcome="delivered").count() == 1, name
        assert outbox.changed(done) == [], name
        packages = [path for path in lying() if "-withdrawal-1.zip.p7m" in path.name]
        assert len(packages) == 2, name
        for path in packages:
            assert len(opened.package(path.read_bytes(), key, serial).rows) == 1, name
        assert [each["name"] for each in done.archived_files] == [f"{row.name}.archive"]
        bring_back(stood)
