"""From one cohort to the next: who came, who went, of whom something else is sent, and why."""

from cohorts import comparing, objections
from cohorts.comparing import Count, Kind
from tests.stages.asked import objection_of, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk


def assembled_again(walk: Walk) -> None:
    walk.assemble(walk.cohort.round)


def differences(walk: Walk) -> dict[tuple[str, str], Kind]:
    then = comparing.previous(walk.cohort)
    assert then is not None
    return {(it.family_ref, it.person_ref): it.kind for it in comparing.changes(then, walk.cohort, limit=100)}


def test_nothing_is_different_where_nothing_changed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert comparing.previous(walk.cohort) is None
    assembled_again(walk)
    assert differences(walk) == {}


def test_each_kind_is_told_with_its_reason(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    # P1 objects, P6 does no longer; work with F3 began; P8 is in no flagged family any more; F6 is new.
    objections.receive(person=person_of("P1"), received_at=at, by=walk.who("worker"), at=at)
    objections.lift(
        objection=objection_of("OP6"), lifted_at=walk.now(), asked_by="self", channel="phone", by=walk.who("worker"),
        at=walk.now(),
    )  # fmt: skip
    walk.change("families", "family_ref", "F5", lifted_on="2026-06-01")
    walk.load(
        {
            "families": [{"family_ref": "F6", "team": "North", "flagged_on": "2026-01-05"}],
            "memberships": [
                {"family_ref": "F6", "person_ref": "P8", "joined_on": "2025-01-01", "relationship": "lead",
                 "lives_in_household": "true"}
            ],
            "engagements": [{"family_ref": "F3", "started_on": "2026-02-01"}],
        }
    )  # fmt: skip
    assembled_again(walk)
    assert differences(walk) == {
        ("F1", "P1"): Kind.WENT,
        ("F4", "P6"): Kind.CAME,
        ("F3", "P2"): Kind.CHANGED,
        ("F3", "P5"): Kind.CHANGED,
        ("F5", "P8"): Kind.OTHER_REASONS,
        ("F6", "P8"): Kind.OTHER_REASONS,
    }
    then = comparing.previous(walk.cohort)
    assert then is not None
    assert comparing.counts(then, walk.cohort) == [
        Count(Kind.CAME, "OBJECTION_PERSON", 1),
        Count(Kind.WENT, "OBJECTION_PERSON", 1),
        Count(Kind.CHANGED, "", 2),
        Count(Kind.OTHER_REASONS, None, 1),
        Count(Kind.OTHER_REASONS, "NO_DEPENDENT_CHILD", 1),
    ]
    sent = {it.person_ref: (it.then[0], it.now[0]) for it in comparing.changes(then, walk.cohort, limit=9)}
    assert sent["P5"] == ("COMPARISON", "PROGRAMME")
    assert [it.person_ref for it in comparing.changes(then, walk.cohort, [Kind.CHANGED], limit=1, offset=1)] == ["P5"]


def test_a_cohort_is_compared_with_the_last_of_its_round_or_of_an_earlier_one(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    first = walk.cohort
    walk.assemble(walk.open_round("2027"))
    of_a_round_of_the_same_day = walk.cohort
    assert comparing.previous(of_a_round_of_the_same_day) is None
    assembled_again(walk)
    assert comparing.previous(walk.cohort) == of_a_round_of_the_same_day
    walk.assemble(first.round)
    assert comparing.previous(walk.cohort) == first
