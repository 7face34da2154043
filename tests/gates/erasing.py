"""Steps of the walk that concern erasing a person: a request, a proposal, and a second person who confirms it."""

from cohorts import erasure, rights
from cohorts.models import Erasure, RightsRequest
from connecting_families.governance import erasing
from tests.gates.asked import Acts, Asked, Standing
from tests.gates.believed import Believed

MANY = 2
"""Erased in one walk: somebody must be left to be sent."""


def ask_to_be_erased(now: Standing) -> Asked | None:
    """Somebody asks to be erased."""
    people = sorted(now.people)
    if now.random.random() < 0.8:
        people = [each for each in people if not now.needed(each)] or people
    person, reference, by, at = now.random.choice(people), now.fresh("Q"), now.staff["worker"], now.at
    if RightsRequest.objects.filter(person=now.people[person], answered_at=None).exists():
        return None
    return Asked(
        f"{person} asks to be erased",
        lambda: rights.receive(
            reference=reference, kind=RightsRequest.ERASURE, person=now.people[person], channel="letter",
            received_at=at, by=by, at=at,
        ),
        "REQUEST_RECEIVED",
        about=reference,
    )  # fmt: skip


def propose(now: Standing) -> Asked | None:
    """Somebody of information governance proposes it."""
    if len(now.believed.gone) >= MANY:
        return None
    rows = RightsRequest.objects.filter(answered_at=None).exclude(person=None).select_related("person").order_by("pk")
    row = now.some([row for row in rows if not now.needed(str(row.person))] or rows[:1])
    if row is None or now.random.random() < 0.2:
        return ask_to_be_erased(now)
    by, at = now.one_of("govern", "govern2"), now.at
    return Asked(
        f"{by.reference} proposes to erase {row.person}",
        lambda: erasing.propose(request=row, reason="As they ask.", by=by, at=at),
        "ERASURE_PROPOSED",
    )


def _proposed(now: Standing) -> Erasure | None:
    return now.some(Erasure.objects.filter(state=Erasure.PROPOSED).select_related("person").order_by("pk")[:2])


def confirm(now: Standing) -> Asked | None:
    """Somebody confirms it: another, or whoever proposed it."""
    row, by, at = _proposed(now), now.one_of("govern", "govern2", "govern2", "prepare"), now.at
    if row is None or len(now.believed.gone) >= MANY:
        return propose(now)
    person = str(row.person)

    def gone(believed: Believed) -> None:
        for each in believed.erased(person):
            del now.people[each]

    return Asked(
        f"{by.reference} confirms that {person} is erased",
        lambda: erasing.confirm(erasure_=row, by=by, at=at),
        "PERSON_ERASED",
        gone,
        str(row),
    )


def take_back(now: Standing) -> Asked | None:
    """A proposal is taken back."""
    row, by, at = _proposed(now), now.staff["govern"], now.at
    if row is None:
        return None
    return Asked(
        f"erasing {row.person} is taken back",
        lambda: erasure.take_back(erasure=row, by=by, at=at),
        "ERASURE_TAKEN_BACK",
        about=str(row),
    )


ERASING: Acts = {
    "ask_to_be_erased": ask_to_be_erased, "propose_erasure": propose, "confirm_erasure": confirm,
    "take_back_erasure": take_back,
}  # fmt: skip
