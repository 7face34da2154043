"""Each promise breaks when its control is broken on purpose, within one nightly run, and is kept again when mended."""

import html
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django import forms
from django.conf import settings
from django.db import Error, connection, transaction
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from cohorts import answers, objections, reviewing
from cohorts.models import Agreement, NoticeVersion, Objection
from connecting_families.alone import Work
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import duty
from connecting_families.governance import checking, signing_off, tasks, verification
from connecting_families.governance.models import PromiseOutcome, SignOff, Verification
from connecting_families.governance.promises import service
from connecting_families.governance.promises.table import PROMISES
from connecting_families.staff.roles import ROLES, Permission
from tests.audit.conftest import given
from tests.conftest import address_of
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.walk import PEOPLE, RUN, Walk
from transfers import receipt
from transfers.rules import extract

DAY = timedelta(days=1)
MONTHS_LATER = RUN + timedelta(days=62)


class Owner:
    """Whoever owns the database, and may do what the site may not."""

    def __init__(self, name: str) -> None:
        self.connection: psycopg.Connection[Any] = psycopg.connect(
            address_of(name, settings.DATABASE_OWNER), autocommit=True
        )

    def does(self, table: str, statement: str, *values: object) -> None:
        """A statement about a table, whose triggers are switched off while it runs."""
        self.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        self.connection.execute(statement.encode(), values or None)
        self.connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


class Council:
    """A council that sent a submission and keeps every promise: its walk, and the owner of its database."""

    def __init__(self, walk: Walk, owner: Owner) -> None:
        self.walk, self.owner = walk, owner
        self.nights = 0

    def night(self) -> datetime:
        """Three in the next night."""
        self.nights += 1
        return RUN.replace(hour=3) + self.nights * DAY


def prepared(walk: Walk) -> None:
    """What governance does before it may say that everything is kept."""
    by = walk.who("govern")
    receipt.take_in(data=receipt_of(walk, ("P1", "NINO")), by=walk.who("prepare"), at=walk.now())
    asked: dict[str, Any] = {"legal_reference": "Article 6(1)(e) UK GDPR", "next_on": date(2027, 6, 1)}
    for version in NoticeVersion.objects.all():
        reviewing.record(of=version, contact="The data team, 01632 960000", **asked, by=by, at=walk.now())
    for agreement in Agreement.objects.all():
        reviewing.record(of=agreement, **asked, by=by, at=walk.now())
    answers.uphold(objection=Objection.objects.get(), by=by, at=walk.now())


@contextmanager
def changed(council: Council, table: str, change: str, back: str, where: str = "TRUE") -> Iterator[None]:
    """A value that the owner changes in the database, and later puts back."""
    council.owner.does(table, f"UPDATE {table} SET {change} WHERE {where}")
    try:
        yield
    finally:
        council.owner.does(table, f"UPDATE {table} SET {back} WHERE {where}")


@contextmanager
def permitted(role: str, *permissions: Permission) -> Iterator[None]:
    """A role that may more."""
    was = ROLES[role]
    ROLES[role] = was._replace(permits=was.permits | set(permissions))
    try:
        yield
    finally:
        ROLES[role] = was


@contextmanager
def another_column(_: Council) -> Iterator[None]:
    """The program could send a column of which the notice tells nothing."""
    was = extract.EXTRACTS
    more = extract.Column("ethnicity", "sex", extract.text)
    extract.EXTRACTS = (extract.IDENTIFIERS._replace(may_add=(*extract.IDENTIFIERS.may_add, more)), *was[1:])
    try:
        yield
    finally:
        extract.EXTRACTS = was


def package_for_others(council: Council) -> AbstractContextManager[None]:
    """One of the two people never accepted the certificate."""
    return changed(
        council, "transfers_recipientcertificate", "second_accepted_at = second_accepted_at + interval '1 year'",
        "second_accepted_at = second_accepted_at - interval '1 year'",
    )  # fmt: skip


def another_dataset(council: Council) -> AbstractContextManager[None]:
    """The agreement lists one dataset less than the round is matched with."""
    return changed(council, "cohorts_agreement", "datasets = '{PNC}'", "datasets = '{PNC,NPD}'", "reference = 'DSA'")


@contextmanager
def results_come_back(council: Council) -> Iterator[None]:
    """A table for linked results, a form that takes them."""
    council.owner.connection.execute("CREATE TABLE linked_results (person text, benefit text)")

    class LinkedForm(forms.Form):
        """Another door."""

        file = forms.FileField()

    LinkedForm.__module__ = "transfers.forms"
    try:
        yield
    finally:
        council.owner.connection.execute("DROP TABLE linked_results")
        LinkedForm.__module__ = "elsewhere"


def worker_sees_cohorts(_: Council) -> AbstractContextManager[None]:
    """Whoever supports families may open cohorts."""
    return permitted("early_help_worker", Permission.SEE_COHORTS)


def administrator_sees_counts(_: Council) -> AbstractContextManager[None]:
    """Somebody outside the data team and governance sees exact counts."""
    return permitted("administrator", Permission.SEE_SUBMISSIONS)


def for_decisions(council: Council) -> AbstractContextManager[None]:
    """The agreement is for something else than research."""
    return changed(council, "cohorts_agreement", "purpose = 'fraud'", "purpose = 'research'", "reference = 'DSA'")


def review_forgotten(council: Council) -> AbstractContextManager[None]:
    """The day by which everything was to be looked at again passed by."""
    return changed(
        council, "cohorts_review", "reviewed_on = '2025-01-01', next_on = '2025-02-01'",
        "reviewed_on = '2026-11-02', next_on = '2027-06-01'",
    )  # fmt: skip


def sent_without_agreement(council: Council) -> AbstractContextManager[None]:
    """The agreement was over before anything was sent."""
    return changed(
        council,
        "cohorts_agreement",
        "in_force_from = '2026-12-01'",
        "in_force_from = '2026-01-01'",
        "reference = 'DSA'",
    )


@contextmanager
def gate_gone(_: Council) -> Iterator[None]:
    """Nobody is asked for a second factor any more."""
    gate = "connecting_families.staff.middleware.wholly_signed_in"
    with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != gate]):
        yield


def kept_for_ever(council: Council) -> AbstractContextManager[None]:
    """The agreement was over on the day after sending, and copies are kept all the same."""
    return changed(
        council, "cohorts_agreement", "in_force_to = '2026-11-03'", "in_force_to = '2027-01-01'", "reference = 'DSA'"
    )


@contextmanager
def nobody_to_ask(_: Council) -> Iterator[None]:
    """Letters name nobody whom people may ask."""
    with override_settings(CF_CONTACT=" "):
        yield


@contextmanager
def objection_passed_by(council: Council) -> Iterator[None]:
    """Somebody who was sent had objected before."""
    person = council.walk.person("P1").pk
    council.owner.does(
        "cohorts_objection",
        "INSERT INTO cohorts_objection (reference, person_id, received_at, datasets, made_by, channel, decided_by,"
        " refusal_reason, refusal_reference, decided_at)"
        " VALUES ('LATE', %s, %s, '{}', 'self', 'phone', 'govern', '', '', %s)",
        person, RUN - DAY, RUN - DAY,
    )  # fmt: skip
    try:
        yield
    finally:
        council.owner.does("cohorts_objection", "DELETE FROM cohorts_objection WHERE reference = 'LATE'")


Breaker = Callable[[Council], AbstractContextManager[None]]


@dataclass(frozen=True)
class Breaks:
    """What breaks a control, and the code by which its promise says so."""

    breaker: Breaker
    code: str


#: Of every promise what breaks its control.
BREAKERS = {
    1: Breaks(another_column, "COLUMN_NOT_IN_NOTICE"),
    2: Breaks(package_for_others, "PACKAGE_FOR_OTHERS"),
    3: Breaks(another_dataset, "DATASET_NOT_AGREED"),
    4: Breaks(results_come_back, "ANOTHER_DOOR"),
    5: Breaks(worker_sees_cohorts, "ROLE_LEARNS_OF_COHORTS"),
    6: Breaks(administrator_sees_counts, "ROLE_SEES_EXACT_COUNTS"),
    7: Breaks(for_decisions, "SEALED_OUTSIDE_RESEARCH"),
    8: Breaks(review_forgotten, "REVIEW_OVERDUE"),
    9: Breaks(sent_without_agreement, "NO_AGREEMENT_IN_FORCE"),
    10: Breaks(gate_gone, "GATE_GONE"),
    11: Breaks(kept_for_ever, "COPY_OVERDUE"),
    12: Breaks(nobody_to_ask, "NO_CONTACT_ON_LETTERS"),
    13: Breaks(objection_passed_by, "OBJECTION_NOT_KEPT"),
}


@pytest.fixture
def council(walk_to: WalkTo, settings: Any) -> Iterator[Council]:
    # The nights of these tests end before our own copy is to be gone.
    settings.CF_BACKUP_DAYS = 7
    walk = walk_to("deliver")
    prepared(walk)
    owner = Owner(str(connection.settings_dict["NAME"]))
    yield Council(walk, owner)
    owner.connection.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """`clock(at)`: what tasks and pages read from the clock."""

    def set_to(at: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to


def said(client: Client) -> str:
    """The page of the promises, as it is read."""
    return " ".join(html.unescape(client.get("/promises/").content.decode()).split())


def test_each_promise_turns_red_within_one_night_and_is_kept_again(
    council: Council, clock: Callable[[datetime], None], signed_in: SignedIn
) -> None:
    assert BREAKERS.keys() == {each.number for each in PROMISES}
    clock(council.night())
    tasks.check_the_promises()
    assert {row.promise: row.faults for row in PromiseOutcome.objects.all()} == {number: [] for number in BREAKERS}
    assert "13 of 13 promises of the privacy notice are kept." in said(signed_in("govern"))
    for number, breaks in BREAKERS.items():
        with breaks.breaker(council):
            clock(council.night())
            tasks.check_the_promises()
            row = checking.newest()[number]
            assert breaks.code in [fault["code"] for fault in row.faults], number
            assert row.checked_by == "system:promises"
            assert not [word for fault in row.faults for person in PEOPLE for word in person[1:3] if word in str(fault)]
            entry = Entry.objects.filter(event="PROMISE_BROKEN", additional_data__promise=number).latest("pk")
            assert breaks.code in (entry.additional_data or {})["faults"]
            if number == 10:
                # Without its gate the site is not opened.
                continue
            page = said(signed_in("govern"))
            assert breaks.code in page, number
            assert "13 of 13 promises" not in page, number
            assert "govuk-notification-banner" not in page
            assert 'govuk-tag--red">Broken' in page, number
        clock(council.night())
        tasks.check_the_promises()
        assert checking.newest()[number].kept, checking.newest()[number].faults
        assert Entry.objects.filter(event="PROMISE_MENDED", additional_data__promise=number).exists()
    assert "13 of 13 promises of the privacy notice are kept." in said(signed_in("govern"))


def test_a_check_that_fails_is_no_answer_and_an_old_one_says_nothing_of_today(
    council: Council, clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: datetime) -> list[Why]:
        raise ValueError(PEOPLE[0][1])

    at = council.night()
    with monkeypatch.context() as broken:
        broken.setattr(checking, "PROMISES", (PROMISES[0]._replace(check=fails), *PROMISES[1:]))
        checking.check(by=duty("promises"), at=at)
    outcome = checking.newest()[1]
    assert [fault["code"] for fault in outcome.faults] == ["CHECK_FAILED"]
    assert PEOPLE[0][1] not in str(outcome.faults)
    assert all(checking.newest()[number].kept for number in range(2, 14))
    # Once a night, and a night later it is due again; who asks does not wait for the night.
    clock(at + timedelta(hours=20))
    tasks.check_the_promises()
    assert PromiseOutcome.objects.count() == 13
    checking.request(by=council.walk.who("govern"), at=at + timedelta(hours=20))
    tasks.check_the_promises()
    assert checking.newest()[1].checked_by == "govern"
    assert checking.newest()[1].kept
    assert checking.asked() is None
    assert [each.words for each in checking.standing(at + timedelta(hours=20) + checking.OLD)] == ["Kept"] * 13
    late = at + timedelta(hours=21) + checking.OLD
    assert {each.words for each in checking.standing(late)} == {"Not checked lately"}
    assert not any(each.kept for each in checking.standing(late))
    with alone_elsewhere(council), pytest.raises(Refused, match="being checked"):
        checking.check(by=duty("promises"), at=late)
    ended, out, beside = given("check_promises", "--by", "govern")
    assert (ended, out["kept"], out["broken"]) == (0, True, [])
    with nobody_to_ask(council):
        ended, out, beside = given("check_promises", "--by", "govern")
    assert (ended, out["kept"], out["broken"]) == (1, False, [12])
    assert "NO_CONTACT_ON_LETTERS" in beside
    assert given("check_promises", "--by", "worker")[0] == 1


@contextmanager
def alone_elsewhere(council: Council) -> Iterator[None]:
    """Another worker is at it."""
    key = Work.CHECKING_PROMISES.value
    council.owner.connection.execute("SELECT pg_advisory_lock(%s, 0)", [key])
    yield
    council.owner.connection.execute("SELECT pg_advisory_unlock(%s, 0)", [key])


def test_what_could_tell_early_help_of_a_cohort_is_seen() -> None:
    for told in ("cohorts/cohort.html", "transfers/submission.html"):
        assert service._words(service._source(told)), told
    assert service._models_read("cohorts.views.cohorts") == ["Cohort"]
    read = {name for module in service._modules() for name in service._named_in(module)}
    assert "cohorts/family.html" in read
    assert len(service._modules()) > 10


def test_a_month_is_signed_off_once_it_is_over_with_what_stood_there(
    council: Council, clock: Callable[[datetime], None], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
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
    council: Council, clock: Callable[[datetime], None], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
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
