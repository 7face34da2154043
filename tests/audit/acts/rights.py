"""What families ask about their data, and what is done about it."""

from collections.abc import Callable
from typing import Any

from cohorts import erasure, rights
from cohorts.models import Erasure, RightsRequest
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.governance import erasing
from connecting_families.staff import accounts
from tests.audit.acts.act import Act
from tests.stages.walk import PASSWORD, Walk


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


def wants_to_go(walk: Walk) -> None:
    accounts.add(username="govern2", role="information_governance", password=PASSWORD, by=duty("test"), at=walk.now())
    ask(walk, kind="erasure", person=walk.person("P6"))


def propose(walk: Walk) -> None:
    erasing.propose(request=RightsRequest.objects.get(), reason="Asked.", by=walk.who("govern"), at=walk.now())


def propose_here(walk: Walk) -> None:
    asked: dict[str, Any] = {"request": RightsRequest.objects.get(), "reason": "Asked.", "elsewhere": []}
    erasure.propose(**asked, by=walk.who("govern"), at=walk.now())


def confirm(walk: Walk) -> None:
    erasing.confirm(erasure_=Erasure.objects.get(), by=walk.who("govern2"), at=walk.now())


def confirm_here(walk: Walk) -> None:
    asked: dict[str, Any] = {"elsewhere": [], "remains": [], "goes_too": len}
    erasure.confirm(erasure=Erasure.objects.get(), **asked, by=walk.who("govern2"), at=walk.now())


def take_back(walk: Walk) -> None:
    erasure.take_back(erasure=Erasure.objects.get(), by=walk.who("govern"), at=walk.now())


def proposed(walk: Walk) -> None:
    wants_to_go(walk)
    propose(walk)


ACTS = {
    "cohorts.rights.receive": Act("assemble", ask, Event.REQUEST_RECEIVED),
    "cohorts.rights.identify": Act("assemble", identify, Event.REQUEST_IDENTIFIED, ask),
    "cohorts.rights.extend": Act("assemble", extend, Event.REQUEST_EXTENDED, ask),
    "cohorts.rights.answer": Act("assemble", answered(), Event.REQUEST_ANSWERED, ask),
    "cohorts.erasure.propose": Act("assemble", propose_here, Event.ERASURE_PROPOSED, wants_to_go),
    "cohorts.erasure.take_back": Act("assemble", take_back, Event.ERASURE_TAKEN_BACK, proposed),
    "cohorts.erasure.confirm": Act("assemble", confirm_here, Event.PERSON_ERASED, proposed),
    "connecting_families.governance.erasing.propose": Act("assemble", propose, Event.ERASURE_PROPOSED, wants_to_go),
    "connecting_families.governance.erasing.confirm": Act("assemble", confirm, Event.PERSON_ERASED, proposed),
    "cohorts.rights.close": Act("assemble", close, Event.REQUEST_CLOSED, ask_and_answer),
}
