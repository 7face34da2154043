"""Pages of changes of the rules: proposed by one, tried, looked at and activated by another."""

import pytest
from celery.app.task import Task

from cohorts import tasks
from cohorts.models import DryRun, FrameworkInUse, Round, RuleChange
from connecting_families.audit.models import Entry
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.test_rule_changes import STRICTER, stricter  # noqa: F401 - a fixture
from tests.stages.walk import files

PROPOSAL = {"framework_version": "2015-04", "datasets": ["PNC", "NPD"], "notice_days": "100", "scope": "honoured",
            "reason": "The recipient and we agreed so."}  # fmt: skip


@pytest.fixture(autouse=True)
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What is handed to the workers, who are not there."""
    found: list[tuple[int, ...]] = []
    monkeypatch.setattr(Task, "apply_async", lambda _, args=(), *__, **___: found.append(args))
    return found


def test_a_change_goes_from_a_proposal_over_a_dry_run_to_a_second_person(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock, handed: list[tuple[int, ...]]
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    prepare, approve = signed_in("prepare"), signed_in("approve")
    assert "/rounds/2026/rules/" in prepare.get("/rounds/2026/").content.decode()
    assert "No change was proposed yet." in prepare.get("/rounds/2026/rules/").content.decode()
    assert 'value="28"' in prepare.get("/rounds/2026/rules/propose/").content.decode()
    wrong = prepare.post("/rounds/2026/rules/propose/", PROPOSAL | {"notice_days": "28"}).content.decode()
    assert "Nothing is different from what the round asks now." in wrong
    answer = prepare.post("/rounds/2026/rules/propose/", PROPOSAL, follow=True)
    change = RuleChange.objects.get()
    assert answer.redirect_chain == [(f"/rules/{change.pk}/", 302)]
    assert "Nobody tried this change yet." in approve.get(f"/rules/{change.pk}/").content.decode()
    assert "Your role may not activate or refuse" in answer.content.decode()

    assert "Changes to the rules for you to decide" in approve.get("/").content.decode()
    assert "Changes to the rules for you to decide" not in prepare.get("/").content.decode()

    # Pressed twice, one dry run is made.
    for _ in range(2):
        assert prepare.post(f"/rules/{change.pk}/try/").status_code == 302
    run = DryRun.objects.get()
    assert handed == [(run.pk,)]
    running = prepare.get(f"/dry-runs/{run.pk}/").content.decode()
    assert f'data-poll-url="/dry-runs/{run.pk}/"' in running
    assert not Entry.objects.filter(event="DRY_RUN_VIEWED").exists()
    tasks.try_out(run.pk)
    assert prepare.get(f"/dry-runs/{run.pk}/", headers={"X-Poll": "1"}).status_code == 204

    assert "Open the outcome of the last dry run first" in approve.get(f"/rules/{change.pk}/").content.decode()
    refused = approve.post(f"/rules/{change.pk}/activate/")
    assert (refused.status_code, Round.objects.get().notice_days) == (409, 28)
    page = " ".join(approve.get(f"/dry-runs/{run.pk}/").content.decode().split())
    assert f"Of cohort {walk.cohort.pk}, 0 would come, 7 would go and 0 would change." in page
    assert "With it: No privacy notice was issued in time." in page
    assert files()["people"][0]["family_name"] not in page
    nobody = approve.get(f"/dry-runs/{run.pk}/?kind=CAME&cohort={walk.cohort.pk}").content.decode()
    assert "Nobody." in nobody
    done = approve.post(f"/rules/{change.pk}/activate/", follow=True)
    assert "The change is activated." in done.content.decode()
    assert Round.objects.get().notice_days == 100
    assert approve.post(f"/rules/{change.pk}/activate/").status_code == 409
    asked_for = approve.get(f"/cohorts/{walk.cohort.pk}/").content.decode()
    assert "Days of notice" in asked_for
    stale = prepare.get(f"/cohorts/{walk.cohort.pk}/").content.decode()
    assert "The rules of the round changed since this cohort was asked for (Days of notice: 28, now 100)" in stale


def test_a_change_is_refused_or_withdrawn_with_a_reason(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    at_the_walks_time(walk_to("assemble"))
    prepare, approve = signed_in("prepare"), signed_in("approve")
    for client, act, said in ((approve, "refuse", "refused"), (prepare, "withdraw", "withdrawn")):
        prepare.post("/rounds/2026/rules/propose/", PROPOSAL)
        change = RuleChange.objects.latest("pk")
        assert "Say in a sentence" in client.post(f"/rules/{change.pk}/{act}/", {"reason": "No"}).content.decode()
        answer = client.post(f"/rules/{change.pk}/{act}/", {"reason": "Not in this round."}, follow=True)
        assert f"The change is {said}." in answer.content.decode()
        assert client.get(f"/rules/{change.pk}/{act}/").status_code == 302


def test_a_version_that_nobody_put_into_use_is_shown_as_such_and_not_offered(
    walk_to: WalkTo,
    signed_in: SignedIn,
    at_the_walks_time: Clock,
    stricter: None,  # noqa: F811
) -> None:
    at_the_walks_time(walk_to("assemble"))
    prepare = signed_in("prepare")
    assert "Not yet in use: try it" in prepare.get("/registers/frameworks/").content.decode()
    assert f"(TF, {STRICTER})" not in prepare.get("/rounds/open/").content.decode()
    here = f"/registers/frameworks/TF-{STRICTER}/"
    assert f"{here}propose/" in prepare.get(here).content.decode()
    answer = prepare.post(f"{here}propose/", {"reason": "The guidance is new."}, follow=True)
    assert "New rounds under TF" in answer.content.decode()
    assert "Another change of the same is proposed already." in prepare.get(here).content.decode()
    assert prepare.get("/registers/frameworks/TF-1999-01/propose/").status_code == 404
    assert FrameworkInUse.objects.count() == 2
