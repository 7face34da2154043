"""The pages of retention: what must be gone by when, who may do what, and the certificate to print."""

import io
import json
import zipfile
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from transfers import destruction, tasks
from transfers.models import Destruction, LegalHold


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Mock:
    queue = Mock()
    monkeypatch.setattr(tasks.destroy, "delay", queue)
    return queue


def day(name: str, year: int, month: int, number: int) -> dict[str, Any]:
    return {f"{name}_day": number, f"{name}_month": month, f"{name}_year": year}


def test_from_the_end_of_the_study_to_the_certificate(
    walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock
) -> None:
    walk = walked_to("deliver")
    name = walk.submission.name
    page = f"/retention/{name}/"
    preparer, approver, governance = (signed_in(who) for who in ("prepare", "approve", "govern"))
    said = text(governance.get("/retention/"))
    assert "26 November 2026" in said
    assert "Destruction due: 1 submission" in " ".join(text(governance.get("/")).split())
    agreement = walk.submission.round.agreement_id
    assert approver.get(f"/retention/agreements/{agreement}/study-end/").status_code == 403
    wrong = preparer.post(f"/retention/agreements/{agreement}/study-end/", {"source": ""})
    assert "Say from what that is known" in text(wrong)
    given = day("ends_on", 2026, 10, 30) | {"source": "Letter 7"}
    assert preparer.post(f"/retention/agreements/{agreement}/study-end/", given).status_code == 302
    said = text(governance.get("/retention/"))
    assert "1 submission should have been destroyed already" in said
    assert "Letter 7" in said

    # A hold: governance alone.
    assert preparer.get(f"{page}hold/").status_code == 403
    assert "Say why" in text(governance.post(f"{page}hold/", {"reason": " "}))
    assert "Write a sentence" in text(governance.post(f"{page}hold/", {"reason": "Court"}))
    assert governance.post(f"{page}hold/", {"reason": "A court asked for it."})["Location"] == page
    assert "A legal hold stands" in text(preparer.get(page))
    assert "Held" in text(preparer.get("/retention/"))
    lift = f"/retention/holds/{LegalHold.objects.get().pk}/lift/"
    assert governance.post(lift, {"reason": "The case is over."})["Location"] == page

    # One asks, another confirms; each says first that it is them.
    assert "Ask for destruction" in text(preparer.get(page))
    assert press(preparer, f"{page}ask/", reason="The study is over.")["Location"] == page
    assert "The details of 6 people as they were sent" in text(preparer.get(f"{page}ask/"))
    assert Destruction.objects.get().asked_by.username == "prepare"
    assert "Your role may not confirm" in text(preparer.get(page))
    assert preparer.post(f"{page}confirm/").status_code == 403
    assert "Destroy it for good" in text(governance.get(page))
    assert press(governance, f"{page}confirm/")["Location"] == page
    handed_over.assert_called_once_with(walk.submission.pk)
    assert "Two people had this destroyed" in text(governance.get(page))
    assert "being carried out" in text(press(governance, f"{page}confirm/"))
    assert governance.get(f"{page}certificate/").status_code == 404
    done = destruction.carry_out(submission=walk.submission, by=duty("destroy"), at=walk.now())
    assert done is not None

    # What ONS certified comes later, and stands beside.
    file = SimpleUploadedFile("ons.pdf", b"%PDF-1.7 we destroyed it")
    theirs = day("destroyed_on", 2026, 11, 2) | {"recipient": "ONS", "reference": "D-7", "file": file}
    assert governance.post(f"{page}recipient/", theirs)["Location"] == page
    said = text(governance.get(page))
    assert "D-7" in said
    assert "What was sent is destroyed" in said
    certificate = text(approver.get(f"{page}certificate/"))
    for words in (
        "written over",
        "Backups of the database made before",
        "7 December 2026",
        "govern",
        done.certificate_sha256,
    ):
        assert words in certificate, words
    with zipfile.ZipFile(io.BytesIO(b"".join(approver.get(f"{page}certificate.zip")))) as packed:
        assert json.loads(packed.read("certificate.json"))["submission"] == name
        assert packed.read("certificate.json.p7s")[:1] == b"0"
    assert Entry.objects.filter(event__startswith="CERTIFICATE_OF_DESTRUCTION").count() == 2
    assert "Gone" in text(governance.get("/retention/"))

    # The pages of what it came from still open, and say so.
    for where, words in (
        (f"/submissions/{name}/", "What was sent is destroyed"),
        (f"/submissions/{name}/proof/", "Destroyed"),
        (f"/cohorts/{walk.cohort.pk}/", "nobody can say any more who is in or out"),
        (f"/cohorts/{walk.cohort.pk}/people/", "Nobody can say any more"),
        (f"/cohorts/{walk.cohort.pk}/difference/", "destroyed"),
    ):
        answer = governance.get(where)
        assert answer.status_code == 200, where
        assert words in text(answer), where
