"""Two act at once, and one of them stands still at each point in turn: whichever is first, it ends safely.

Erasing a person against each door; two who erase, or sign off a month; and what may come while something is destroyed.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from cohorts import assembly, objections, replay, rule_changes, trying
from cohorts.models import Decision, DryRun, Person
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance import erasing, signing_off
from connecting_families.governance.models import SignOff
from tests.audit.acts.governing import keep_outcomes
from tests.gates.interrupted import Others, Plan, lying, planned
from tests.gates.proposed import to_be_erased
from tests.gates.walked import prepared
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk
from transfers import delivery, destruction, sealing, submission, withdrawal
from transfers.channels.channel import Where
from transfers.models import Submission

Act = Callable[[], Any]


class Door(NamedTuple):
    """An act at a door: from where, what is done, its entry and that of its refusal."""

    start: str
    act: Callable[[Walk, Submission, Any], object]
    done: str
    refused: str


DOORS = {
    "put forward": Door(
        "explain",
        lambda walk, row, at: submission.put_forward(submission=row, by=walk.who("prepare"), at=at),
        "SUBMISSION_PUT_FORWARD",
        "PUT_FORWARD_REFUSED",
    ),
    "seal": Door(
        "ask to seal",
        lambda _, row, at: sealing.seal(submission=row, by=duty("seal"), at=at),
        "SUBMISSION_SEALED",
        "SEALING_REFUSED",
    ),
    "send": Door(
        "ask to deliver",
        lambda _, row, at: delivery._attempt(submission=row, where=Where("folder"), by=duty("deliver"), at=at),
        "DELIVERY_ATTEMPTED",
        "DELIVERY_REFUSED",
    ),
}
#: Who stands still where: at the door, or erasing.
STANDING = [
    ("door", "the row is locked", True), ("door", "permissions are held", False),
    ("door", "permissions are held", True), ("door", "the guard is asked", True), ("door", "an entry is written", True),
    ("erasing", "permissions are held", False), ("erasing", "permissions are held", True),
    ("erasing", "somebody is erased", False), ("erasing", "an entry is written", True),
]  # fmt: skip


def ended(act: Act) -> Callable[[Plan | None], list[str]]:
    """The act, done as planned; the codes for which it was refused."""

    def run(plan: Plan | None) -> list[str]:
        with planned(plan):
            try:
                act()
            except Refused as refusal:
                return refusal.codes
        return []

    return run


@pytest.fixture
def others() -> Iterator[Others]:
    found = Others()
    with prepared():
        yield found
        found.end()


def recorded(*events: str) -> list[str]:
    """Which of these were recorded, in their order."""
    return list(Entry.objects.filter(event__in=events).order_by("id").values_list("event", flat=True))


@pytest.mark.parametrize("name", DOORS)
def test_whoever_is_erased_is_not_sent(walk_to: WalkTo, others: Others, name: str) -> None:
    door, outcomes = DOORS[name], set()
    for who, point, after in STANDING:
        walk = walk_to(door.start)
        row, erasure, at = walk.submission, to_be_erased(walk, "P5"), walk.now()
        second = walk.who("govern2")
        acts = [
            ended(lambda: door.act(walk, row, at)),  # noqa: B023 - done before the next
            ended(lambda: erasing.confirm(erasure_=erasure, by=second, at=at)),  # noqa: B023
        ]
        if who == "door":
            refused, kept = others.together(*acts, point=point, after=after)
        else:
            kept, refused = others.together(*reversed(acts), point=point, after=after)
        others.disconnect()
        moment = f"{who} stands still {'after' if after else 'before'}: {point}"
        assert Person.objects.filter(reference="P5").exists() == bool(kept), moment
        assert recorded(door.done, door.refused, "PERSON_ERASED", "ERASURE_REFUSED").count(door.done) == (not refused)
        if refused:
            # What was written meanwhile lacks somebody: that is seen before the door.
            assert refused[0] in ("RECORD_GONE", "CONTENT_CHANGED"), moment
            assert (kept, walk.submission.stage, lying()) == ([], "VOID", []), moment
        elif name == "send":
            assert kept == ["SENT"], moment
        else:
            # It was not sent: who was first is erased, too, and the next door is closed.
            assert kept == [], moment
            with pytest.raises(Refused) as late:
                walk.through(*{"put forward": ("open sample", "approve"), "seal": ("ask to deliver",)}[name])
            assert "RECORD_GONE" in late.value.codes
            assert lying() == []
        outcomes.add(bool(refused))
    assert outcomes == {True, False}


def test_of_two_who_erase_one_does(walk_to: WalkTo, others: Others) -> None:
    for point in ("permissions are held", "somebody is erased", "an entry is written"):
        walk = walk_to("assemble")
        row, second, at = to_be_erased(walk, "P5"), walk.who("govern2"), walk.now()
        act = ended(lambda: erasing.confirm(erasure_=row, by=second, at=at))  # noqa: B023
        codes = others.together(act, act, point=point, after=True)
        others.disconnect()
        assert codes == ([], ["DECIDED_ALREADY"])
        assert recorded("PERSON_ERASED", "ERASURE_REFUSED") == ["PERSON_ERASED", "ERASURE_REFUSED"]


def test_of_two_who_sign_a_month_off_one_does(walk_to: WalkTo, others: Others) -> None:
    walk = walk_to("assemble")
    keep_outcomes(walk)
    month, *_ = signing_off.missing(walk.now())
    at = walk.now()
    seen = signing_off.digest(signing_off.stood(month, at))

    def signed(who: str) -> Callable[[Plan | None], list[str]]:
        by = walk.who(who)
        return ended(lambda: signing_off.sign(month=month, note=f"{who} looked.", seen=seen, by=by, at=at))

    codes = others.together(signed("govern"), signed("approve"), point="an entry is written", after=True)
    others.disconnect()
    assert codes == ([], ["SIGNED_ALREADY"])
    assert SignOff.objects.get().signed_by == "govern"
    assert recorded("PROMISES_SIGNED_OFF", "SIGN_OFF_REFUSED") == ["PROMISES_SIGNED_OFF", "SIGN_OFF_REFUSED"]


@pytest.mark.parametrize("asks", ["cohort", "replay"])
def test_nobody_asks_for_a_run_while_a_round_is_forgotten(walk_to: WalkTo, others: Others, asks: str) -> None:
    """Whoever asks in that moment is refused; or is first, and the destruction waits."""
    for point, after in (("a round is held", False), ("a round is held", True), ("an entry is written", True)):
        walk = walk_to("deliver")
        row, cohort, by, at = walk.submission, walk.cohort, walk.who("prepare"), walk.now()
        confirmed(walk)
        if asks == "cohort":
            asking = ended(lambda: assembly.request(round_=cohort.round, run_at=at, by=by, at=at))  # noqa: B023
        else:
            asking = ended(lambda: replay.request(cohort=cohort, by=by, at=at))  # noqa: B023
        destroying = ended(lambda: destruction.carry_out(submission=row, by=duty("destroy"), at=at))  # noqa: B023
        # The first entry is that the key is destroyed; the second ends it.
        call = 2 if point == "an entry is written" else 1
        refused, over = others.together(destroying, asking, point=point, after=after, call=call)
        others.disconnect()
        if refused:
            assert (refused, over) == (["RUN_GOES_ON"], [])
            assert Decision.objects.exists()
        else:
            assert over == (["ROUND_IS_OVER"] if asks == "cohort" else ["FORGOTTEN"])
            assert not Decision.objects.exists()
        assert bool(refused) == (not after)


def test_a_dry_run_that_is_asked_for_while_a_round_is_forgotten_tells_of_nobody(
    walk_to: WalkTo, others: Others
) -> None:
    walk = walk_to("deliver")
    row, by, at = walk.submission, walk.who("prepare"), walk.now()
    asked = walk.cohort.round.settings._asdict() | {"reason": "We agreed so.", "datasets": ("PNC",)}
    change = rule_changes.propose(round_=walk.cohort.round, **asked, by=by, at=at)
    confirmed(walk)
    at = walk.now()
    done, requested = others.together(
        ended(lambda: destruction.carry_out(submission=row, by=duty("destroy"), at=at)),
        ended(lambda: trying.request(change=change, by=by, at=at)),
        point="a round is forgotten",
    )
    others.disconnect()
    assert (done, requested) == ([], [])
    made = trying.try_out(DryRun.objects.get().pk, by=duty("try"), at=walk.now())
    assert made is not None
    assert [(each["cohort"], each["people"]) for each in made.outcome] == [(walk.cohort.pk, [])]
    assert made.outcome[0]["counts"]


def test_whoever_objects_before_the_key_is_gone_is_withdrawn_first(walk_to: WalkTo, others: Others) -> None:
    for point, after in (("permissions are held", False), ("permissions are held", True), ("a key is to end", True)):
        walk = walk_to("deliver")
        row, person, worker = walk.submission, walk.person("P1"), walk.who("worker")
        confirmed(walk)
        at = walk.now()
        destroying = ended(lambda: destruction.carry_out(submission=row, by=duty("destroy"), at=at))  # noqa: B023
        objecting = ended(
            lambda: objections.receive(person=person, received_at=at, by=worker, at=at)  # noqa: B023
        )
        refused, lost = others.together(destroying, objecting, point=point, after=after)
        others.disconnect()
        assert lost == []
        if after:
            # The key was all but gone: who objects then comes too late, as on the day after.
            assert (refused, walk.submission.stage) == ([], "DESTROYED")
            assert recorded("ARCHIVE_KEY_DESTROYED", "OBJECTION_RECEIVED")[0] == "ARCHIVE_KEY_DESTROYED"
            continue
        assert refused == ["BEING_WITHDRAWN"]
        made = withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())
        assert made is not None
        assert withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now()) is not None
        walk.minutes += 61
        assert destruction.carry_out(submission=row, by=duty("destroy"), at=walk.now()) is not None


def confirmed(walk: Walk) -> None:
    """Two people had what was sent destroyed; nothing is gone yet."""
    destruction.ask(submission=walk.submission, by=walk.who("prepare"), at=walk.now())
    destruction.confirm(submission=walk.submission, by=walk.who("govern"), at=walk.now() + timedelta(seconds=1))
