"""Approval: by other eyes than those that shaped it, of exactly what was put forward, after a look at a sample."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.staff.models import User
from tests.beside import ENTRY
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, PEOPLE, Walk
from transfers import approval, submission
from transfers.models import Submission
from transfers.rules.lifecycle import Stage

SHAPED = pytest.mark.parametrize("name", ["prepare", "assist"])


def approve(walk: Walk, name: str) -> Submission:
    return approval.approve(submission=walk.submission, by=walk.who(name), at=walk.now())


def open_sample(walk: Walk, name: str) -> list[approval.Sampled]:
    return approval.open_sample(submission=walk.submission, by=walk.who(name), at=walk.now())


def codes(attempt: Any, *args: Any) -> list[str]:
    with pytest.raises(Refused) as refusal:
        attempt(*args)
    return refusal.value.codes


def update(row: Model, **values: Any) -> None:
    """Around the program, as the site's own role could."""
    columns = ", ".join(f"{name} = %s" for name in values)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ENTRY)
        cursor.execute(f"UPDATE {row._meta.db_table} SET {columns} WHERE id = %s", [*values.values(), row.pk])


@SHAPED
def test_who_prepared_or_only_explained_may_not_approve(walk_to: WalkTo, name: str) -> None:
    walk = walk_to("put forward")
    open_sample(walk, name)
    assert codes(approve, walk, name) == ["FOUR_EYES"]
    assert (walk.submission.stage, walk.submission.approved_by) == ("PUT_FORWARD", None)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.additional_data) == ("APPROVAL_REFUSED", name, {"reasons": ["FOUR_EYES"]})


def test_who_took_it_up_again_may_not_approve(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    walk.do("send back")
    submission.take_up_again(submission=walk.submission, by=walk.who("approve"), at=walk.now())
    walk.do("put forward")
    open_sample(walk, "approve")
    assert codes(approve, walk, "approve") == ["FOUR_EYES"]


@SHAPED
def test_the_database_refuses_the_approval_of_who_shaped_it(walk_to: WalkTo, name: str) -> None:
    walk = walk_to("open sample")
    row, user = walk.submission, User.objects.get(username=name)
    approved = {"stage": "APPROVED", "approved_content_sha256": row.content_sha256}
    with pytest.raises(IntegrityError, match="approved_by_other_hands"):
        update(row, approved_by_id=user.pk, **approved)
    update(row, approved_by_id=User.objects.get(username="approve").pk, **approved)
    with pytest.raises(IntegrityError, match="approved_by_other_hands"):
        update(row, approved_by_id=user.pk)


PAST_THE_APPROVAL = ["APPROVED", "SEALED", "SENDING", "SENT", "RECEIPTED", "DESTROYED"]


@pytest.mark.parametrize("stage", PAST_THE_APPROVAL)
@pytest.mark.parametrize(
    "missing", [{"approved_by_id": None}, {"content_sha256": ""}, {"approved_content_sha256": "0" * 64}]
)
def test_the_database_lets_nothing_go_on_unapproved(walk_to: WalkTo, stage: str, missing: dict[str, Any]) -> None:
    walk = walk_to("approve")
    with pytest.raises(IntegrityError, match="nothing_goes_on_unapproved"):
        update(walk.submission, stage=stage, **missing)
    update(walk.submission, stage=stage)


def test_every_stage_after_the_approval_is_held_by_the_database() -> None:
    """A stage that is new stands here, or in the test above."""
    before = {Stage.DRAFT, Stage.PUT_FORWARD, Stage.SENT_BACK, Stage.VOID}
    assert {stage.name for stage in set(Stage) - before} == set(PAST_THE_APPROVAL)


def test_nobody_approves_who_did_not_open_the_sample(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    assert codes(approve, walk, "approve") == ["SAMPLE_NOT_OPENED"]
    open_sample(walk, "assist")
    assert codes(approve, walk, "approve") == ["SAMPLE_NOT_OPENED"]
    open_sample(walk, "approve")
    approved = approve(walk, "approve")
    assert (approved.stage, approved.approved_content_sha256) == ("APPROVED", approved.content_sha256)


def test_the_sample_of_another_content_does_not_count(walk_to: WalkTo) -> None:
    walk = walk_to("open sample")
    walk.do("send back")
    walk.change("people", "person_ref", "P1", given_name="Zenobia")
    walk.through("take up again", "put forward")
    assert codes(approve, walk, "approve") == ["SAMPLE_NOT_OPENED"]


def test_every_reason_comes_at_once(walk_to: WalkTo) -> None:
    walk = walk_to("draft")
    assert codes(approve, walk, "prepare") == ["WRONG_STAGE", "FOUR_EYES", "SAMPLE_NOT_OPENED"]


def test_the_sample_is_the_same_for_everyone_and_tells_nobody_who_it_is(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    sample = open_sample(walk, "approve")
    assert sample == open_sample(walk, "assist")
    assert len(sample) == 7
    told = str([sampled.values for sampled in sample])
    for _, given, family, born, _, more in PEOPLE:
        for value in (given, family, born, *more.values(), LINE):
            assert value not in told
    assert sample[0].values["given_name"] == "Z" + "•" * 8
    opened = Entry.objects.filter(event="SAMPLE_VIEWED").latest("id")
    assert opened.additional_data["persons"] == [sampled.person_ref for sampled in sample]


def test_records_that_changed_since_it_was_put_forward_are_refused(walk_to: WalkTo) -> None:
    walk = walk_to("open sample")
    walk.change("people", "person_ref", "P1", given_name="Zenobia")
    assert codes(approve, walk, "approve") == ["CONTENT_CHANGED"]
    assert walk.submission.stage == "PUT_FORWARD"


def test_sending_back_needs_a_reason_and_is_recorded_with_it(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")

    def send_back(reason: str) -> Submission:
        by = walk.who("approve")
        return approval.send_back(submission=walk.submission, reason=reason, by=by, at=walk.now())

    assert codes(send_back, " short ") == ["NO_REASON"]
    assert send_back("Ask for the postcodes again.").stage == "SENT_BACK"
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.reason) == ("SUBMISSION_SENT_BACK", "Ask for the postcodes again.")
    walk.do("take up again")
    assert (walk.submission.stage, walk.submission.sent_back_reason) == ("DRAFT", "Ask for the postcodes again.")
    walk.do("put forward")
    assert (walk.submission.stage, walk.submission.sent_back_reason) == ("PUT_FORWARD", "")
