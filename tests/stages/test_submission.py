"""A submission is drafted once for a round, explained, and put forward when nothing stands against it."""

from typing import Any

import pytest
from django.conf import settings

from cohorts import assembly, looks
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Unrecorded, duty
from connecting_families.staff.models import User
from tests.stages.conftest import WalkTo
from tests.stages.walk import ACTS, ORDER, QUERIES, Walk
from transfers import doors, explained, submission
from transfers.models import Explanation, FamilyReference, PersonReference
from transfers.rules import lifecycle
from transfers.rules.lifecycle import Stage


def codes(attempt: Any, *args: Any) -> list[str]:
    with pytest.raises(Refused) as refusal:
        attempt(*args)
    return refusal.value.codes


def test_a_draft_is_named_after_council_and_round_and_by_who_prepared_it(walk_to: WalkTo) -> None:
    walk = walk_to("draft")
    prepare = User.objects.get(username="prepare")
    assert walk.submission.name == f"CF-{settings.CF_LA_CODE}-2026-0001"
    assert (walk.submission.prepared_by, walk.submission.shaped_by) == (prepare, [prepare.pk])


def test_a_round_has_one_submission_of_its_newest_finished_cohort(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    first = walk.cohort

    def draft(cohort: Any) -> None:
        submission.draft(cohort=cohort, by=walk.who("prepare"), at=walk.now())

    at = walk.now()
    asked = assembly.request(round_=first.round, run_at=at, by=walk.who("prepare"), at=at)
    assert codes(draft, asked) == ["COHORT_NOT_FINISHED"]
    assembly.assemble(asked.pk, by=duty("assemble"), at=walk.now())
    assert codes(draft, first) == ["NEWER_COHORT"]
    draft(walk.cohort)
    assert codes(draft, walk.cohort) == ["ROUND_HAS_SUBMISSION"]


def test_a_machine_prepares_nothing(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    with pytest.raises(Unrecorded):
        submission.draft(cohort=walk.cohort, by=duty("draft"), at=walk.now())


def test_every_open_query_is_explained_before_it_is_put_forward(walk_to: WalkTo) -> None:
    walk = walk_to("draft")

    def explain(code: str, text: str = "Asked again: it is so.") -> None:
        submission.explain(submission=walk.submission, code=code, text=text, by=walk.who("assist"), at=walk.now())

    assert codes(walk.do, "put forward") == ["QUERIES_NOT_EXPLAINED"]
    assert codes(explain, "DQ208") == ["NO_SUCH_QUERY"]
    assert codes(explain, "DQ201", "    so.     ") == ["NO_EXPLANATION"]
    for code in QUERIES:
        assert codes(walk.do, "put forward") == ["QUERIES_NOT_EXPLAINED"]
        explain(code)
    explain("DQ201", "Of no fixed abode since June.")
    assert Explanation.objects.get(code="DQ201").text == "Of no fixed abode since June."
    walk.do("put forward")
    assert codes(explain, "DQ201") == ["WRONG_STAGE"]


def test_one_persons_query_may_have_an_explanation_of_its_own(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    # Three people of unknown sex, one of them in two families; two explain themselves in the same words.
    for ref in ("P2", "P5"):
        walk.change("people", "person_ref", ref, sex="0")
    walk.assemble(walk.cohort.round)
    walk.do("draft")

    def explain(text: str, code: str = "DQ212", family: str = "", person: str = "") -> None:
        submission.explain(
            submission=walk.submission, code=code, text=text, family_ref=family, person_ref=person,
            by=walk.who("assist"), at=walk.now(),
        )  # fmt: skip

    def said() -> list[tuple[object, ...]]:
        return [tuple(it) for it in explained.covered(walk.submission) if it.code == "DQ212"]

    asked = "Asked again: it is so."
    assert said() == [("DQ212", 4, "")]
    for family, person in (("F1", "P4"), ("", "P4"), ("F2", "")):
        assert codes(explain, asked, "DQ212", family, person) == ["NO_SUCH_FINDING"]
    explain("Answered so.", family="F2", person="P4")
    explain(asked, family="F1", person="P2")
    explain(asked, family="F3", person="P2")
    assert said() == [("DQ212", 1, ""), ("DQ212", 1, "Answered so."), ("DQ212", 2, asked)]
    for code in ("DQ201", "DQ204"):
        explain(asked, code)
    with pytest.raises(Refused, match=r"DQ212 \(1\)"):
        walk.do("put forward")
    explain("Each was asked twice.")
    assert said() == [("DQ212", 1, "Each was asked twice."), ("DQ212", 1, "Answered so."), ("DQ212", 2, asked)]
    explain("Answered differently.", family="F2", person="P4")
    walk.do("put forward")
    entry = Entry.objects.filter(event="FINDING_EXPLAINED").latest("pk")
    assert entry.additional_data == {"code": "DQ212", "family_ref": "F2", "person_ref": "P4"}
    assert "Answered" not in str(entry.changes)


def test_who_puts_it_forward_has_looked_at_who_can_be_found_and_at_the_difference(walk_to: WalkTo) -> None:
    walk = walk_to("explain")
    assist = walk.who("assist")

    def put_forward() -> None:
        submission.put_forward(submission=walk.submission, by=assist, at=walk.now())

    assert codes(put_forward) == ["NOT_LOOKED_AT"]
    with trail.act():
        trail.record(Event.DIFFERENCE_VIEWED, who=assist, at=walk.now(), about=walk.cohort)
    assert codes(put_forward) == ["NOT_LOOKED_AT"]
    looks.open_both(cohort=walk.cohort, by=assist, at=walk.now())
    put_forward()
    assert walk.submission.stage == "PUT_FORWARD"


def test_a_cohort_without_anybody_is_not_put_forward(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.assemble(walk.open_round("NOBODY", notice_days=365))
    assert walk.cohort.included == 0
    walk.through("draft", "explain")
    assert codes(walk.do, "put forward") == ["NOBODY_INCLUDED"]


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"in_force_from": "2026-11-03"}, "AGREEMENT_NOT_IN_FORCE"),
        ({"purpose": "service"}, "AGREEMENT_NOT_FOR_RESEARCH"),
        ({"datasets": "PNC"}, "AGREEMENT_LACKS_DATASET"),
        ({"recipients": "ADR"}, "AGREEMENT_LACKS_RECIPIENT"),
        ({"fields": "upn;shoe_size"}, "AGREEMENT_LISTS_UNKNOWN_FIELD"),
        ({"fields": "nino;upn"}, "AGREEMENT_LACKS_FIELD"),
    ],
)
def test_the_agreement_carries_everything_that_is_sent(walk_to: WalkTo, says: dict[str, str], code: str) -> None:
    walk = walk_to("explain")
    walk.change("agreements", "reference", "DSA", **says)
    assert codes(walk.do, "put forward") == [code]
    assert walk.submission.stage == "DRAFT"


def test_what_is_put_forward_is_fixed_by_its_digest_counts_and_columns(walk_to: WalkTo) -> None:
    row = walk_to("put forward").submission
    assert len(row.content_sha256) == 64
    assert {name: of["rows"] for name, of in row.content.items()} == {"identifiers": 6, "programme": 7}
    assert (row.counts["persons"], row.counts["families"]) == (6, 4)


def test_only_those_who_are_sent_have_a_reference_of_the_study(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    assert PersonReference.objects.count() == 6
    assert FamilyReference.objects.count() == 4
    sent = {row.person_id for row in PersonReference.objects.all()}
    assert walk.person("P6").pk not in sent
    assert all(len(row.reference) == 26 for row in PersonReference.objects.all())


# The stages of spec/submission.md which are built, and the acts that lead from one to the next.
MOVES = {
    "put forward": ("DRAFT", "PUT_FORWARD"),
    "send back": ("PUT_FORWARD", "SENT_BACK"),
    "take up again": ("SENT_BACK", "DRAFT"),
    "approve": ("PUT_FORWARD", "APPROVED"),
    "seal": ("APPROVED", "SEALED"),
    "attempt delivery": ("SEALED", "SENDING"),
    "note arrival": ("SENDING", "SENT"),
    "take in a receipt": ("SENT", "RECEIPTED"),
    "destroy": ("SEALED SENDING SENT RECEIPTED", "DESTROYED"),
    "void": ("DRAFT PUT_FORWARD SENT_BACK APPROVED SEALED", "VOID"),
}


@pytest.mark.parametrize("act", lifecycle.MOVES)
@pytest.mark.parametrize("stage", list(Stage))
def test_an_act_is_possible_at_the_stages_of_the_table_alone(act: str, stage: Stage) -> None:
    sources, target = MOVES[act]
    reasons = lifecycle.reasons_against(act, stage)
    assert [reason.code for reason in reasons] == ([] if stage.name in sources.split() else ["WRONG_STAGE"])
    assert lifecycle.after(act).name == target


def test_the_table_has_no_other_moves() -> None:
    assert MOVES.keys() == lifecycle.MOVES.keys()


# What each act of the walk asks of the stage at which the submission is.
AT = {
    "explain": "DRAFT", "put forward": "DRAFT", "open sample": "PUT_FORWARD", "approve": "PUT_FORWARD",
    "send back": "PUT_FORWARD", "take up again": "SENT_BACK", "ask to seal": "APPROVED", "seal": "APPROVED",
    "ask to deliver": "SEALED",
}  # fmt: skip


def every_act_but_those_of(walk: Walk, stage: str) -> None:
    assert walk.submission.stage == stage
    for act in sorted(AT.keys() - {act for act, at in AT.items() if at == stage}):
        assert "WRONG_STAGE" in codes(walk.do, act), act
    assert walk.submission.stage == stage


@pytest.mark.parametrize(
    ("after", "stage"),
    [("draft", "DRAFT"), ("open sample", "PUT_FORWARD"), ("approve", "APPROVED"), ("seal", "SEALED"),
     ("deliver", "SENT")],
)  # fmt: skip
def test_no_act_is_done_at_another_stage(walk_to: WalkTo, after: str, stage: str) -> None:
    walk = walk_to(after)
    every_act_but_those_of(walk, stage)
    if stage not in {"SEALED", "SENT"}:
        assert codes(walk.do, "deliver") == ["WRONG_STAGE"]


def test_no_act_is_done_on_one_that_was_sent_back_or_is_void(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    walk.do("send back")
    every_act_but_those_of(walk, "SENT_BACK")
    doors.void(submission=walk.submission, why="Tried.", codes=["TRIED"], by=duty("guard"), at=walk.now())
    every_act_but_those_of(walk, "VOID")


def test_the_walk_tries_every_act() -> None:
    assert AT.keys() == ACTS.keys() - {"assemble", "draft", "deliver"}
    assert ORDER[-1] == "deliver"


def test_one_that_is_on_its_way_does_not_become_void(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    doors.void(submission=walk.submission, why="Tried.", codes=["TRIED"], by=duty("guard"), at=walk.now())
    assert (walk.submission.stage, walk.submission.void_reason) == ("SENT", "")
