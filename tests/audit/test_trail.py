"""The trail: an act is on it or does not happen, somebody did it, and no family can be found in it."""

import ast
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from celery import Task
from django.conf import settings
from django.db import connection
from django.test import Client

from cohorts import (
    agreements,
    answers,
    assembly,
    consent,
    datasets,
    engagements,
    evidence,
    families,
    flags,
    homes,
    loading,
    notice_versions,
    notices,
    objections,
    people,
    proposing,
    rule_changes,
    tasks,
    trying,
    uploads,
)
from cohorts import replay as replays
from cohorts.evidence import Observed
from cohorts.incoming import Offered
from cohorts.loading import LoadReport
from cohorts.models import (
    Agreement,
    Consent,
    Dataset,
    DryRun,
    Engagement,
    Evidence,
    Family,
    FlagReview,
    Merge,
    NoticeVersion,
    Objection,
    Pair,
    Protection,
    Replay,
    RuleChange,
    Upload,
)
from cohorts.register_checks import as_seen
from cohorts.replay import replay
from cohorts.seen import values
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Unrecorded, Who, duty
from connecting_families.audit.verify import Report
from connecting_families.governance import verification
from connecting_families.governance.models import Verification
from connecting_families.staff import accounts, factors, sessions, teams
from connecting_families.staff.models import Team, User
from tests import signing_in
from tests.conftest import address_of
from tests.oracle.bulk import write
from tests.stages import asked
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.walk import LINE, ORDER, PASSWORD, PEOPLE, RUN, Walk, files, recipient_pem
from transfers import certificates, delivery, doors, receipt, sealing
from transfers.channels import chosen
from transfers.channels.channel import Lost
from transfers.models import DeliveryAttempt, RecipientCertificate

HOME = Path(__file__).parent.parent.parent


class Broken(Exception):
    """The entry cannot be written."""


class Act(NamedTuple):
    """Where the walk stands, the act, the event whose entry cannot be written, and what has to be before."""

    after: str
    act: Callable[[Walk], object]
    event: Event
    first: Callable[[Walk], object] = lambda _: None


def object_to(walk: Walk, reference: str = "NEW", **about: Any) -> None:
    at = walk.now()
    objections.receive(reference=reference, received_at=at, by=walk.who("worker"), at=at, **about)


def add_certificate(walk: Walk) -> None:
    certificates.add(pem=recipient_pem(), recipient="ONS", purpose="linkage", by=walk.who("prepare"), at=walk.now())


def without_certificates(_: Walk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfers_recipientcertificate")


def accept(walk: Walk) -> None:
    (row,) = RecipientCertificate.objects.all()
    certificates.accept(fingerprint=row.fingerprint, purpose="linkage", by=walk.who("govern"), at=walk.now())


def revoke(walk: Walk) -> None:
    row = RecipientCertificate.objects.latest("pk")
    certificates.revoke(certificate=row, reason="Its key was lost.", by=walk.who("govern"), at=walk.now())


def one_certificate(walk: Walk) -> None:
    without_certificates(walk)
    add_certificate(walk)


def load(walk: Walk) -> None:
    folder = walk.folder / "bulk"
    write({"families": [files()["families"][0] | {"team": "South"}, {"family_ref": "F9"}]}, folder)
    loading.load_directory(folder, by=walk.who("prepare"), at=walk.now())


def upload(walk: Walk) -> None:
    content = b"family_ref,team,flagged_on,flagged_by,lifted_on\nF9,West,,,\n"
    offered = [Offered("families.csv", lambda: iter([content]))]
    uploads.receive(offered=offered, by=walk.who("prepare"), at=walk.now())


def check_upload(walk: Walk) -> None:
    uploads.check(Upload.objects.get().pk, by=duty("check"), at=walk.now())


def confirm_upload(walk: Walk) -> None:
    uploads.confirm(upload=Upload.objects.get(), by=walk.who("prepare"), at=walk.now())


def load_upload(walk: Walk) -> None:
    uploads.load(Upload.objects.get().pk, at=walk.now())


def checked_upload(walk: Walk) -> None:
    upload(walk)
    check_upload(walk)


def confirmed_upload(walk: Walk) -> None:
    checked_upload(walk)
    confirm_upload(walk)


def not_loaded(walk: Walk) -> None:
    row, at = Upload.objects.get(), walk.now()
    uploads._not_loaded(upload=row, report=LoadReport(errors=[uploads.NOTHING]), by=duty("load"), at=at)


def put_back_upload(walk: Walk) -> None:
    uploads.put_back(upload=Upload.objects.get(), reasons=[uploads.CHANGED], by=duty("load"), at=walk.now())


def cancel_upload(walk: Walk) -> None:
    uploads.cancel(upload=Upload.objects.get(), by=walk.who("prepare"), at=walk.now())


def expire_upload(walk: Walk) -> None:
    uploads.expire(upload=Upload.objects.get(), by=duty("expire"), at=walk.now() + uploads.KEPT_FOR)


def fail_upload(walk: Walk) -> None:
    uploads.fail(upload=Upload.objects.get(), why="ValueError", by=duty("check"), at=walk.now())


def enter_dataset(walk: Walk) -> None:
    asked: dict[str, Any] = {"code": "NEW", "name": "New", "owner": "DfE", "keys": "UPN", "from_on": RUN.date()}
    datasets.enter(**asked, by=walk.who("prepare"), at=walk.now())


def change_dataset(walk: Walk) -> None:
    row = Dataset.objects.get(code="PNC")
    asked: dict[str, Any] = {"name": "Police", "owner": "MoJ", "keys": "names + DOB", "reason": "Renamed."}
    datasets.change(dataset=row, seen=as_seen(row), **asked, by=walk.who("prepare"), at=walk.now())


def disable_dataset(walk: Walk) -> None:
    row = Dataset.objects.get(code="PNC")
    datasets.disable(dataset=row, reason="Not now.", by=walk.who("prepare"), at=walk.now())


def enable_dataset(walk: Walk) -> None:
    datasets.enable(dataset=Dataset.objects.get(code="PNC"), by=walk.who("prepare"), at=walk.now())


def take_dataset_out(walk: Walk) -> None:
    asked: dict[str, Any] = {"last_day": RUN.date(), "reason": "It ended."}
    datasets.take_out(dataset=Dataset.objects.get(code="PNC"), **asked, by=walk.who("prepare"), at=walk.now())


NEW_VERSION: dict[str, Any] = {
    "published_on": RUN.date(), "basis": "PUBLIC_TASK", "datasets": ["PNC"], "recipients": ["ONS"],
}  # fmt: skip


def enter_version(walk: Walk) -> None:
    notice_versions.enter(version="PN9", **NEW_VERSION, by=walk.who("prepare"), at=walk.now())


def change_version(walk: Walk) -> None:
    row = NoticeVersion.objects.get(version="PN9")
    asked = NEW_VERSION | {"datasets": [], "seen": as_seen(row)}
    notice_versions.change(version=row, **asked, by=walk.who("prepare"), at=walk.now())


def enter_agreement(walk: Walk) -> None:
    asked: dict[str, Any] = {
        "reference": "DSA-NEW", "parties": ["Council"], "purpose": "research", "in_force_from": RUN.date(),
        "last_day": None, "fields": [], "datasets": ["PNC"], "recipients": ["ONS"], "legal_reference": "Art 6(1)(e)",
        "known_fields": ["upn"],
    }  # fmt: skip
    agreements.enter(**asked, by=walk.who("prepare"), at=walk.now())


def end_agreement(walk: Walk) -> None:
    asked: dict[str, Any] = {"last_day": RUN.date(), "reason": "It was revoked."}
    agreements.end(agreement=Agreement.objects.get(reference="DSA"), **asked, by=walk.who("prepare"), at=walk.now())


def request_a_run(walk: Walk) -> None:
    at = walk.now()
    assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)


def assemble(walk: Walk) -> None:
    assembly.assemble(walk.cohort.pk, by=duty("assemble"), at=walk.now())


def give_up(walk: Walk) -> None:
    assembly.give_up(cohort=walk.cohort, why="ValueError", by=duty("assemble"), at=walk.now())


RULES: dict[str, Any] = {
    "framework_version": "2015-04", "datasets": ["PNC"], "notice_days": 28, "scope": "honoured",
    "reason": "It was agreed so.",
}  # fmt: skip


def propose(walk: Walk) -> None:
    rule_changes.propose(round_=walk.cohort.round, **RULES, by=walk.who("prepare"), at=walk.now())


def propose_framework(walk: Walk) -> None:
    asked = {"framework": "SF", "version": "2022-04", "reason": "It was agreed so."}
    rule_changes.propose_framework(**asked, by=walk.who("prepare"), at=walk.now())


def an_unused_framework(walk: Walk) -> None:
    """As if the program had come without SF in use."""
    with psycopg.connect(address_of(connection.settings_dict["NAME"], settings.DATABASE_OWNER)) as owner:
        owner.execute("ALTER TABLE cohorts_frameworkinuse DISABLE TRIGGER USER")
        owner.execute("DELETE FROM cohorts_frameworkinuse WHERE framework = 'SF'")


def ask_to_try(walk: Walk) -> None:
    trying.request(change=RuleChange.objects.get(), by=walk.who("prepare"), at=walk.now())


def to_try(walk: Walk) -> None:
    propose(walk)
    ask_to_try(walk)


def try_out(walk: Walk) -> None:
    trying.try_out(DryRun.objects.get().pk, by=duty("try"), at=walk.now())


def tried(walk: Walk) -> None:
    to_try(walk)
    try_out(walk)
    trying.look(run=DryRun.objects.get(), by=walk.who("approve"), at=walk.now())


def give_up_trying(walk: Walk) -> None:
    trying.give_up(run=DryRun.objects.get(), why="ValueError", by=duty("try"), at=walk.now())


def activate(walk: Walk) -> None:
    rule_changes.activate(change=RuleChange.objects.get(), by=walk.who("approve"), at=walk.now())


def lets_go(act: Callable[..., object]) -> Callable[[Walk], object]:
    """Refusing or withdrawing a change of the rules."""
    return lambda walk: act(
        change=RuleChange.objects.get(), reason="Not in this round.", by=walk.who("approve"), at=walk.now()
    )


def ask_for_a_replay(walk: Walk) -> None:
    replays.request(cohort=walk.cohort, by=walk.who("prepare"), at=walk.now())


def run_again(walk: Walk) -> None:
    replays.run(Replay.objects.get().pk, by=duty("replay"), at=walk.now())


def give_a_replay_up(walk: Walk) -> None:
    replays.give_up(asked=Replay.objects.get(), why="ValueError", by=duty("replay"), at=walk.now())


def ask_to_verify(walk: Walk) -> None:
    verification.request(by=walk.who("govern"), at=walk.now())


def end_verifying(walk: Walk) -> None:
    row, report = Verification.objects.get(), Report(7, 1, 0, 0, [])
    verification.end(verification=row, report=report, vkey="", by=duty("verify"), at=walk.now())


def give_up_verifying(walk: Walk) -> None:
    row = Verification.objects.get()
    verification.give_up(verification=row, why="ValueError", by=duty("verify"), at=walk.now())


def add_family(walk: Walk) -> None:
    families.add_family(team="North", by=walk.who("worker"), at=walk.now())


def add_person(walk: Walk) -> None:
    given = {"given_name": "Araminta", "date_of_birth": RUN.date()}
    belonging = families.Belonging(
        "child", lives_in_household=True, parental_responsibility=False, joined_on=RUN.date()
    )
    family = Family.objects.get(reference="F1")
    families.add_person(family=family, given=given, belonging=belonging, by=walk.who("worker"), at=walk.now())


def join_family(walk: Walk) -> None:
    belonging = families.Belonging(
        "child", lives_in_household=True, parental_responsibility=False, joined_on=RUN.date()
    )
    asked: dict[str, Any] = {"family": Family.objects.get(reference="F5"), "person": walk.person("P4")}
    families.join_family(**asked, belonging=belonging, by=walk.who("worker"), at=walk.now())


def change_person(walk: Walk) -> None:
    asked: dict[str, Any] = {"person": walk.person("P1"), "wanted": {"sex": "9"}, "seen": {"sex": "2"}}
    families.change_person(**asked, by=walk.who("worker"), at=walk.now())


def protect(walk: Walk) -> None:
    day = RUN.date()
    people.protect(person=walk.person("P1"), kind="refuge", from_on=day, by=walk.who("worker"), at=walk.now())


def withdraw(walk: Walk) -> None:
    at = walk.now()
    consent.withdraw(consent=Consent.objects.get(), withdrawn_at=at, by=walk.who("worker"), at=at)


def end_mark(walk: Walk) -> None:
    day, by = RUN.date(), walk.who("manage")
    people.end_protection(mark=Protection.objects.get(), last_day=day, reason="Moved.", by=by, at=walk.now())


def a_mark(walk: Walk) -> None:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    protect(walk)


def move(walk: Walk) -> None:
    asked: dict[str, Any] = {"lines": ["1 Row", "Town"], "postcode": "PE1 1HG", "from_on": RUN.date()}
    homes.move(person=walk.person("P1"), **asked, by=walk.who("worker"), at=walk.now())


def change_address(walk: Walk) -> None:
    asked: dict[str, Any] = {"wanted": {"line_2": "Town"}, "seen": {"line_2": "Osierham"}}
    homes.change_address(address=walk.person("P1").addresses.get(), **asked, by=walk.who("worker"), at=walk.now())


def change_membership(walk: Walk) -> None:
    row = walk.person("P1").memberships.get()
    asked: dict[str, Any] = {"wanted": {"relationship": "partner"}, "seen": {"relationship": "lead"}}
    homes.change_membership(membership=row, **asked, by=walk.who("worker"), at=walk.now())


def leave(walk: Walk) -> None:
    row = walk.person("P1").memberships.get()
    homes.leave(membership=row, last_day=RUN.date(), by=walk.who("worker"), at=walk.now())


def issue_notice(walk: Walk) -> None:
    asked: dict[str, Any] = {"issued_on": RUN.date(), "channel": "in_person"}
    version = NoticeVersion.objects.get(version="PN1")
    notices.issue(version=version, person=walk.person("P1"), **asked, by=walk.who("worker"), at=walk.now())


def give_consent(walk: Walk) -> None:
    asked: dict[str, Any] = {"given_on": RUN.date(), "given_by": "self"}
    version = NoticeVersion.objects.get(version="PN2")
    consent.give(person=walk.person("P3"), version=version, **asked, by=walk.who("worker"), at=walk.now())


def lift(walk: Walk) -> None:
    row, at = Objection.objects.get(reference="OP6"), walk.now()
    asked: dict[str, Any] = {"asked_by": "self", "channel": "phone"}
    objections.lift(objection=row, lifted_at=at, **asked, by=walk.who("worker"), at=at)


def decides(act: Callable[..., object], reference: str = "OP6", **asked: Any) -> Callable[[Walk], object]:
    """An act of information governance on an objection."""

    def done(walk: Walk) -> None:
        act(objection=Objection.objects.get(reference=reference), **asked, by=walk.who("govern"), at=walk.now())

    return done


def narrow(walk: Walk) -> None:
    decides(answers.narrow, "NEW", persons=[walk.person("P1")], reason="The others agreed.")(walk)


def for_a_family(walk: Walk) -> None:
    object_to(walk, family=Family.objects.get(reference="F1"))


def match(walk: Walk) -> None:
    decides(answers.match, "NEW", person=walk.person("P1"))(walk)


def recheck(walk: Walk) -> None:
    decides(answers.recheck, "NEW", person=walk.person("P7"), age=16, outcome="stands")(walk)


def before_a_birthday(walk: Walk) -> None:
    """An objection that a parent made long ago for somebody who is sixteen since."""
    walk.change("people", "person_ref", "P7", date_of_birth="2010-06-07")
    received = datetime(2026, 6, 1, tzinfo=UTC)
    asked: dict[str, Any] = {"person": walk.person("P7"), "made_by": "parent", "received_at": received}
    objections.receive(reference="NEW", **asked, by=walk.who("worker"), at=walk.now())


def record_evidence(walk: Walk) -> None:
    seen = [Observed("TF2.1", None, RUN.date(), "school")]
    row = Family.objects.get(reference="F1")
    evidence.record_evidence(family=row, observed=seen, by=walk.who("worker"), at=walk.now())


def mark_in_error(walk: Walk) -> None:
    row = Evidence.objects.get(reference="EF11")
    evidence.mark_in_error(evidence=row, reason="Wrong.", by=walk.who("worker"), at=walk.now())


def begin_work(walk: Walk) -> None:
    asked: dict[str, Any] = {"started_on": RUN.date(), "intervention": "parenting"}
    engagements.begin(family=Family.objects.get(reference="F1"), **asked, by=walk.who("worker"), at=walk.now())


def end_work(walk: Walk) -> None:
    row = Engagement.objects.get(family__reference="F1")
    engagements.end(engagement=row, last_day=RUN.date(), by=walk.who("worker"), at=walk.now())


def on_the_flag(act: Callable[..., object], **asked: Any) -> Callable[[Walk], object]:
    """An act on the flag of F1, as it is."""

    def done(walk: Walk) -> None:
        row = Family.objects.get(reference="F1")
        seen = values(row, ["flagged_on", "lifted_on"])
        act(family=row, on=RUN.date(), seen=seen, **asked, by=walk.who("worker"), at=walk.now())

    return done


lift_flag = on_the_flag(flags.lift, reason="They moved.")


def flag(walk: Walk) -> None:
    on_the_flag(flags.flag)(walk)


def flagged_again(walk: Walk) -> None:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    lift_flag(walk)
    flag(walk)


def review_flag(walk: Walk) -> None:
    asked: dict[str, Any] = {"waiting": FlagReview.objects.get(), "outcome": "sent_back", "reason": "Ask again."}
    flags.review(**asked, by=walk.who("manage"), at=walk.now())


def bring_together(walk: Walk) -> None:
    asked.together(walk, "P1", "P6")


def merge(walk: Walk) -> None:
    asked.merge(walk, Pair.objects.get(), keep=walk.person("P1"))


def objecting_and_merged(walk: Walk) -> None:
    bring_together(walk)
    merge(walk)


def undo_merge(walk: Walk) -> None:
    asked.undo(walk, Merge.objects.get())


REFUSAL: dict[str, Any] = {"reason": "We must.", "legal_reference": "Article 21(1) UK GDPR", "told_on": RUN.date()}


def void(walk: Walk) -> None:
    doors.void(submission=walk.submission, why="Tried.", codes=["TRIED"], by=duty("guard"), at=walk.now())


def put_off_sealing(walk: Walk) -> None:
    sealing.put_off(submission=walk.submission, by=duty("seal"), at=walk.now())


def put_off_delivery(walk: Walk) -> None:
    delivery.put_off(submission=walk.submission, by=duty("deliver"), at=walk.now())


def attempt(walk: Walk) -> None:
    where = chosen.channel().where
    delivery._attempt(submission=walk.submission, where=where, by=duty("deliver"), at=walk.now())


def arrive(walk: Walk) -> None:
    (open_attempt,) = DeliveryAttempt.objects.all()
    outcome: dict[str, Any] = {"attempt": open_attempt, "checked": "sha256"}
    delivery._arrived(submission=walk.submission, **outcome, by=duty("deliver"), at=walk.now())


def is_interrupted(walk: Walk) -> None:
    (open_attempt,) = DeliveryAttempt.objects.all()
    outcome: dict[str, Any] = {
        "attempt": open_attempt,
        "trouble": Lost("CONNECTION_LOST"),
        "settles": False,
        "files": 1,
    }
    delivery._interrupted(submission=walk.submission, **outcome, by=duty("deliver"), at=walk.now())


def add_staff(walk: Walk) -> None:
    accounts.add(username="new", role="data_approver", password=PASSWORD, by=duty("test"), at=walk.now())


NEXT = {"reason": "Asked for."}


def new_one(walk: Walk) -> User:
    return User.objects.get(username="new")


def with_factor(walk: Walk) -> None:
    add_staff(walk)
    signing_in.enrol("new")


def signed_in_somewhere(walk: Walk) -> None:
    add_staff(walk)
    signing_in.sign_in(Client(), "new", PASSWORD)


def to_new(act: Callable[..., object], by: str = "govern", **asked: Any) -> Callable[[Walk], object]:
    """An act on the account of a new colleague."""
    return lambda walk: act(user=new_one(walk), **asked, by=walk.who(by), at=walk.now())


def closed(walk: Walk) -> None:
    add_staff(walk)
    to_new(accounts.close, **NEXT)(walk)


def end_sign_in(walk: Walk) -> None:
    keys = [each.key for each in sessions.of(new_one(walk))]
    sessions.end(user=new_one(walk), keys=keys, by=walk.who("govern"), at=walk.now())


def enter_team(walk: Walk) -> None:
    teams.enter(name="New team", from_on=RUN.date(), by=walk.who("govern"), at=walk.now())


def end_team(walk: Walk) -> None:
    teams.end(team=Team.objects.get(), last_day=RUN.date(), **NEXT, by=walk.who("govern"), at=walk.now())


def does(act: str) -> Callable[[Walk], None]:
    return lambda walk: walk.do(act)


def before(act: str) -> str:
    return ORDER[ORDER.index(act) - 1]


def take_in_a_receipt(walk: Walk) -> None:
    receipt.take_in(data=receipt_of(walk, ("P1", "SEX")), by=walk.who("prepare"), at=walk.now())


def search_for_duplicates(walk: Walk) -> None:
    proposing.propose(by=duty("propose"), at=walk.now())


ACTS = {
    "connecting_families.staff.accounts.add": Act("assemble", add_staff, Event.STAFF_ADDED),
    "connecting_families.staff.accounts.change": Act(
        "assemble", to_new(accounts.change, role="data_preparer", team=""), Event.STAFF_CHANGED, add_staff
    ),
    "connecting_families.staff.accounts.close": Act(
        "assemble", to_new(accounts.close, **NEXT), Event.STAFF_CLOSED, signed_in_somewhere
    ),
    "connecting_families.staff.accounts.reopen": Act(
        "assemble", to_new(accounts.reopen, **NEXT), Event.STAFF_REOPENED, closed
    ),
    "connecting_families.staff.accounts.give_password": Act(
        "assemble", to_new(accounts.give_password, password=PASSWORD[::-1]), Event.PASSWORD_REPLACED, add_staff
    ),
    "connecting_families.staff.accounts.change_password": Act(
        "assemble", to_new(accounts.change_password, password=PASSWORD[::-1]), Event.PASSWORD_CHANGED, add_staff
    ),
    "connecting_families.staff.factors.set_up": Act(
        "assemble", to_new(factors.set_up, secret=signing_in.secret_of("new")), Event.SECOND_FACTOR_SET, add_staff
    ),
    "connecting_families.staff.factors.draw_codes": Act(
        "assemble", to_new(factors.draw_codes), Event.RECOVERY_CODES_DRAWN, with_factor
    ),
    "connecting_families.staff.factors.reset": Act(
        "assemble", to_new(factors.reset, **NEXT), Event.SECOND_FACTOR_RESET, signed_in_somewhere
    ),
    "connecting_families.staff.sessions.end": Act("assemble", end_sign_in, Event.SIGN_IN_ENDED, signed_in_somewhere),
    "connecting_families.staff.teams.enter": Act("assemble", enter_team, Event.TEAM_ENTERED),
    "connecting_families.staff.teams.end": Act("assemble", end_team, Event.TEAM_ENDED, enter_team),
    "cohorts.loading._load": Act("assemble", load, Event.FILE_LOADED),
    "cohorts.uploads.receive": Act("assemble", upload, Event.UPLOAD_RECEIVED),
    "cohorts.uploads._checked": Act("assemble", check_upload, Event.UPLOAD_CHECKED, upload),
    "cohorts.uploads.confirm": Act("assemble", confirm_upload, Event.UPLOAD_CONFIRMED, checked_upload),
    "cohorts.uploads._load": Act("assemble", load_upload, Event.UPLOAD_LOADED, confirmed_upload),
    "cohorts.uploads._not_loaded": Act("assemble", not_loaded, Event.UPLOAD_REFUSED, confirmed_upload),
    "cohorts.uploads.put_back": Act("assemble", put_back_upload, Event.UPLOAD_PUT_BACK, confirmed_upload),
    "cohorts.uploads.cancel": Act("assemble", cancel_upload, Event.UPLOAD_DESTROYED, checked_upload),
    "cohorts.uploads.expire": Act("assemble", expire_upload, Event.UPLOAD_DESTROYED, checked_upload),
    "cohorts.uploads.fail": Act("assemble", fail_upload, Event.UPLOAD_FAILED, upload),
    "cohorts.datasets.enter": Act("assemble", enter_dataset, Event.DATASET_ENTERED),
    "cohorts.datasets.change": Act("assemble", change_dataset, Event.DATASET_CHANGED),
    "cohorts.datasets.enable": Act("assemble", enable_dataset, Event.DATASET_ENABLED, disable_dataset),
    "cohorts.datasets.disable": Act("assemble", disable_dataset, Event.DATASET_DISABLED),
    "cohorts.datasets.take_out": Act("assemble", take_dataset_out, Event.DATASET_TAKEN_OUT),
    "cohorts.notice_versions.enter": Act("assemble", enter_version, Event.NOTICE_VERSION_ENTERED),
    "cohorts.notice_versions.change": Act("assemble", change_version, Event.NOTICE_VERSION_CHANGED, enter_version),
    "cohorts.agreements.enter": Act("assemble", enter_agreement, Event.AGREEMENT_ENTERED),
    "cohorts.agreements.end": Act("assemble", end_agreement, Event.AGREEMENT_ENDED),
    "cohorts.rounds.open_round": Act("assemble", lambda walk: walk.open_round("NEW"), Event.ROUND_OPENED),
    "cohorts.assembly.request": Act("assemble", request_a_run, Event.ASSEMBLY_REQUESTED),
    "cohorts.assembly._freeze": Act("assemble", assemble, Event.COHORT_ASSEMBLED, request_a_run),
    "cohorts.assembly.give_up": Act("assemble", give_up, Event.ASSEMBLY_REFUSED, request_a_run),
    "cohorts.rule_changes.propose": Act("assemble", propose, Event.RULE_CHANGE_PROPOSED),
    "cohorts.rule_changes.propose_framework": Act(
        "assemble", propose_framework, Event.RULE_CHANGE_PROPOSED, an_unused_framework
    ),
    "cohorts.rule_changes.activate": Act("assemble", activate, Event.RULE_CHANGE_ACTIVATED, tried),
    "cohorts.rule_changes.refuse": Act(
        "assemble", lets_go(rule_changes.refuse), Event.RULE_CHANGE_TURNED_DOWN, propose
    ),
    "cohorts.rule_changes.withdraw": Act(
        "assemble", lets_go(rule_changes.withdraw), Event.RULE_CHANGE_WITHDRAWN, propose
    ),
    "cohorts.trying.request": Act("assemble", ask_to_try, Event.DRY_RUN_REQUESTED, propose),
    "cohorts.trying._keep": Act("assemble", try_out, Event.DRY_RUN_MADE, to_try),
    "cohorts.trying.give_up": Act("assemble", give_up_trying, Event.DRY_RUN_FAILED, to_try),
    "cohorts.replay.request": Act("assemble", ask_for_a_replay, Event.REPLAY_REQUESTED),
    "cohorts.replay._run": Act("assemble", run_again, Event.COHORT_REPLAYED, ask_for_a_replay),
    "cohorts.replay.give_up": Act("assemble", give_a_replay_up, Event.REPLAY_REFUSED, ask_for_a_replay),
    "cohorts.families.add_family": Act("assemble", add_family, Event.FAMILY_ADDED),
    "cohorts.families.add_person": Act("assemble", add_person, Event.PERSON_ADDED),
    "cohorts.families.join_family": Act("assemble", join_family, Event.PERSON_JOINED),
    "cohorts.families.change_person": Act("assemble", change_person, Event.PERSON_CHANGED),
    "cohorts.objections.receive": Act("assemble", object_to, Event.OBJECTION_RECEIVED),
    "cohorts.people.protect": Act("assemble", protect, Event.PROTECTION_MARKED),
    "cohorts.consent.withdraw": Act("assemble", withdraw, Event.CONSENT_WITHDRAWN),
    "cohorts.people.end_protection": Act("assemble", end_mark, Event.PROTECTION_ENDED, a_mark),
    "cohorts.homes.move": Act("assemble", move, Event.MOVE_RECORDED),
    "cohorts.homes.change_address": Act("assemble", change_address, Event.ADDRESS_CHANGED),
    "cohorts.homes.change_membership": Act("assemble", change_membership, Event.MEMBERSHIP_CHANGED),
    "cohorts.homes.leave": Act("assemble", leave, Event.FAMILY_LEFT),
    "cohorts.notices.issue": Act("assemble", issue_notice, Event.NOTICE_ISSUED),
    "cohorts.consent.give": Act("assemble", give_consent, Event.CONSENT_GIVEN),
    "cohorts.objections.lift": Act("assemble", lift, Event.OBJECTION_LIFTED),
    "cohorts.answers.uphold": Act("assemble", decides(answers.uphold), Event.OBJECTION_UPHELD),
    "cohorts.answers.refuse": Act("assemble", decides(answers.refuse, **REFUSAL), Event.OBJECTION_TURNED_DOWN),
    "cohorts.answers.narrow": Act("assemble", narrow, Event.OBJECTION_NARROWED, for_a_family),
    "cohorts.answers.match": Act("assemble", match, Event.OBJECTION_MATCHED, object_to),
    "cohorts.answers.recheck": Act("assemble", recheck, Event.OBJECTION_RECHECKED, before_a_birthday),
    "cohorts.evidence.record_evidence": Act("assemble", record_evidence, Event.PROBLEMS_RECORDED),
    "cohorts.evidence.mark_in_error": Act("assemble", mark_in_error, Event.EVIDENCE_IN_ERROR),
    "cohorts.engagements.begin": Act("assemble", begin_work, Event.WORK_BEGUN),
    "cohorts.engagements.end": Act("assemble", end_work, Event.WORK_ENDED),
    "cohorts.duplicates.bring_together": Act("assemble", bring_together, Event.RECORDS_BROUGHT_TOGETHER),
    "cohorts.duplicates.decide": Act("assemble", merge, Event.RECORDS_MERGED, bring_together),
    "cohorts.duplicates.undo": Act("assemble", undo_merge, Event.MERGE_UNDONE, objecting_and_merged),
    "cohorts.flags.flag": Act("assemble", flag, Event.FAMILY_FLAGGED, lift_flag),
    "cohorts.flags.lift": Act("assemble", lift_flag, Event.FLAG_LIFTED),
    "cohorts.flags.review": Act("assemble", review_flag, Event.FLAG_SENT_BACK, flagged_again),
    "connecting_families.governance.verification.request": Act("assemble", ask_to_verify, Event.VERIFICATION_REQUESTED),
    "connecting_families.governance.verification.end": Act(
        "assemble", end_verifying, Event.TRAIL_VERIFIED, ask_to_verify
    ),
    "connecting_families.governance.verification.give_up": Act(
        "assemble", give_up_verifying, Event.TRAIL_REFUSED, ask_to_verify
    ),
    "transfers.certificates.add": Act("assemble", add_certificate, Event.CERTIFICATE_ADDED, without_certificates),
    "transfers.certificates.accept": Act("assemble", accept, Event.CERTIFICATE_ACCEPTED, one_certificate),
    "transfers.certificates.revoke": Act("assemble", revoke, Event.CERTIFICATE_REVOKED),
    "transfers.submission.draft": Act(before("draft"), does("draft"), Event.SUBMISSION_DRAFTED),
    "transfers.submission.explain": Act(before("explain"), does("explain"), Event.FINDING_EXPLAINED),
    "transfers.submission.put_forward": Act(before("put forward"), does("put forward"), Event.SUBMISSION_PUT_FORWARD),
    "transfers.submission.take_up_again": Act(
        "put forward", does("take up again"), Event.SUBMISSION_DRAFTED, does("send back")
    ),
    "transfers.approval.open_sample": Act(before("open sample"), does("open sample"), Event.SAMPLE_VIEWED),
    "transfers.approval.approve": Act(before("approve"), does("approve"), Event.SUBMISSION_APPROVED),
    "transfers.approval.send_back": Act("put forward", does("send back"), Event.SUBMISSION_SENT_BACK),
    "transfers.doors.void": Act("approve", void, Event.SUBMISSION_VOIDED),
    "transfers.sealing.request": Act(before("ask to seal"), does("ask to seal"), Event.SEALING_REQUESTED),
    "transfers.sealing._seal": Act(before("seal"), does("seal"), Event.SUBMISSION_SEALED),
    "transfers.sealing.put_off": Act("ask to seal", put_off_sealing, Event.SEALING_PUT_OFF),
    "transfers.delivery.put_off": Act("ask to deliver", put_off_delivery, Event.DELIVERY_PUT_OFF),
    "transfers.delivery.request": Act(before("ask to deliver"), does("ask to deliver"), Event.DELIVERY_REQUESTED),
    "transfers.delivery._attempt": Act(before("deliver"), attempt, Event.DELIVERY_ATTEMPTED),
    "cohorts.proposing._propose": Act("assemble", search_for_duplicates, Event.DUPLICATES_SEARCHED, asked.twice),
    "transfers.receipt.take_in": Act("deliver", take_in_a_receipt, Event.RECEIPT_TAKEN_IN),
    "transfers.delivery._interrupted": Act(before("deliver"), is_interrupted, Event.DELIVERY_INTERRUPTED, attempt),
    "transfers.delivery._arrived": Act(before("deliver"), arrive, Event.SUBMISSION_DELIVERED, attempt),
}
# Acts of which nothing is kept but the entry itself, or (signing in and out) the session of a browser.
NOTHING_BESIDE = {
    "cohorts.looks.open_both",
    "cohorts.proposing.request",
    "cohorts.replay.replay",
    "cohorts.trying.look",
    "cohorts.loading._refuse",
    "cohorts.search.search",
    "cohorts.search.look_for_duplicates",
    "connecting_families.staff.guards.refuse_page",
    "connecting_families.staff.guards.person_at_the_prompt",
    "connecting_families.staff.sign_in.login",
    "connecting_families.staff.sign_in.logout",
    "connecting_families.staff.sign_in._refused",
    "connecting_families.staff.sign_in.reauthenticate",
    "connecting_families.staff.second_factor.clean_code",
    "connecting_families.staff.council_sign_on._refused",
    "connecting_families.staff.sessions.run_out",
    "connecting_families.staff.pages.own.recovery_codes_file",
    "connecting_families.management.commands.export_trail.handle",
    "connecting_families.management.commands.verify_trail.handle",
    "transfers.management.commands.demo_keys.handle",
}


def is_act(node: ast.expr) -> bool:
    """`trail.stage`, or a call of `trail.act`."""
    called = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(called) == ("trail.act" if isinstance(node, ast.Call) else "trail.stage")


def acts_of(path: Path) -> list[str]:
    """The functions of a file which are an act."""
    module = ".".join(path.relative_to(HOME).with_suffix("").parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            opened = [item.context_expr for each in ast.walk(node) if isinstance(each, ast.With) for item in each.items]
            if any(map(is_act, [*node.decorator_list, *opened])):
                found.append(f"{module}.{node.name}")
    return found


def test_every_act_of_the_program_is_tried_here() -> None:
    """A new one is given a case above, or is named as one of which nothing is kept."""
    found = [
        act
        for package in ("connecting_families", "cohorts", "transfers")
        for path in (HOME / package).rglob("*.py")
        for act in acts_of(path)
        if "views" not in path.name and "views" not in path.parts
    ]
    assert set(found) == ACTS.keys() | NOTHING_BESIDE


def state() -> dict[str, Any]:
    """A digest of every table but the trail, and the files that lie in the folders."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'audit_entry'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    for folder in (settings.CF_OUTBOX, settings.CF_DELIVERY_FOLDER):
        found[folder.name] = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return found


def breaking(monkeypatch: pytest.MonkeyPatch, event: Event) -> None:
    """From here on, no entry of this event can be written."""
    save = Entry.save

    def save_others(entry: Entry, *args: Any, **options: Any) -> None:
        if entry.event == event.name:
            raise Broken
        save(entry, *args, **options)

    monkeypatch.setattr(Entry, "save", save_others)


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_cannot_be_recorded_does_not_happen(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    act = ACTS[name]
    walk = walk_to(act.after)
    act.first(walk)
    was = state()
    with monkeypatch.context() as broken:
        breaking(broken, act.event)
        with pytest.raises(Broken):
            act.act(walk)
    assert state() == was
    recorded = Entry.objects.filter(event=act.event.name).count()
    act.act(walk)
    assert state() != was
    assert Entry.objects.filter(event=act.event.name).count() > recorded


def test_changes_by_a_file_that_cannot_be_recorded_do_not_happen(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    was = state()

    def fails(*_: Any, **__: Any) -> int:
        raise Broken

    monkeypatch.setattr(loading, "record_changes_of_file", fails)
    with pytest.raises(Broken):
        load(walk)
    assert state() == was


@pytest.mark.parametrize("reference", ["", "  ", "prepare", "machine:seal", "System:seal"])
def test_nobody_acts_without_being_a_person_or_a_named_duty(reference: str) -> None:
    with pytest.raises(Unrecorded):
        Who(reference)


def test_a_duty_is_no_person() -> None:
    assert Who("prepare", "data_preparer", 7).person == 7
    with pytest.raises(Unrecorded):
        _ = duty("seal").person


@pytest.mark.parametrize(
    "asked",
    [{"by": "prepare", "at": RUN}, {"by": None, "at": RUN}, {"by": duty("test"), "at": datetime(2026, 1, 1)},  # noqa: DTZ001 - this is what is refused
     {"by": duty("test"), "at": None}],
)  # fmt: skip
def test_a_stage_is_asked_by_somebody_at_an_instant(asked: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        accounts.add(username="new", role="data_approver", password=PASSWORD, **asked)


@pytest.mark.django_db
def test_a_change_outside_an_act_is_refused() -> None:
    with pytest.raises(Unrecorded, match="outside a stage"):
        Family.objects.create(reference="F1")
    with pytest.raises(Unrecorded, match="outside an act"):
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)


def test_a_change_that_nothing_tells_of_is_rolled_back(walk_to: WalkTo) -> None:
    walk_to("assemble")
    was = state()

    def change() -> None:
        with trail.act():
            Family.objects.create(reference="F9")

    with pytest.raises(Unrecorded):
        change()
    assert state() == was

    def change_inside() -> None:
        with trail.act():
            change()
            trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)

    with pytest.raises(Unrecorded):
        change_inside()

    def change_after_the_entry() -> None:
        with trail.act():
            trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)
            Family.objects.create(reference="F9")

    with pytest.raises(Unrecorded):
        change_after_the_entry()
    assert state() == was
    assert not Entry.objects.filter(reference="F9").exists()


def test_an_inner_act_does_not_take_the_changes_of_the_outer_one(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with trail.act():
        Family.objects.create(reference="OUTER")
        with trail.act():
            inner = trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)
        outer = trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)
    assert inner.changes is None
    assert [change["reference"] for change in outer.changes] == ["OUTER"]


def test_an_entry_says_who_what_when_where_and_what_changed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at, by = walk.now(), walk.who("worker").at_address("192.0.2.7")
    with trail.correlated() as correlation:
        objections.receive(reference="O9", person=walk.person("P1"), received_at=at, by=by, at=at)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.sentence) == ("OBJECTION_RECEIVED", "An objection was received")
    assert (entry.record, entry.reference) == ("cohorts.objection", "O9")
    assert (entry.who, entry.role, entry.actor) == (
        "worker", "early_help_worker", User.objects.get(username="worker")
    )  # fmt: skip
    assert (entry.timestamp, entry.remote_addr, entry.cid) == (at, "192.0.2.7", correlation)
    assert entry.recorded_at.tzinfo is not None
    (change,) = entry.changes
    assert (change["record"], change["reference"], change["act"]) == ("cohorts.objection", "O9", "created")


def test_a_refusal_is_recorded_after_everything_else_is_rolled_back(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    was, at = state(), walk.now()
    reason = Why("TRIED", "This was tried.")

    def refused() -> None:
        with trail.act(walk.who("prepare"), at):
            Family.objects.create(reference="F9")
            trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=at, reference="F9")
            raise Refused([reason], record="file", reference="families.csv")

    with pytest.raises(Refused):
        refused()
    assert state() == was
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.timestamp) == ("ACCESS_REFUSED", "prepare", at)
    assert (entry.record, entry.reference) == ("file", "families.csv")
    assert (entry.additional_data, entry.changes) == ({"reasons": ["TRIED"]}, None)
    assert not Entry.objects.filter(reference="F9").exists()


def test_a_refusal_inside_an_act_is_recorded_once(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    count = Entry.objects.count()

    def refused() -> None:
        with trail.act(walk.who("prepare"), RUN), trail.act(walk.who("prepare"), RUN):
            raise Refused([Why("TRIED", "This was tried.")])

    with pytest.raises(Refused):
        refused()
    assert Entry.objects.count() == count + 1


def test_whoever_hands_work_over_does_it_through_our_celery() -> None:
    """In a process of its own, which like the site's imports nothing of the workers."""
    say = "import connecting_families.wsgi; from cohorts import tasks; print(tasks.assemble.app.main)"
    done = subprocess.run([sys.executable, "-c", say], cwd=HOME, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "connecting_families\n"


def test_a_worker_goes_on_with_the_correlation_of_who_asked(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, handed = walk_to("assemble"), []
    monkeypatch.setattr(Task, "apply_async", lambda *_, headers, **__: handed.append(headers))
    with trail.correlated() as correlation:
        request_a_run(walk)
        tasks.assemble.delay(walk.cohort.pk)
        tasks.assemble_what_is_due()
    assert handed == [{"correlation": correlation}] * 2
    assert trail.correlation() != correlation
    monkeypatch.undo()
    tasks.assemble.apply((walk.cohort.pk,), headers=handed[0])
    entry = Entry.objects.get(event="COHORT_ASSEMBLED", reference=str(walk.cohort))
    assert (entry.cid, entry.who) == (correlation, "system:assemble")


@pytest.mark.parametrize("forged", ["", "0" * 31, "G" * 32, "0" * 32 + "\n", "' OR 1=1"])
def test_a_correlation_that_was_not_drawn_here_is_not_taken(forged: str) -> None:
    with trail.correlated(forged) as correlation:
        assert correlation != forged
        assert trail.CORRELATION.fullmatch(correlation)


def test_two_threads_do_not_share_a_correlation_or_an_act(walk_to: WalkTo) -> None:
    walk_to("assemble")
    outcome: list[object] = []

    def change_elsewhere() -> None:
        outcome.append(trail.correlation())
        try:
            Family.objects.create(reference="F9")
        except Unrecorded as error:
            outcome.append(error)
        finally:
            connection.close()

    with trail.correlated() as correlation, trail.act():
        thread = threading.Thread(target=change_elsewhere)
        thread.start()
        thread.join(10)
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)
    drawn, refused = outcome
    assert drawn != correlation
    assert isinstance(refused, Unrecorded)


def planted() -> set[str]:
    """Everything by which somebody of the walk could be known."""
    values = {LINE, "Osierham", "PE1 1AB", "pe11aa", "NOWHERE", "Zenobia", "1991-01-31"}
    for _, given, family, born, _, more in PEOPLE:
        values |= {given, family, born, *more.values()}
        values |= set(family.replace(",", "").split()) - {"jnr"}
    return values


def kept_in_the_trail() -> str:
    """All columns of all entries, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, E'\\n') FROM audit_entry e")
        kept: str = cursor.fetchone()[0]
    return kept


def test_no_family_can_be_found_in_the_trail_of_a_whole_walk(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    replay(walk.cohort, by=walk.who("prepare"), at=walk.now())
    ask_for_a_replay(walk)
    run_again(walk)
    walk.change("people", "person_ref", "P1", given_name="Zenobia", date_of_birth="1991-01-31", nino="", upn="NOWHERE")
    walk.change("addresses", "person_ref", "P2", line_1="Osierham")
    walk.change("people", "person_ref", "P2", merged_into="P1", family_name="Zenobia")
    for act in (protect, withdraw, object_to):
        act(walk)
    folder = walk.folder / "refused"
    write({"people": [{"person_ref": "P9", "given_name": "Zenobia", "date_of_birth": "Osierham"}]}, folder)
    assert loading.load_directory(folder, by=walk.who("prepare"), at=walk.now()).errors
    with pytest.raises(Refused):
        object_to(walk, "NEW", person=walk.person("P1"))
    kept = kept_in_the_trail()
    assert len(Entry.objects.values("event").distinct()) > 20
    assert "changed" in kept
    assert [value for value in sorted(planted()) if value.casefold() in kept.casefold()] == []


def test_the_search_above_finds_a_name_that_a_stage_would_leave(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with trail.act():
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=datetime(2026, 11, 2, tzinfo=UTC), reason="Zenobia")
    assert [value for value in planted() if value in kept_in_the_trail()] == ["Zenobia"]
