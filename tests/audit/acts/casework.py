"""Families, people, homes, evidence, work and flags."""

from collections.abc import Callable
from typing import Any

from cohorts import (
    engagements,
    evidence,
    families,
    flags,
    homes,
    looking_again,
)
from cohorts.evidence import Observed
from cohorts.models import (
    Engagement,
    Evidence,
    Family,
    FlagReview,
    Look,
)
from cohorts.seen import values
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.audit.acts.act import Act
from tests.stages.walk import PASSWORD, RUN, Walk


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


def ask_for_look(walk: Walk) -> None:
    looking_again.ask(reference="P1", details=["nino"], by=walk.who("prepare"), at=walk.now())


def ask_for_looks(walk: Walk) -> None:
    wanted = {walk.person(ref).pk: ["nino", "sex"] for ref in ("P1", "P2")}
    looking_again.ask_of_many(details_of=wanted, by=walk.who("prepare"), at=walk.now())


def take_look(walk: Walk) -> None:
    looking_again.is_right(look=Look.objects.get(), by=walk.who("worker"), at=walk.now())


ACTS = {
    "cohorts.looking_again.ask": Act("assemble", ask_for_look, Event.LOOK_ASKED_FOR),
    "cohorts.looking_again.ask_of_many": Act("assemble", ask_for_looks, Event.LOOKS_ASKED_FOR),
    "cohorts.looking_again.is_right": Act("assemble", take_look, Event.LOOK_TAKEN, ask_for_look),
    "cohorts.families.add_family": Act("assemble", add_family, Event.FAMILY_ADDED),
    "cohorts.families.add_person": Act("assemble", add_person, Event.PERSON_ADDED),
    "cohorts.families.join_family": Act("assemble", join_family, Event.PERSON_JOINED),
    "cohorts.families.change_person": Act("assemble", change_person, Event.PERSON_CHANGED),
    "cohorts.homes.move": Act("assemble", move, Event.MOVE_RECORDED),
    "cohorts.homes.change_address": Act("assemble", change_address, Event.ADDRESS_CHANGED),
    "cohorts.homes.change_membership": Act("assemble", change_membership, Event.MEMBERSHIP_CHANGED),
    "cohorts.homes.leave": Act("assemble", leave, Event.FAMILY_LEFT),
    "cohorts.evidence.record_evidence": Act("assemble", record_evidence, Event.PROBLEMS_RECORDED),
    "cohorts.evidence.mark_in_error": Act("assemble", mark_in_error, Event.EVIDENCE_IN_ERROR),
    "cohorts.engagements.begin": Act("assemble", begin_work, Event.WORK_BEGUN),
    "cohorts.engagements.end": Act("assemble", end_work, Event.WORK_ENDED),
    "cohorts.flags.flag": Act("assemble", flag, Event.FAMILY_FLAGGED, lift_flag),
    "cohorts.flags.lift": Act("assemble", lift_flag, Event.FLAG_LIFTED),
    "cohorts.flags.review": Act("assemble", review_flag, Event.FLAG_SENT_BACK, flagged_again),
}
