"""What information governance asks for."""

from datetime import timedelta

from cohorts.models import Family
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import duty
from connecting_families.audit.verify import Report
from connecting_families.governance import checking, sifting, signing_off, verification
from connecting_families.governance.models import LookToCheck, Verification
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.audit.acts.act import Act
from tests.stages.walk import Walk


def ask_to_verify(walk: Walk) -> None:
    verification.request(by=walk.who("govern"), at=walk.now())


def end_verifying(walk: Walk) -> None:
    row, report = Verification.objects.get(), Report(7, 1, 0, 0, [])
    verification.end(verification=row, report=report, vkey="", by=duty("verify"), at=walk.now())


def give_up_verifying(walk: Walk) -> None:
    row = Verification.objects.get()
    verification.give_up(verification=row, why="ValueError", by=duty("verify"), at=walk.now())


def look_at_a_namesake(walk: Walk) -> None:
    """A worker opens a family in which somebody has the worker's own family name."""
    worker = User.objects.get(username="worker")
    named = {"role": worker.role, "team": worker.team, "family_name": "Quillfeather"}
    accounts.change(user=worker, **named, by=duty("test"), at=walk.now())
    with trail.act():
        family = Family.objects.get(reference="F1")
        trail.record(Event.WISHES_VIEWED, who=walk.who("worker"), at=walk.now(), about=family)


def ask_to_sift(walk: Walk) -> None:
    sifting.request(by=walk.who("govern"), at=walk.now())


def sift(walk: Walk) -> None:
    sifting.sift(by=duty("sift"), at=walk.now())


def look_to_check(walk: Walk) -> None:
    look_at_a_namesake(walk)
    sift(walk)


def look_into(walk: Walk) -> None:
    row = LookToCheck.objects.get()
    sifting.look_into(look=row, outcome="FINE", note="No relation.", by=walk.who("govern"), at=walk.now())


def keep_outcomes(walk: Walk) -> None:
    broken = [Why("OBJECTION_NOT_KEPT", "It was sent.")]
    checking.keep(found={1: [], 13: broken}, by=duty("promises"), at=walk.now() - timedelta(days=62))


def sign_off(walk: Walk) -> None:
    (month,) = signing_off.missing(walk.now())[:1]
    seen = signing_off.digest(signing_off.stood(month, walk.now()))
    signing_off.sign(month=month, note="Nothing was late.", seen=seen, by=walk.who("govern"), at=walk.now())


ACTS = {
    "connecting_families.governance.sifting.sift": Act("assemble", sift, Event.LOOKS_SIFTED, look_at_a_namesake),
    "connecting_families.governance.sifting.look_into": Act("assemble", look_into, Event.LOOK_CHECKED, look_to_check),
    "connecting_families.governance.checking.keep": Act("assemble", keep_outcomes, Event.PROMISES_CHECKED),
    "connecting_families.governance.signing_off.sign": Act(
        "assemble", sign_off, Event.PROMISES_SIGNED_OFF, keep_outcomes
    ),
    "connecting_families.governance.verification.request": Act("assemble", ask_to_verify, Event.VERIFICATION_REQUESTED),
    "connecting_families.governance.verification.end": Act(
        "assemble", end_verifying, Event.TRAIL_VERIFIED, ask_to_verify
    ),
    "connecting_families.governance.verification.give_up": Act(
        "assemble", give_up_verifying, Event.TRAIL_REFUSED, ask_to_verify
    ),
}
