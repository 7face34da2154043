"""What a night finds wrong reaches information governance by mail; so does the newest checkpoint, byte for byte."""

import smtplib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from connecting_families.audit import seal, signing
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.audit.verify import Fault, Report, held_in, verify
from connecting_families.governance import alarm, checking, sifting, tasks, verification
from connecting_families.governance.models import Verification
from tests.pages.breakers import IN_A_NIGHT
from tests.pages.conftest import SignedIn
from tests.pages.keeping import DAY, Council, SetClock, clock, council
from tests.stages.walk import PEOPLE

__all__ = ["clock", "council"]

MINUTE = timedelta(minutes=1)
TO = ["governance@anytown.example"]


@pytest.fixture
def sent(settings: Any) -> list[EmailMessage]:
    """The mails that were sent."""
    settings.CF_GOVERNANCE_MAIL, settings.CF_SITE_URL = TO, "https://families.anytown.example"
    return mail.outbox


def look(at: datetime, clock: SetClock) -> None:
    """What the workers do in a night, and twice what they do every minute."""
    clock(at)
    tasks.check_the_promises()
    clock(at + MINUTE)
    tasks.raise_the_alarm()
    tasks.raise_the_alarm()


def of_somebody(message: EmailMessage) -> list[str]:
    said = f"{message.subject} {message.body}"
    return [word for person in PEOPLE for word in (*person[1:3], "CF-E0", "LATE", "govern") if word in said]


def test_a_broken_promise_is_told_once_a_night_until_it_is_kept_again(
    council: Council, clock: SetClock, sent: list[EmailMessage]
) -> None:
    look(council.night(), clock)
    assert sent == []
    with IN_A_NIGHT[13].breaker(council):
        night = council.night()
        look(night, clock)
        (first,) = sent
        assert first.to == TO
        assert first.subject == "Connecting Families: look at this now"
        wanted = "Promise 13, An objection is kept: OBJECTION_NOT_KEPT. https://families.anytown.example/promises/#promise-13"
        assert wanted in first.body
        assert of_somebody(first) == []
        # Somebody asks again on the same day: it is known. The next night tells it again, once.
        checking.request(by=council.walk.who("govern"), at=night + timedelta(hours=9))
        look(night + timedelta(hours=10), clock)
        assert len(sent) == 1
        look(council.night(), clock)
        assert [wanted in each.body for each in sent] == [True, True]
        with IN_A_NIGHT[12].breaker(council):
            checking.request(by=council.walk.who("govern"), at=night + DAY + timedelta(hours=9))
            look(night + DAY + timedelta(hours=10), clock)
        assert "NO_CONTACT_ON_LETTERS" in sent[2].body
        assert "OBJECTION_NOT_KEPT" in sent[2].body
    look(council.night(), clock)
    assert [each.subject for each in sent[3:]] == ["Connecting Families: all is well again"]
    # Nobody looks any more: what was found last says nothing of today.
    clock(night + 6 * DAY)
    tasks.raise_the_alarm()
    assert sent[4].body.count("NOT_CHECKED_LATELY") == 13


def test_a_trail_that_is_not_whole_is_told_and_a_mail_that_does_not_get_through_is_tried_again(
    council: Council, clock: SetClock, sent: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = council.night()
    row = verification.request(by=duty("verify"), at=at)
    fault = Fault("EDITED", "An entry is not what was sealed.", 7)
    verification.end(verification=row, report=Report(9, 1, 0, 0, [fault]), vkey="", by=duty("verify"), at=at)

    def refused(_: EmailMessage) -> int:
        raise smtplib.SMTPServerDisconnected

    for minutes, entries in ((1, 1), (5, 1), (20, 2)):
        clock(at + minutes * MINUTE)
        with monkeypatch.context() as without_server:
            without_server.setattr(EmailMessage, "send", refused)
            tasks.raise_the_alarm()
        assert Entry.objects.filter(event="ALARM_MAIL_FAILED").count() == entries
    clock(at + 40 * MINUTE)
    tasks.raise_the_alarm()
    (message,) = sent
    assert "The trail was verified: EDITED. https://families.anytown.example/trail/verification/" in message.body
    entry = Entry.objects.get(event="ALARM_MAIL_SENT")
    assert (entry.who, entry.additional_data) == ("system:mail", {"to": 1, "wrong": {"trail": ["EDITED"]}})
    assert Entry.objects.filter(event="ALARM_MAIL_ATTEMPTED").count() == 3
    row = verification.request(by=duty("verify"), at=at + DAY)
    verification.give_up(verification=row, why="ValueError", by=duty("verify"), at=at + DAY)
    clock(at + DAY + MINUTE)
    tasks.raise_the_alarm()
    assert "VERIFICATION_FAILED" in sent[1].body
    assert Verification.objects.count() == 2


def test_going_through_the_trail_that_fails_again_and_again_is_told_and_not_tried_for_ever(
    council: Council, clock: SetClock, sent: list[EmailMessage], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed otherwise than by a lost database was tried again every 15 seconds, and nobody was told."""
    at = council.night()
    clock(at)

    def failures() -> list[tuple[str, object]]:
        found = Entry.objects.filter(event="LOOKS_SIFTING_FAILED")
        return list(found.values_list("who", "additional_data"))

    with monkeypatch.context() as broken:
        broken.setattr(sifting, "FOUND", {"MANY": "SELECT of nothing that is"})
        tasks.sift_the_trail()
        tasks.raise_the_alarm()
        assert (len(failures()), sent) == (1, [])
        for minutes in range(1, 6):
            clock(at + minutes * MINUTE)
            tasks.sift_what_was_asked()
        assert failures() == [("system:sift", {"why": "ProgrammingError"})] * 3
        tasks.raise_the_alarm()
        wanted = "looks to check: SIFTING_FAILED. https://families.anytown.example/trail/looks/"
        assert [wanted in each.body for each in sent] == [True]
        # Asked for anew it is tried anew, and told no second time in a night.
        clock(at + 10 * MINUTE)
        sifting.request(by=council.walk.who("govern"), at=at + 10 * MINUTE)
        assert not sifting.has_failed()
        for minutes in range(11, 16):
            clock(at + minutes * MINUTE)
            tasks.sift_what_was_asked()
        assert len(failures()) == 6
    clock(at + 20 * MINUTE)
    client = signed_in("govern")
    for path in ("/", "/trail/looks/"):
        assert "going through the trail failed" in client.get(path).content.decode().lower()
    sifting.request(by=council.walk.who("govern"), at=at + 20 * MINUTE)
    clock(at + 21 * MINUTE)
    tasks.sift_what_was_asked()
    assert sifting.asked() is None
    tasks.raise_the_alarm()
    assert sent[-1].subject == "Connecting Families: all is well again"
    # A night on which nobody goes through it is told, too.
    clock(at + 2 * DAY)
    assert alarm.found(at + 2 * DAY)["looks"] == ["NOT_SIFTED_LATELY"]


def test_the_newest_checkpoint_is_mailed_once_a_day_and_can_be_held_against_the_trail(
    council: Council, clock: SetClock, sent: list[EmailMessage], settings: Any, tmp_path: Path
) -> None:
    settings.CF_CHECKPOINT_KEY, settings.CF_CHECKPOINTS = tmp_path / "checkpoint-key.pem", tmp_path / "outside"
    settings.CF_CHECKPOINT_MAIL = ["witness@anytown.example"]
    at = council.night()
    clock(at)
    tasks.mail_the_newest_checkpoint()
    assert sent == []
    seal.seal(at=at)
    for _ in range(2):
        tasks.mail_the_newest_checkpoint()
    (message,) = sent
    ((name, content, _),) = message.attachments
    assert (message.to, of_somebody(message)) == (["witness@anytown.example"], [])
    file = tmp_path / str(name)
    attached: Any = message.message().get_payload()
    file.write_bytes(attached[1].get_payload(decode=True))
    assert file.read_bytes() == content == (seal.newest_note() or "").encode()
    assert verify(held=held_in(file), keys=signing.verifier_keys(), at=at).faults == []
    # What was sent is itself on the trail: a newer checkpoint is there, and waits for its day.
    seal.seal(at=at + MINUTE)
    for hours, mails in ((1, 1), (23, 1), (25, 2), (26, 2)):
        clock(at + timedelta(hours=hours))
        tasks.mail_the_newest_checkpoint()
        assert len(sent) == mails
    assert sent[1].attachments[0][0] != name
