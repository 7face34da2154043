"""The clock of the machine is set back, by hours or by months. Whoever was signed in signs in again.

Lost is nothing: what is on file counts, whatever time it is, the trail goes by transactions, and signs of life from the
future say nothing.
"""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cohorts import consent, objections
from cohorts.models import Consent
from connecting_families import pulse
from connecting_families.audit import seal
from connecting_families.audit.models import Checkpoint, Entry
from connecting_families.audit.verify import verify
from connecting_families.staff import lasting
from tests.audit.conftest import Trail, empty, given
from tests.deployment.test_health import broker
from tests.faults.test_workers import queue
from tests.signing_in import sign_in
from tests.stages.conftest import WalkTo, stands, walk_to
from tests.stages.walk import PASSWORD, Walk
from transfers import delivery, retaining, sealing, withdrawal

__all__ = ["broker", "empty", "queue", "stands", "walk_to"]

BACK = timedelta(hours=5)


def before(walk: Walk, back: timedelta = BACK) -> Any:
    return walk.now() - back


@pytest.mark.parametrize("what", ["objection", "consent", "nobody found"])
def test_what_came_before_the_clock_was_set_back_stops_a_submission_after(walk_to: WalkTo, what: str) -> None:
    walk = walk_to("approve")
    at, by = walk.now(), walk.who("worker")
    if what == "consent":
        consent.withdraw(consent=Consent.objects.get(), withdrawn_at=at, by=by, at=at)
    else:
        about: dict[str, Any] = {"person": walk.person("P1")} if what == "objection" else {"about": "Somebody"}
        objections.receive(reference="LATE", received_at=at, by=by, at=at, **about)
    with pytest.raises(sealing.NotSealed) as refused:
        sealing.request(submission=walk.submission, by=walk.who("prepare"), at=before(walk))
    expected = {"objection": "OBJECTION_PERSON", "consent": "CONSENT_MISSING", "nobody found": "UNMATCHED_OBJECTION"}
    assert expected[what] in refused.value.codes
    assert walk.submission.stage == ("APPROVED" if what == "nobody found" else "VOID")


def test_a_sealed_submission_is_stopped_too_and_a_sent_one_is_withdrawn_from(walk_to: WalkTo) -> None:
    walk = walk_to("seal")
    at, by = walk.now(), walk.who("worker")
    objections.receive(reference="LATE", person=walk.person("P1"), received_at=at, by=by, at=at)
    with pytest.raises(delivery.NotDelivered):
        delivery.request(submission=walk.submission, by=walk.who("prepare"), at=before(walk))
    assert walk.submission.stage == "VOID"


def test_dates_of_a_record_do_not_turn_round(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    at, by = walk.now(), walk.who("worker")
    row = objections.receive(reference="LATE", person=walk.person("P1"), received_at=at, by=by, at=at)
    lifting: dict[str, Any] = {"objection": row, "asked_by": "self", "channel": "phone", "by": by}
    with pytest.raises(objections.NotLifted) as refused:
        objections.lift(**lifting, lifted_at=at - BACK, at=at - BACK)
    assert refused.value.codes == ["LIFTED_BEFORE"]
    # Nobody is found to be late yet; once the clock is right they are.
    assert withdrawal.make(submission=walk.submission, by=walk.who("prepare"), at=at - BACK) is None
    assert withdrawal.make(submission=walk.submission, by=walk.who("prepare"), at=walk.now()) is not None
    # By when copies must be gone is a day, and no earlier than it was; who looks earlier is told of a later time.
    then, now = (retaining.of(walk.submission, moment) for moment in (walk.now() - timedelta(days=300), walk.now()))
    assert then.act_by == now.act_by


def test_the_trail_is_sealed_in_the_order_of_its_transactions(empty: Trail) -> None:
    empty.write(3)
    at = timezone.now()  # noqa: TID251 - that of this machine
    assert seal.seal(at=at) is not None
    empty.write(2)
    back = at - timedelta(days=90)
    second = seal.seal(at=back)
    assert second is not None
    assert (second.size, second.at) == (5, back)
    seal.hand_over(at=back)
    assert seal.waits(back) == timedelta(0)
    assert "last sealed on" in seal.state(back)
    end, said, beside = given("verify_trail")
    assert (end, said["sealed"]) == (0, 5), beside
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 5]
    assert verify(held=[], keys=[], at=back).sealed >= 0
    assert set(Entry.objects.filter(leaf=None).values_list("event", flat=True)) == {"COMMAND_GIVEN", "TRAIL_VERIFIED"}


def test_signs_of_life_from_the_future_say_nothing(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse.sign(broker, "worker")
    assert pulse.look(broker).worker == pytest.approx(0, abs=5)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - BACK.total_seconds())
    assert pulse.look(broker).worker is None
    pulse.sign(broker, "worker")
    assert pulse.look(broker).worker == pytest.approx(0, abs=5)


def test_a_sign_in_from_the_future_is_over(walk_to: WalkTo, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    walk_to("assemble")
    client = Client()
    sign_in(client, "worker", PASSWORD)
    assert client.get("/find/").status_code == 200
    session = client.session
    for name in (lasting.BEGUN, lasting.SEEN):
        session[name] += int(BACK.total_seconds())
    session.save()
    answer = client.get("/find/")
    assert (answer.status_code, answer["Location"].startswith("/account/login/")) == (302, True)
