"""A receipt is the one thing that comes in: it moves its submission on, once; whatever else comes leaves nothing."""

import hashlib
import json
from typing import Any

import pytest
from django.conf import settings

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.walk import Walk
from transfers import inbox, receipt
from transfers.models import Receipt, Rejection
from transfers.receipt import NotTakenIn


def take_in(walk: Walk, data: bytes) -> Any:
    return receipt.take_in(data=data, by=walk.who("prepare"), at=walk.now())


def test_a_receipt_moves_its_submission_on_once(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    data = receipt_of(walk, ("P1", "NINO"), ("P1", "SEX"), ("P4", "POSTCODE"))
    assert take_in(walk, data).stage == "RECEIPTED"
    assert take_in(walk, data).stage == "RECEIPTED"
    row = Receipt.objects.get()
    assert (row.sha256, row.rejections) == (hashlib.sha256(data).hexdigest(), {"NINO": 1, "POSTCODE": 1, "SEX": 1})
    expected = {(walk.person(ref).pk, code) for ref, code in (("P1", "NINO"), ("P1", "SEX"), ("P4", "POSTCODE"))}
    assert set(Rejection.objects.values_list("person_id", "code")) == expected
    (entry,) = Entry.objects.filter(event="RECEIPT_TAKEN_IN")
    assert (entry.reference, entry.additional_data["rejected"]) == (walk.submission.name, row.rejections)


@pytest.mark.parametrize(
    ("act", "other", "code"),
    [
        ("deliver", {"note": "The lead of F1 is in prison."}, "WRONG_KEYS"),
        ("deliver", {"submission": "CF-E06999999-2026-0099"}, "UNKNOWN_SUBMISSION"),
        ("deliver", {"rejected": [{"submission_person_ref": "A" * 26, "code": "SEX"}]}, "UNKNOWN_REFERENCE"),
        ("deliver", {"files": []}, "OTHER_FILES"),
        ("seal", {}, "WRONG_STAGE"),
    ],
)
def test_whatever_else_comes_changes_nothing_and_is_not_kept(
    walk_to: WalkTo, act: str, other: dict[str, Any], code: str
) -> None:
    walk = walk_to(act)
    data, stage = receipt_of(walk, **other), walk.submission.stage
    with pytest.raises(NotTakenIn) as refusal:
        take_in(walk, data)
    assert code in refusal.value.codes
    assert (walk.submission.stage, Receipt.objects.count(), Rejection.objects.count()) == (stage, 0, 0)
    entry = Entry.objects.get(event="RECEIPT_REFUSED")
    assert entry.reference == hashlib.sha256(data).hexdigest()
    assert "prison" not in json.dumps([entry.additional_data, entry.reason, entry.changes])


def test_another_receipt_of_the_same_submission_is_refused(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    take_in(walk, receipt_of(walk))
    with pytest.raises(NotTakenIn) as refusal:
        take_in(walk, receipt_of(walk, ("P1", "SEX")))
    assert "WRONG_STAGE" in refusal.value.codes
    assert Receipt.objects.get().rejections == {}


def test_somebody_of_another_round_is_unknown(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    data = receipt_of(walk, ("P1", "SEX"), rejected=[{"submission_person_ref": "B" * 26, "code": "SEX"}])
    with pytest.raises(NotTakenIn) as refusal:
        take_in(walk, data)
    assert refusal.value.codes == ["UNKNOWN_REFERENCE"]


def test_nothing_stays_in_the_inbox(walk_to: WalkTo, tmp_path: Any) -> None:
    walk = walk_to("deliver")
    settings.CF_RECEIPT_FOLDER = tmp_path / "inbox"
    assert inbox.empty(by=duty("receive"), now=walk.now) == 0
    settings.CF_RECEIPT_FOLDER.mkdir()
    files = {"a.json": b'{"said": "Ada Quill was in prison."}', "b.json": receipt_of(walk), "c.json.part": b"half"}
    for name, data in files.items():
        (settings.CF_RECEIPT_FOLDER / name).write_bytes(data)
    assert inbox.empty(by=duty("receive"), now=walk.now) == 2
    assert [path.name for path in settings.CF_RECEIPT_FOLDER.iterdir()] == ["c.json.part"]
    assert walk.submission.stage == "RECEIPTED"
    assert Entry.objects.filter(event="RECEIPT_REFUSED").count() == 1
