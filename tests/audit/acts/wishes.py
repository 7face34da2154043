"""What people say about being sent: notices, consent, objections, protection."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cohorts import (
    answers,
    consent,
    notices,
    objections,
    people,
)
from cohorts.models import (
    Consent,
    Family,
    NoticeVersion,
    Objection,
    Protection,
)
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.audit.acts.act import Act
from tests.audit.acts.sending import REFUSAL
from tests.stages.walk import PASSWORD, RUN, Walk


def object_to(walk: Walk, reference: str = "NEW", **about: Any) -> None:
    at = walk.now()
    objections.receive(reference=reference, received_at=at, by=walk.who("worker"), at=at, **about)


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


ACTS = {
    "cohorts.objections.receive": Act("assemble", object_to, Event.OBJECTION_RECEIVED),
    "cohorts.people.protect": Act("assemble", protect, Event.PROTECTION_MARKED),
    "cohorts.consent.withdraw": Act("assemble", withdraw, Event.CONSENT_WITHDRAWN),
    "cohorts.people.end_protection": Act("assemble", end_mark, Event.PROTECTION_ENDED, a_mark),
    "cohorts.notices.issue": Act("assemble", issue_notice, Event.NOTICE_ISSUED),
    "cohorts.consent.give": Act("assemble", give_consent, Event.CONSENT_GIVEN),
    "cohorts.objections.lift": Act("assemble", lift, Event.OBJECTION_LIFTED),
    "cohorts.answers.uphold": Act("assemble", decides(answers.uphold), Event.OBJECTION_UPHELD),
    "cohorts.answers.refuse": Act("assemble", decides(answers.refuse, **REFUSAL), Event.OBJECTION_TURNED_DOWN),
    "cohorts.answers.narrow": Act("assemble", narrow, Event.OBJECTION_NARROWED, for_a_family),
    "cohorts.answers.match": Act("assemble", match, Event.OBJECTION_MATCHED, object_to),
    "cohorts.answers.recheck": Act("assemble", recheck, Event.OBJECTION_RECHECKED, before_a_birthday),
}
