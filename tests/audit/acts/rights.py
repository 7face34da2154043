"""What families ask about their data, and what is done about it."""

from collections.abc import Callable
from typing import Any

from cohorts import rights
from cohorts.models import RightsRequest
from connecting_families.audit.events import Event
from tests.audit.acts.act import Act
from tests.stages.walk import Walk


def ask(walk: Walk, kind: str = "question", **about: Any) -> RightsRequest:
    at = walk.now()
    asked: dict[str, Any] = {"kind": kind, "asked": "What is held?", "channel": "phone", "team": "North"}
    return rights.receive(**asked, **about, received_at=at, by=walk.who("worker"), at=at)


def answered(outcome: str = "done", **more: Any) -> Callable[[Walk], object]:
    def answer(walk: Walk) -> object:
        at = walk.now()
        given: dict[str, Any] = {"outcome": outcome, "answer": "As it is in the letter.", "legal_reference": ""}
        given |= {"told_on": at.date(), "answer_channel": "letter"} | more
        row = RightsRequest.objects.latest("pk")
        return rights.answer(request=row, given=rights.Answer(**given), by=walk.who("govern"), at=at)

    return answer


def extend(walk: Walk) -> None:
    at, row = walk.now(), RightsRequest.objects.get()
    rights.extend(request=row, reason="There is much of it.", told_on=at.date(), by=walk.who("govern"), at=at)


def identify(walk: Walk) -> None:
    row, by = RightsRequest.objects.get(), walk.who("govern")
    rights.identify(request=row, person=walk.person("P1"), by=by, at=walk.now())


def close(walk: Walk) -> None:
    rights.close(request=RightsRequest.objects.get(), by=walk.who("govern"), at=walk.now())


def ask_and_answer(walk: Walk) -> None:
    ask(walk)
    answered()(walk)


ACTS = {
    "cohorts.rights.receive": Act("assemble", ask, Event.REQUEST_RECEIVED),
    "cohorts.rights.identify": Act("assemble", identify, Event.REQUEST_IDENTIFIED, ask),
    "cohorts.rights.extend": Act("assemble", extend, Event.REQUEST_EXTENDED, ask),
    "cohorts.rights.answer": Act("assemble", answered(), Event.REQUEST_ANSWERED, ask),
    "cohorts.rights.close": Act("assemble", close, Event.REQUEST_CLOSED, ask_and_answer),
}
