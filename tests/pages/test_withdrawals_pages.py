"""What pages say of whoever objected after being sent: how far taking them out is, and to themselves what it undoes."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from cohorts import objections, people
from cohorts.models import Objection
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement
from tests.stages.walk import PEOPLE, Walk
from transfers import tasks, withdrawal
from transfers.models import Withdrawal


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Mock:
    queue = Mock()
    monkeypatch.setattr(tasks.withdraw, "delay", queue)
    return queue


def object_to(walk: Walk, **about: Any) -> Objection:
    at = walk.now()
    return objections.receive(**about, channel="phone", received_at=at, by=walk.who("worker"), at=at)


def made(walk: Walk) -> Withdrawal:
    row = withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=walk.now())
    assert row is not None
    return row


def carry_out(walk: Walk, row: Withdrawal) -> None:
    assert withdrawal.carry_out(withdrawal=row, by=duty("withdraw"), at=walk.now()) is not None


def test_it_is_watched_from_the_objection_to_the_recipients_word(
    walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock
) -> None:
    walk = walked_to("deliver")
    preparer = signed_in("prepare")
    assert "Nobody objected after they were sent." in text(preparer.get("/withdrawals/"))
    object_to(walk, person=walk.person("P1"))
    row = made(walk)
    page = f"/withdrawals/{row.name}/"
    assert row.name in text(preparer.get("/"))
    said = text(preparer.get(page))
    assert "1 of 6 who were sent" in said
    assert "To be sealed" in said
    assert press(preparer, f"{page}try-again/")["Location"] == page
    handed_over.assert_called_once_with(row.pk)
    walk.minutes += 2 * 24 * 60
    preparer = signed_in("prepare")
    for where in ("/", "/withdrawals/", page):
        assert "Not delivered within a day" in text(preparer.get(where)), where
    carry_out(walk, row)
    said = text(preparer.get(page))
    assert "Delivered, not acknowledged yet" in said
    assert "Not delivered" not in said
    assert "is delivered" in text(press(preparer, f"{page}try-again/"))
    wrong = SimpleUploadedFile("receipt.json", b"{}")
    assert "exactly these keys" in text(preparer.post(f"{page}receipt/", {"file": wrong}))
    right = SimpleUploadedFile("receipt.json", acknowledgement(walk, row))
    assert preparer.post(f"{page}receipt/", {"file": right})["Location"] == page
    assert "The recipient says that these people were taken out." in text(preparer.get(page))
    assert row.name not in text(preparer.get("/"))
    assert f"1 of 6 people: {row.name}" in text(preparer.get(f"/submissions/{walk.submission.name}/"))
    # Nobody is named to the data team, and nobody else sees that anybody was sent.
    for person in PEOPLE:
        assert person[2] not in text(preparer.get(page))
    for path in ("/withdrawals/", page):
        assert signed_in("worker").get(path).status_code == 403
    assert signed_in("govern").post(f"{page}try-again/").status_code == 403


def test_the_letter_says_what_was_sent_and_what_can_be_undone(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("deliver")
    governance = signed_in("govern")
    row = object_to(walk, person=walk.person("P1"))
    letter = f"/objections/{row.pk}/letter/P1/"
    assert letter in governance.get(f"/objections/{row.pk}/").content.decode()
    said = text(governance.get(letter))
    assert "Zebulonia Quillfeather" in said
    assert "7 Marlinspike Terrace" in said
    assert "On 2 November 2026 we sent name, date of birth, sex and address" in said
    assert "to the Office for National Statistics (ONS). We are telling them to take the details out." in said
    assert "it may not be possible any more to say which record was whose" in said
    withdrawn = made(walk)
    carry_out(walk, withdrawn)
    assert "we told them to take the details out. We wait for them to say that they did." in text(
        governance.get(letter)
    )
    preparer = signed_in("prepare")
    right = SimpleUploadedFile("receipt.json", acknowledgement(walk, withdrawn))
    preparer.post(f"/withdrawals/{withdrawn.name}/receipt/", {"file": right})
    assert "They say that they did so on 2 November 2026." in text(governance.get(letter))
    shown = Entry.objects.filter(event="WITHDRAWAL_LETTER_VIEWED")
    assert shown.count() == 3
    assert shown.latest("id").additional_data == {"persons": ["P1"], "by_hand": False, "submissions": 1}
    assert preparer.get(letter).status_code == 403
    assert signed_in("worker").get(letter).status_code == 403
    assert governance.get(f"/objections/{row.pk}/letter/P2/").status_code == 404


def test_the_letter_of_whom_nothing_was_sent_and_of_whom_no_address_is_printed(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("deliver")
    governance = signed_in("govern")
    letter = f"/objections/{Objection.objects.get(reference='OP6').pk}/letter/P6/"
    assert "We sent nothing about you, and send nothing while it stands." in text(governance.get(letter))
    row = object_to(walk, family=walk.person("P4").memberships.get().family, datasets=["NPD"])
    day = walk.now().date() - timedelta(1)
    people.protect(person=walk.person("P4"), kind="refuge", from_on=day, by=walk.who("worker"), at=walk.now())
    said = text(governance.get(f"/objections/{row.pk}/letter/P4/"))
    assert "To the parent or carer of Clementina Marrowbone" in said
    assert "Marlinspike" not in said
    assert "No address is printed" in said
    at = walk.now()
    objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)
    assert "Do not send this letter." in text(governance.get(f"/objections/{row.pk}/letter/P4/"))
