"""Staff, teams and signing in."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts, factors, sessions, subjects, teams
from connecting_families.staff.models import Team, User
from tests import signing_in
from tests.audit.acts.act import Act
from tests.stages.walk import PASSWORD, RUN, Walk


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


def known_by_sign_on(walk: Walk) -> None:
    signed_in_somewhere(walk)
    to_new(subjects.keep, subject="7")(walk)


def end_sign_in(walk: Walk) -> None:
    keys = [each.key for each in sessions.of(new_one(walk))]
    sessions.end(user=new_one(walk), keys=keys, by=walk.who("govern"), at=walk.now())


def enter_team(walk: Walk) -> None:
    teams.enter(name="New team", from_on=RUN.date(), by=walk.who("govern"), at=walk.now())


def end_team(walk: Walk) -> None:
    teams.end(team=Team.objects.get(), last_day=RUN.date(), **NEXT, by=walk.who("govern"), at=walk.now())


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
    "connecting_families.staff.subjects.keep": Act(
        "assemble", to_new(subjects.keep, subject="7"), Event.SIGN_ON_KEPT, add_staff
    ),
    "connecting_families.staff.subjects.forget": Act(
        "assemble", to_new(subjects.forget, **NEXT), Event.SIGN_ON_FORGOTTEN, known_by_sign_on
    ),
    "connecting_families.staff.sessions.end": Act("assemble", end_sign_in, Event.SIGN_IN_ENDED, signed_in_somewhere),
    "connecting_families.staff.teams.enter": Act("assemble", enter_team, Event.TEAM_ENTERED),
    "connecting_families.staff.teams.end": Act("assemble", end_team, Event.TEAM_ENDED, enter_team),
}
