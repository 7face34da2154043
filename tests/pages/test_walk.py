"""The journey by its pages, without a script: each act by who may, the reasons in place of what may not be done."""

import hashlib
import re
from typing import Any
from unittest.mock import Mock

import pytest
from kombu.exceptions import OperationalError

from cohorts import assembly, shards, tasks
from cohorts.models import Cohort
from connecting_families import workers
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, PEOPLE, Walk
from transfers import delivery, sealing
from transfers import tasks as transfer_tasks
from transfers.models import Submission


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What pages hand to the workers, instead of a queue."""
    queue = Mock()
    monkeypatch.setattr(tasks.assemble, "delay", queue.assemble)
    monkeypatch.setattr(transfer_tasks.seal, "delay", queue.seal)
    monkeypatch.setattr(transfer_tasks.deliver, "delay", queue.deliver)
    return queue


def recorded(event: str) -> int:
    """How many entries of this event there are."""
    return int(Entry.objects.filter(event=event).count())


def page_of(walk: Walk) -> str:
    return f"/submissions/{walk.submission.name}/"


# Rounds and cohorts ---------------------------------------------------------------------------------------------


NEW_ROUND = {
    "code": "HAND", "cut_off_day": "30", "cut_off_month": "9", "cut_off_year": "2026", "framework": "TF",
    "datasets": ["PNC", "NPD"], "agreement": "DSA", "notice_days": "28", "scope": "honoured",
}  # fmt: skip


def test_a_round_is_opened_assembled_and_drafted(walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock) -> None:
    walk = walked_to("assemble")
    client = signed_in("prepare")
    assert press(client, "/rounds/open/", **NEW_ROUND)["Location"] == "/rounds/HAND/"
    assert "30 September 2026, the whole day" in text(client.get("/rounds/HAND/"))
    running = press(client, "/rounds/HAND/assemble/")["Location"]
    handed_over.assemble.assert_called_once_with(walk.cohort.pk)
    page = client.get(running)
    assert f'data-poll-url="{running}"' in page.content.decode()
    assert '<meta http-equiv="refresh"' in page.content.decode()
    assert "The run waits for a worker." in text(page)
    assert "COHORT_VIEWED" not in Entry.objects.values_list("event", flat=True)
    shards.plan(walk.cohort.pk, walk.now())
    with shards.one_snapshot(walk.cohort.pk) as joined:
        page = client.get(running)
        assert "0 of 1 part done, with 0 families that have a candidate, after " in text(page)
        shards.take_free(joined)
        page = client.get(running)
    assert "1 of 1 part done, with 5 families that have a candidate, after " in text(page)
    assert 'value="1" max="1"' in page.content.decode()
    assembly.assemble(walk.cohort.pk, by=duty("assemble"), at=walk.now())
    page = client.get(running)
    assert "7 of 9 people are in" in text(page)
    assert "This person objects, or someone objects for them." in text(page)
    assert walk.cohort.digest in text(page)
    assert recorded("COHORT_VIEWED") == 1
    assert press(client, f"/submissions/draft/{walk.cohort.pk}/")["Location"] == page_of(walk)


def test_a_round_that_may_not_be_opened_says_why_and_keeps_what_was_typed(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walked_to("assemble")
    client = signed_in("prepare")
    answer = press(client, "/rounds/open/", **NEW_ROUND | {"code": "2026", "agreement": "DSA-NOBODY"})
    assert "A round 2026 is open already. Choose another code." in text(answer)
    assert "The agreement DSA-NOBODY names no recipient." in text(answer)
    assert "<title>Error: " in answer.content.decode()
    assert 'value="2026"' in answer.content.decode()
    assert recorded("ROUND_REFUSED") == 1
    answer = press(client, "/rounds/open/", **NEW_ROUND | {"cut_off_month": "13"})
    assert "Enter a real date" in text(answer)


def test_pressing_twice_asks_for_one_run(walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock) -> None:
    walked_to("assemble")
    client = signed_in("prepare")
    first, second = (press(client, "/rounds/2026/assemble/")["Location"] for _ in range(2))
    assert first == second
    assert Cohort.objects.count() == 2
    assert handed_over.assemble.call_count == 1


def test_a_run_that_is_done_is_not_read_by_who_only_asks_how_far_it_is(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    answer = signed_in("prepare").get(f"/cohorts/{walk.cohort.pk}/", headers={"X-Poll": "1"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert recorded("COHORT_VIEWED") == 0


def test_a_run_that_failed_says_so(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    at = walk.now()
    asked = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)
    assembly.give_up(cohort=asked, why="KeyError", by=duty("assemble"), at=walk.now())
    said = text(signed_in("prepare").get(f"/cohorts/{asked.pk}/"))
    assert "This run failed, and nothing of it was kept." in said
    assert "The kind of error was KeyError" in said


@pytest.mark.parametrize(
    ("asked", "people"),
    [
        ("", {"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"}),
        ("IN", {"P1", "P2", "P3", "P4", "P5", "P7"}),
        ("OUT", {"P6", "P8"}),
        ("OBJECTION_PERSON", {"P6"}),
        ("TOO_FEW_PROBLEMS", set()),
    ],
)
def test_people_are_listed_by_decision(walked_to: WalkTo, signed_in: SignedIn, asked: str, people: set[str]) -> None:
    walk = walked_to("assemble")
    page = signed_in("prepare").get(f"/cohorts/{walk.cohort.pk}/people/", {"decision": asked})
    assert set(re.findall(r"person=(P\d)", page.content.decode())) == people


def test_a_decision_says_every_reason_and_that_it_was_opened_is_recorded(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("assemble")
    client = signed_in("approve")
    said = text(client.get(f"/cohorts/{walk.cohort.pk}/decision/", {"family": "F5", "person": "P8"}))
    assert said.index("No dependent child lived") < said.index("Fewer headline problems are evidenced")
    entry = Entry.objects.get(event="DECISION_VIEWED")
    assert (entry.who, entry.record, entry.reference) == ("approve", "cohorts.person", "P8")
    assert client.get(f"/cohorts/{walk.cohort.pk}/decision/", {"family": "F5", "person": "P1"}).status_code == 404


def test_the_file_of_decisions_is_what_the_digest_is_of(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    client, path = signed_in("govern"), f"/cohorts/{walk.cohort.pk}/decisions.csv"
    asked = client.get(path)
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert client.post(asked["Location"], {"password": PASSWORD})["Location"] == path
    answer = client.get(path)
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert hashlib.sha256(content).hexdigest() == walk.cohort.digest
    assert recorded("DECISIONS_EXPORTED") == 1


# Submissions ----------------------------------------------------------------------------------------------------


def test_a_second_draft_is_refused_with_the_reason(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("draft")
    answer = press(signed_in("prepare"), f"/submissions/draft/{walk.cohort.pk}/")
    assert answer.status_code == 409
    assert f"The round has the submission {walk.submission.name} already." in text(answer)
    assert Submission.objects.count() == 1


def test_queries_are_explained_and_then_it_is_put_forward(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("draft")
    client = signed_in("assist")
    refused = press(client, f"{page_of(walk)}put-forward/")
    assert refused.status_code == 409
    assert "Explain these open queries, or mend them" in text(refused)
    assert "<title>Error: " in refused.content.decode()
    short = press(client, f"{page_of(walk)}explain/", DQ201="So it is.", DQ204="Asked again: it is so.")
    assert "Write a sentence which says why these records are right" in text(short)
    assert "Asked again: it is so." in text(client.get(page_of(walk)))
    told = dict.fromkeys(("DQ201", "DQ204", "DQ212"), "Asked again: it is so.")
    assert press(client, f"{page_of(walk)}explain/", **told)["Location"] == page_of(walk)
    assert recorded("FINDING_EXPLAINED") == 3
    assert "Open these pages of the cohort first, and look" in text(press(client, f"{page_of(walk)}put-forward/"))
    for page in ("matchability", "difference"):
        assert client.get(f"/cohorts/{walk.cohort.pk}/{page}/").status_code == 200
    assert press(client, f"{page_of(walk)}put-forward/")["Location"] == page_of(walk)
    again = press(client, f"{page_of(walk)}put-forward/")
    assert "The submission is put forward; it must be draft to put forward." in text(again)


def test_who_may_not_approve_reads_why_in_place_of_the_button(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("put forward")
    said = text(signed_in("prepare").get(page_of(walk)))
    assert "You cannot approve this, because: Your role may not" in said
    client = signed_in("approve")
    page = client.get(page_of(walk))
    assert "Open the sample of this submission first, and check the records in it." in text(page)
    assert "Approve exactly this content" not in text(page)
    refused = press(client, f"{page_of(walk)}approve/")
    assert refused.status_code == 409
    assert "There is a problem Open the sample of this submission first" in text(refused)
    assert recorded("APPROVAL_REFUSED") == 1


def test_the_sample_is_masked_and_then_it_is_approved_once(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("put forward")
    client = signed_in("approve")
    assert client.get(f"{page_of(walk)}sample/").status_code == 405
    sample = press(client, f"{page_of(walk)}sample/")
    assert "Q•••••••••••" in text(sample)
    nobody_is_named(sample)
    assert press(client, f"{page_of(walk)}approve/")["Location"] == page_of(walk)
    again = press(client, f"{page_of(walk)}approve/")
    assert again.status_code == 409
    assert "The submission is approved; it must be put forward to approve." in text(again)
    assert recorded("SUBMISSION_APPROVED") == 1


def test_it_is_sent_back_with_a_reason_and_taken_up_again(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("put forward")
    client = signed_in("approve")
    assert "Write a sentence which says what to mend" in text(press(client, f"{page_of(walk)}send-back/", reason="No."))
    press(client, f"{page_of(walk)}send-back/", reason="Ask for the postcodes again.")
    preparer = signed_in("prepare")
    assert "Ask for the postcodes again." in text(preparer.get(page_of(walk)))
    press(preparer, f"{page_of(walk)}take-up-again/")
    assert walk.submission.stage == "DRAFT"


def test_a_fresh_password_is_asked_for_before_a_grave_act(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("open sample")
    client = signed_in("approve")
    for act in ("approve", "seal", "deliver"):
        asked = client.post(f"{page_of(walk)}{act}/")
        assert asked["Location"].startswith("/account/reauthenticate/")
        wrong = client.post(asked["Location"], {"password": "not this one"})
        assert "<title>Error: Confirm that it is you" in wrong.content.decode()
    assert walk.submission.stage == "PUT_FORWARD"


def test_it_is_sealed_and_delivered_by_the_workers(walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock) -> None:
    walk = walked_to("approve")
    client, path = signed_in("approve"), page_of(walk)
    for act, done, handed in (
        ("seal", sealing.seal, handed_over.seal),
        ("deliver", delivery.deliver, handed_over.deliver),
    ):
        assert press(client, f"{path}{act}/")["Location"] == path
        handed.assert_called_once_with(walk.submission.pk)
        assert f'data-poll-url="{path}"' in client.get(path).content.decode()
        views = recorded("SUBMISSION_VIEWED")
        part = client.get(path, headers={"X-Poll": "1"}).content.decode()
        assert "The workers are at it" in part
        assert "Content (SHA-256)" not in part
        done(submission=walk.submission, by=duty(act), at=walk.now())
        assert client.get(path, headers={"X-Poll": "1"}).status_code == 204
        assert recorded("SUBMISSION_VIEWED") == views
    said = text(client.get(path))
    assert "Its recipients say with a receipt that they have it." in said
    assert f"{walk.submission.name}-identifiers.zip.p7m" in said
    assert "The submission is sent; it must be approved to seal." in text(press(client, f"{path}seal/"))


def test_a_lost_queue_loses_nothing(walked_to: WalkTo, signed_in: SignedIn, handed_over: Mock) -> None:
    walk = walked_to("approve")
    handed_over.seal.side_effect = OperationalError
    assert press(signed_in("approve"), f"{page_of(walk)}seal/")["Location"] == page_of(walk)
    assert walk.submission.sealing_requested_at is not None


def test_what_the_workers_were_refused_is_told_with_the_reason(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("ask to seal")
    walk.load({"objections": [{"objection_ref": "O9", "made_by": "self", "received_at": "2026-11-02T12:00:00Z"}]})
    transfer_tasks.seal(walk.submission.pk)
    said = text(signed_in("approve").get(page_of(walk)))
    assert "Sealing a submission was refused by system:seal" in said
    assert "Unmatched objection" in said
    assert "Seal it for its recipients" in said


def test_an_objection_after_approval_makes_it_void_and_the_page_says_why(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("approve")
    objection = {"objection_ref": "OP1", "person_ref": "P1", "made_by": "self", "received_at": "2026-11-02T12:00:00Z"}
    walk.load({"objections": [objection]})
    client = signed_in("approve")
    refused = press(client, f"{page_of(walk)}seal/")
    assert refused.status_code == 409
    assert "This person objects, or someone objects for them." in text(refused)
    said = text(client.get(page_of(walk)))
    assert "This submission is void: nothing of it may leave." in said
    assert "This holds for 1 in the submission since the cohort was assembled." in said


# The trail ------------------------------------------------------------------------------------------------------


def test_the_trail_is_narrowed_and_reading_it_is_recorded(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("put forward")
    client = signed_in("govern")
    said = text(client.get("/trail/", {"event": "SUBMISSION_PUT_FORWARD"}))
    assert "1 found" in said
    assert f"prepare (Data preparer) {walk.submission.name}" in said
    viewed = Entry.objects.filter(event="TRAIL_VIEWED").latest("pk")
    assert viewed.additional_data == {"filters": {"event": "SUBMISSION_PUT_FORWARD"}}
    assert "3 found" in text(client.get("/trail/", {"who": "assist", "reference": walk.submission.name}))
    day = {f"{name}_{box}": value for name in ("since", "until") for box, value in
           (("day", "2"), ("month", "11"), ("year", "2026"))}  # fmt: skip
    everything = Entry.objects.count()
    assert client.get("/trail/", day).content.decode().count('scope="row"') == min(everything, 50)
    assert "No entry is like that." in text(client.get("/trail/", day | {"since_day": "1", "until_day": "1"}))
    wrong = client.get("/trail/", day | {"until_day": "1"})
    assert "The last day must be the first day, or after it." in text(wrong)
    assert "Nothing is listed until the filter is mended." in text(wrong)


def test_an_entry_says_what_changed_and_keeps_what_is_masked(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("explain")
    client = signed_in("govern")
    explained = Entry.objects.filter(event="FINDING_EXPLAINED").latest("pk")
    said = text(client.get(f"/trail/{explained.pk}/"))
    assert "assist (Data preparer)" in said
    assert "Text Masked: not kept Masked: not kept, but changed" in said
    assert "Asked again" not in said
    press(signed_in("approve"), f"{page_of(walk)}approve/")
    refused = Entry.objects.get(event="APPROVAL_REFUSED")
    said = text(client.get(f"/trail/{refused.pk}/"))
    assert "Refused, because Wrong stage. Sample not opened." in said
    assert "127.0.0.1" in said


# Everywhere -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prepare", "approve", "govern"])
def test_no_page_names_anybody_who_is_considered(walked_to: WalkTo, signed_in: SignedIn, name: str) -> None:
    walk = walked_to("put forward")
    client = signed_in(name)
    cohort = f"/cohorts/{walk.cohort.pk}/"
    pages = ["/", "/rounds/", "/rounds/2026/", cohort, f"{cohort}people/", "/submissions/", page_of(walk)]
    pages += [f"{cohort}decision/?family=F{n}&person=P{m}" for n, m in ((1, 1), (2, 4), (3, 5), (4, 6))]
    if name == "govern":
        pages += ["/trail/", *(f"/trail/{number}/" for number in Entry.objects.values_list("pk", flat=True))]
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        nobody_is_named(answer)


def nobody_is_named(answer: Any) -> None:
    page = answer.content.decode()
    named = [word for _, given, family, *_ in PEOPLE for word in (given, family) if word in page]
    assert not named
    assert "Marlinspike" not in page


@pytest.mark.parametrize(
    ("act", "name", "says"),
    [
        ("assemble", "prepare", "No submission waits for anybody."),
        ("draft", "prepare", "Waits Open queries to explain CF-E06999999-2026-0001 Draft to be put forward 3"),
        ("put forward", "approve", "Open the sample of this submission first, and check the records in it."),
        ("open sample", "approve", "For you to approve Submission Put forward May you approve it?"),
        ("put forward", "govern", "No objection that names nobody on file"),
        ("put forward", "govern", "The last entries of the trail"),
    ],
)
def test_home_says_what_waits(walked_to: WalkTo, signed_in: SignedIn, act: str, name: str, says: str) -> None:
    walked_to(act)
    page = signed_in(name).get("/")
    assert says in text(page)
    assert "The last run finished on 2 November 2026 at 12:" in page.content.decode()


def test_home_says_that_the_queue_is_lost(
    walked_to: WalkTo, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked_to("assemble")
    monkeypatch.setattr(workers, "answering", Mock(side_effect=OperationalError))
    assert "The queue cannot be reached" in signed_in("prepare").get("/").content.decode()


def test_home_of_early_help_holds_nothing_of_cohorts(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walked_to("put forward")
    page = signed_in("worker").get("/").content.decode()
    assert "Your role may see and record the families of" in page
    for word in ("ohort", "ubmission", "ollection round", "last run", "2026"):
        assert word not in page
