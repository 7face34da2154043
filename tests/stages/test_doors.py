"""The guard at the door: what somebody gained since the run stops the next act, whichever it is."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest
from django.db import connection, transaction

from cohorts import compared, consent, duplicates, objections, people, queries
from cohorts.models import Consent, Decision, Family, Merge, Pair
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import ORDER, Walk
from transfers import sealing
from transfers.models import Submission
from transfers.package import SealedFile


class Hindrance(NamedTuple):
    """What happens between two acts, the reason it is, and whom a cohort that is built again leaves out."""

    happens: Callable[[Walk], object]
    code: str
    out: frozenset[str]


def objects(walk: Walk, *, person: str = "", family: str = "", datasets: tuple[str, ...] = ()) -> None:
    at = walk.now()
    objections.receive(
        reference=f"O-{walk.minutes}",
        person=walk.person(person) if person else None,
        family=Family.objects.get(reference=family) if family else None,
        received_at=at,
        datasets=datasets,
        by=walk.who("worker"),
        at=at,
    )


def is_protected(walk: Walk, kind: str) -> None:
    at = walk.now()
    people.protect(person=walk.person("P5"), kind=kind, from_on=at.date(), by=walk.who("worker"), at=at)


def withdraws(walk: Walk) -> None:
    at = walk.now()
    consent.withdraw(consent=Consent.objects.get(reference="CP3"), withdrawn_at=at, by=walk.who("worker"), at=at)


def is_merged(walk: Walk) -> None:
    walk.change("people", "person_ref", "P1", merged_into="P6")


VOIDING = {
    "a person objects": Hindrance(lambda w: objects(w, person="P1"), "OBJECTION_PERSON", frozenset({"P1"})),
    "a family objects": Hindrance(lambda w: objects(w, family="F2"), "OBJECTION_FAMILY", frozenset({"P3", "P4"})),
    "a person objects to everything, one by one": Hindrance(
        lambda w: objects(w, person="P2", datasets=("PNC", "NPD")), "OBJECTION_SCOPE", frozenset({"P2"})
    ),
    "an identity is protected": Hindrance(
        lambda w: is_protected(w, "adoption"), "PROTECTED_IDENTITY", frozenset({"P5"})
    ),
    "an address is protected": Hindrance(lambda w: is_protected(w, "refuge"), "PROTECTED_ADDRESS", frozenset({"P5"})),
    "consent is withdrawn": Hindrance(withdraws, "CONSENT_MISSING", frozenset({"P3"})),
    "a person turns out to be one who objects": Hindrance(is_merged, "OBJECTION_PERSON", frozenset({"P1"})),
}
REFUSING = {
    "somebody objects who is not on file": Hindrance(objects, "UNMATCHED_OBJECTION", frozenset()),
    "the agreement ends": Hindrance(
        lambda w: w.change("agreements", "reference", "DSA", in_force_to="2026-11-01"),
        "AGREEMENT_NOT_IN_FORCE",
        frozenset(),
    ),
}
DOORS = ("put forward", "approve", "ask to seal", "seal", "ask to deliver", "deliver")
every_door = pytest.mark.parametrize("act", DOORS)


def standing_before(walk_to: WalkTo, act: str) -> Walk:
    return walk_to(ORDER[ORDER.index(act) - 1])


def lying_in(walk: Walk) -> dict[str, bytes]:
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in ("outbox", "delivered")
        if (walk.folder / folder).is_dir()
        for path in (walk.folder / folder).iterdir()
    }


def refused(walk: Walk, act: str) -> Refused:
    with pytest.raises(Refused) as refusal:
        walk.do(act)
    return refusal.value


def last(event: str) -> Entry:
    entry: Entry = Entry.objects.filter(event=event).latest("id")
    return entry


@every_door
@pytest.mark.parametrize("what", VOIDING)
def test_what_somebody_gained_refuses_and_voids(walk_to: WalkTo, what: str, act: str) -> None:
    walk, hindrance = standing_before(walk_to, act), VOIDING[what]
    name = walk.submission.name
    hindrance.happens(walk)
    refusal = refused(walk, act)
    assert refusal.codes == [hindrance.code]
    assert lying_in(walk) == {}
    void = Submission.objects.get()
    assert (void.stage, void.void_reason) == ("VOID", str(refusal))
    entry = last(refusal.event.name)
    assert entry.reference == name
    assert entry.additional_data == {"reasons": [hindrance.code]}
    voided = last("SUBMISSION_VOIDED")
    assert (voided.who, voided.reference, voided.additional_data) == (
        "system:guard", name, {"reasons": [hindrance.code]}
    )  # fmt: skip
    for later in DOORS:
        assert refused(walk, later).codes[0] == "WRONG_STAGE"
    again = Decision.objects.filter(cohort=walk.assemble(void.round))
    assert not hindrance.out & set(again.filter(included=True).values_list("person_ref", flat=True))
    merged_away = {"P1"} if "turns out" in what else set()
    for person in hindrance.out - merged_away:
        assert hindrance.code in again.filter(person_ref=person).values_list("reasons", flat=True)[0]


@every_door
@pytest.mark.parametrize("what", REFUSING)
def test_what_concerns_nobody_in_it_refuses_and_does_not_void(walk_to: WalkTo, what: str, act: str) -> None:
    walk, hindrance = standing_before(walk_to, act), REFUSING[what]
    lay, stage = lying_in(walk), walk.submission.stage
    hindrance.happens(walk)
    refusal = refused(walk, act)
    assert refusal.codes == [hindrance.code]
    assert walk.submission.stage == stage
    assert lying_in(walk) == lay
    assert last(refusal.event.name).additional_data == {"reasons": [hindrance.code]}
    assert not Entry.objects.filter(event="SUBMISSION_VOIDED").exists()


@every_door
def test_a_narrower_scope_than_the_frozen_one_refuses_and_voids(walk_to: WalkTo, act: str) -> None:
    walk = standing_before(walk_to, act)
    objects(walk, person="P4", datasets=("NPD",))
    assert refused(walk, act).codes == ["OBJECTION_SCOPE"]
    assert walk.submission.stage == "VOID"
    again = walk.assemble(walk.submission.round)
    assert Decision.objects.get(cohort=again, person_ref="P4").linkage_scope == "PNC"


@every_door
def test_a_record_that_is_gone_refuses_and_voids(walk_to: WalkTo, act: str) -> None:
    walk = standing_before(walk_to, act)
    walk.change("memberships", "family_ref", "F3", left_on="2026-09-01")
    walk.change("families", "family_ref", "F3", flagged_on="")
    assert refused(walk, act).codes == ["RECORD_GONE"]
    assert walk.submission.stage == "VOID"


def test_an_objection_before_the_run_or_lifted_since_hinders_nobody(walk_to: WalkTo) -> None:
    walk = walk_to("explain")
    walk.load(
        {"objections": [{"objection_ref": "O9", "person_ref": "P1", "made_by": "self",
                         "received_at": "2026-10-01T09:00:00Z", "lifted_at": "2026-10-02T09:00:00Z"}]}
    )  # fmt: skip
    walk.through(*ORDER[ORDER.index("put forward") :])
    assert walk.submission.stage == "SENT"


def test_what_is_built_again_goes_on_without_whom_objected(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    objects(walk, person="P1")
    refused(walk, "ask to seal")
    walk.assemble(walk.submission.round)
    walk.through(*ORDER[1:])
    assert [(row.name[-4:], row.stage) for row in Submission.objects.order_by("pk")] == [
        ("0001", "VOID"), ("0002", "SENT")
    ]  # fmt: skip
    assert walk.submission.counts["persons"] == 5


def test_while_an_act_is_at_the_door_nobody_can_record_an_objection(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's answer holds until the act is committed: whoever objects meanwhile waits for its end."""
    walk, waited = walk_to("ask to seal"), []
    record = trail.record

    def try_to_object(event: Event, **about: Any) -> Entry:
        if event is Event.SUBMISSION_SEALED:
            name = connection.settings_dict["NAME"]
            with psycopg.connect(address_of(name, connection.settings_dict)) as other:
                other.execute("SET lock_timeout = '50ms'")
                try:
                    other.execute("UPDATE cohorts_objection SET lifted_at = NULL")
                except psycopg.errors.LockNotAvailable as error:
                    waited.append(error)
        return record(event, **about)

    monkeypatch.setattr(trail, "record", try_to_object)
    walk.do("seal")
    assert len(waited) == 1


def test_an_objection_that_is_recorded_while_the_packages_are_written_is_still_seen(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing takes long and holds nobody up: the guard is asked after it."""
    walk = walk_to("ask to seal")
    write, came = sealing._write, walk.now()

    def object_elsewhere() -> None:
        try:
            objections.receive(
                reference="LATE", person=walk.person("P1"), received_at=came, by=walk.who("worker"), at=came
            )
        finally:
            connection.close()

    def while_somebody_objects(*args: Any) -> list[SealedFile]:
        written = write(*args)
        thread = threading.Thread(target=object_elsewhere)
        thread.start()
        thread.join(10)
        return written

    monkeypatch.setattr(sealing, "_write", while_somebody_objects)
    assert refused(walk, "seal").codes == ["OBJECTION_PERSON"]
    assert walk.submission.stage == "VOID"
    assert lying_in(walk) == {}


def test_a_membership_that_went_with_a_parted_record_is_missed(walk_to: WalkTo) -> None:
    """Whoever was in a family by a record that counts as another's no more is in it no more, and is not sent as if."""
    walk = walk_to("assemble")
    keep, other, by = walk.person("P4"), walk.person("P2"), walk.who("prepare")
    pair = duplicates.bring_together(first="P4", second="P2", by=by, at=walk.now())
    seen = compared.fingerprint(pair, compared.two_of(pair))
    why = "Their school says so."
    duplicates.decide(pair=pair, outcome=Pair.SAME, keep=keep, reason=why, seen=seen, by=by, at=walk.now())
    cohort = walk.assemble(walk.cohort.round)
    of_one = Decision.objects.filter(cohort=cohort, person_id=keep.pk, included=True)
    assert set(of_one.values_list("family_ref", flat=True)) == {"F1", "F2", "F3"}
    with transaction.atomic():
        assert queries.permission_lost(cohort, walk.now()) == {}
    duplicates.undo(merge=Merge.objects.get(merged=other), reason="They are two.", by=by, at=walk.now())
    with transaction.atomic():
        assert queries.permission_lost(cohort, walk.now()) == {"RECORD_GONE": 2}
