"""A council in which every screen has something to show: the walk's families, and submissions at every stage."""

import contextlib
from datetime import date

from cohorts import assembly, people
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES
from tests.stages.walk import LINE, ORDER, PASSWORD, PEOPLE, Walk
from transfers import sealing

#: The last act of a round's submission, by the code of the round.
STAGES = {
    "DRAFTED": "draft",
    "FORWARD": "put forward",
    "APPROVED": "approve",
    "SEALING": "ask to seal",
    "SEALED": "seal",
    "SENDING": "ask to deliver",
    "SENT": "deliver",
}


def build(walk: Walk) -> None:
    """From families on file and one assembled cohort to a council with everything."""
    for role in ROLES:
        if not User.objects.filter(role=role).exists():
            accounts.add(username=role, role=role, password=PASSWORD, by=duty("test"), at=walk.now())
    _void(walk)
    for code, act in STAGES.items():
        walk.assemble(walk.open_round(code))
        walk.through(*ORDER[1 : ORDER.index(act) + 1])
    walk.assemble(walk.open_round("BACK"))
    walk.through("draft", "explain", "put forward", "send back")
    walk.assemble(walk.open_round("READY"))
    at = walk.now()
    assembly.request(round_=walk.open_round("RUNNING"), run_at=at, by=walk.who("prepare"), at=at)


def _void(walk: Walk) -> None:
    """A submission that may not leave any more: somebody in it was protected before it was sealed."""
    walk.assemble(walk.open_round("VOID"))
    walk.through("draft", "explain", "put forward", "open sample", "approve")
    at = walk.now()
    people.protect(person=walk.person("P5"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    with contextlib.suppress(Refused):
        sealing.request(submission=walk.submission, by=walk.who("prepare"), at=walk.now())


def signs_in_as(role: str) -> str:
    """The user name of somebody of this role."""
    return str(User.objects.filter(role=role).order_by("pk")[0].username)


def planted() -> list[str]:
    """What is personal of the people on file and could be nothing else: names, days of birth, where they live."""
    words = [LINE, "Osierham", "PE1 1AB", "PE11AB", "PE1 1AA"]
    for _, given, family, born, _, more in PEOPLE:
        day = date.fromisoformat(born)
        words += [given, family, born, f"{day:%d/%m/%Y}", f"{day:%-d %B %Y}", f"{day:%-d %m %Y}", *more.values()]
    return words
