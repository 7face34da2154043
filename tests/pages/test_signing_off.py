"""Months are signed off with what stood there, and every night the trail is verified."""

from datetime import date, timedelta

import psycopg
import pytest
from django.db import Error, transaction

from cohorts import objections
from connecting_families.audit.trail import duty
from connecting_families.governance import checking, signing_off, tasks, verification
from connecting_families.governance.models import SignOff, Verification
from tests.pages.conftest import SignedIn
from tests.pages.keeping import DAY, Council, SetClock, clock, council
from tests.stages.walk import RUN

__all__ = ["clock", "council"]

MONTHS_LATER = RUN + timedelta(days=62)


def test_a_month_is_signed_off_once_it_is_over_with_what_stood_there(
    council: Council, clock: SetClock, signed_in: SignedIn
) -> None:
    walk, november = council.walk, date(2026, 11, 1)
    assert signing_off.months(MONTHS_LATER) == []
    checking.check(by=duty("promises"), at=council.night())
    assert signing_off.missing(council.night()) == []
    assert [each.code for each in signing_off.reasons_against(november, council.night())] == ["NO_SUCH_MONTH"]
    assert signing_off.missing(MONTHS_LATER) == [date(2026, 12, 1), november]
    clock(MONTHS_LATER)
    client = signed_in("govern")
    home = " ".join(client.get("/").content.decode().split())
    assert "December 2026 was not signed off." in home
    assert "The trail was never verified." in home
    page = client.get("/promises/months/2026-11/sign/")
    seen = page.context["form"].initial["seen"]
    # Something happens while the page is open: whoever signs looks at it first.
    objections.receive(
        person=walk.person("P2"), received_at=RUN, channel="phone", by=walk.who("worker"), at=MONTHS_LATER
    )
    answer = client.post("/promises/months/2026-11/sign/", {"seen": seen, "note": "Nothing was late."})
    assert "Something changed while you had this open." in answer.content.decode()
    assert not SignOff.objects.exists()
    seen = answer.context["form"]["seen"].value()
    answer = client.post("/promises/months/2026-11/sign/", {"seen": seen, "note": "One objection is late."})
    assert answer.headers["Location"] == "/promises/months/2026-11/"
    row = SignOff.objects.get()
    assert (row.signed_by, row.month, row.stood["overdue"]["objections"]) == ("govern", november, 1)
    assert row.digest == signing_off.digest(row.stood)
    shown = client.get("/promises/months/2026-11/").content.decode()
    assert "One objection is late." in shown
    assert row.digest in shown
    listed = " ".join(client.get("/promises/months/").content.decode().split())
    assert "1 month was not signed off." in listed
    for wrong in ("2026-13", "9999-12", "2026-1", "x"):
        assert client.get(f"/promises/months/{wrong}/sign/").status_code == 404
    again = {"month": november, "note": "Again.", "seen": seen, "by": walk.who("govern"), "at": MONTHS_LATER}
    with pytest.raises(signing_off.NotSigned, match="signed off already"):
        signing_off.sign(**again)
    with pytest.raises(signing_off.NotSigned, match="Write what you found"):
        signing_off.sign(**again | {"month": date(2026, 12, 1), "note": " "})
    for table in ("cohorts_review", "governance_promiseoutcome", "governance_signoff"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="is never changed"):
            council.owner.connection.execute(f"DELETE FROM {table}".encode())
    with pytest.raises(Error, match="permission denied"), transaction.atomic():
        SignOff.objects.update(note="Nothing was late.")


def test_every_night_the_trail_is_verified_and_home_says_what_came_of_it(
    council: Council, clock: SetClock, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.verify_the_trail, "delay", tasks.verify_the_trail)
    at = council.night()
    clock(at)
    tasks.verify_every_night()
    tasks.verify_every_night()
    row = Verification.objects.get()
    assert row.asked_by == "system:verify"
    # Nothing was sealed in this walk: that is a fault, and it is said where governance looks first.
    assert row.state in (Verification.BROKEN, Verification.FAILED)
    home = " ".join(signed_in("govern").get("/").content.decode().split())
    assert "Look at this now:" in home
    clock(at + DAY)
    tasks.verify_every_night()
    assert Verification.objects.count() == 2
    assert not verification.is_due(checking.last_night(at + DAY))
