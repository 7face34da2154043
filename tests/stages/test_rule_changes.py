"""A change of the rules is proposed by one, tried on the last cohorts, and counts once another activated it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import Error, IntegrityError, InternalError, connection, transaction

from cohorts import assembly, frameworks, in_force, objections, rule_changes, tasks, trying
from cohorts.models import Cohort, Decision, DryRun, Round, RuleChange
from cohorts.replay import replay
from connecting_families.alone import Work
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from tests.audit.test_trail import state
from tests.conftest import address_of
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.test_commands import changed, give
from tests.stages.walk import Walk
from transfers import submission

STRICTER = "2026-10"
WHY = "The recipient and we agreed so."
PROPOSAL = {"cohorts_rulechange", "cohorts_dryrun"}


@pytest.fixture
def stricter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A version of TF came with the program that asks for three headline problems, of which nobody here has so many."""
    folder = tmp_path / "frameworks"
    folder.mkdir()
    for path in frameworks._FOLDER.glob("*.toml"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "TF-2015-04.toml").read_text("utf-8").replace('"2015-04"', f'"{STRICTER}"')
    (folder / f"TF-{STRICTER}.toml").write_text(text.replace("minimum = 2", "minimum = 3"), "utf-8")
    monkeypatch.setattr(frameworks, "_FOLDER", folder)
    frameworks._files.cache_clear()
    yield
    frameworks._files.cache_clear()


def propose(walk: Walk, by: str = "prepare", **settings: Any) -> RuleChange:
    row = Round.objects.get(code="2026")
    asked = row.settings._asdict() | {"reason": WHY} | settings
    return rule_changes.propose(round_=row, **asked, by=walk.who(by), at=walk.now())


def tried(walk: Walk, change: RuleChange) -> DryRun:
    asked = trying.request(change=change, by=walk.who("prepare"), at=walk.now())
    made = trying.try_out(asked.pk, by=duty("try"), at=walk.now())
    assert made is not None
    return made


def looked(walk: Walk, change: RuleChange, by: str = "approve") -> None:
    trying.look(run=tried(walk, change), by=walk.who(by), at=walk.now())


def activate(walk: Walk, change: RuleChange, by: str = "approve") -> RuleChange:
    return rule_changes.activate(change=change, by=walk.who(by), at=walk.now())


def codes(act: Any, *asked: Any, **more: Any) -> list[str]:
    with pytest.raises(Refused) as refusal:
        act(*asked, **more)
    assert Entry.objects.latest("id").additional_data == {"reasons": refusal.value.codes}
    return refusal.value.codes


def test_a_dry_run_on_three_cohorts_changes_nothing_that_is_stored(walk_to: WalkTo, stricter: None) -> None:
    walk = walk_to("assemble")
    row = walk.cohort.round
    for _ in range(3):
        walk.assemble(row)
    change = propose(walk, framework_version=STRICTER)
    asked = trying.request(change=change, by=walk.who("prepare"), at=walk.now())
    was, entries = state(), Entry.objects.count()
    made = trying.try_out(asked.pk, by=duty("try"), at=walk.now())
    assert made is not None
    is_now = state()
    assert {table for table, digest in was.items() if digest != is_now[table]} == {"cohorts_dryrun"}
    assert Entry.objects.count() == entries + 1
    newest = list(Cohort.objects.order_by("-pk").values_list("pk", flat=True)[:3])
    assert made.cohorts == [each["cohort"] for each in made.outcome] == newest
    for each in made.outcome:
        assert (each["included"], each["groups"]) == ([7, 0], {"COMPARISON": [5, 0], "PROGRAMME": [2, 0]})
        assert each["counts"] == [["WENT", "TOO_FEW_PROBLEMS", 7], ["OTHER_REASONS", "OBJECTION_PERSON", 1]]
        assert each["digests"][0] == walk.cohort.digest != each["digests"][1]
        assert [who[:3] for who in each["people"]][:2] == [["WENT", "F1", "P1"], ["WENT", "F1", "P2"]]
    entry = Entry.objects.latest("id")
    assert (entry.event, "P1" in str(entry.additional_data), "P1" in str(entry.changes)) == (
        "DRY_RUN_MADE", False, False
    )  # fmt: skip


def test_the_database_refuses_whatever_would_write_while_it_is_tried(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    change = propose(walk, datasets=["NPD"])
    asked = trying.request(change=change, by=walk.who("prepare"), at=walk.now())

    def writes(*_: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE cohorts_person SET family_name = ''")
        return []

    monkeypatch.setattr(trying, "decide", writes)
    with pytest.raises(InternalError, match="read-only transaction"):
        trying.try_out(asked.pk, by=duty("try"), at=walk.now())
    tasks.try_out(asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == (DryRun.FAILED, "InternalError")
    monkeypatch.undo()
    assert tried(walk, change).state == DryRun.FINISHED


def test_only_the_effect_of_the_change_shows_and_not_what_became_of_the_records(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    objections.receive(person=person_of("P1"), received_at=at - timedelta(days=40), by=walk.who("worker"), at=at)
    at = walk.now()
    objections.receive(person=person_of("P7"), datasets=["PNC"], received_at=at, by=walk.who("worker"), at=at)
    walk.assemble(walk.cohort.round)
    (newest, oldest) = tried(walk, propose(walk, scope="all-or-nothing")).outcome
    assert newest["counts"] == [["WENT", "OBJECTION_SCOPE", 1]]
    assert oldest["counts"] == []
    assert oldest["included"] == [6, 6]


def test_datasets_that_come_change_what_is_sent_and_keep_their_order(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    change = propose(walk, datasets=["NPD"])
    assert tried(walk, change).outcome[0]["counts"] == [["CHANGED", "", 7]]
    looked(walk, change)
    activate(walk, change)
    assert codes(propose, walk, datasets=["NPD", "HES"]) == ["AGREEMENT_LACKS_DATASET"]
    assert propose(walk, datasets=["PNC", "NPD"]).datasets == ["NPD", "PNC"]


def test_what_counts_for_a_new_cohort_leaves_the_earlier_one_as_it_was(walk_to: WalkTo) -> None:
    walk = walk_to("put forward")
    earlier, digest = walk.cohort, walk.cohort.digest
    change = propose(walk, notice_days=100)
    looked(walk, change)
    was = Decision.objects.filter(cohort=earlier).values_list("person_ref", "reasons", "facts_digest")
    decided = sorted(was)
    activate(walk, change)
    row = Round.objects.get(code="2026")
    assert (row.notice_days, Cohort.objects.get(pk=earlier.pk).notice_days) == (100, 28)
    replayed = replay(Cohort.objects.get(pk=earlier.pk), by=walk.who("prepare"), at=walk.now())
    assert (replayed.same, replayed.digest, sorted(was.all())) == (True, digest, decided)
    # What was put forward was decided by other rules: it stops at the next door, and is built again.
    walk.do("open sample")
    assert codes(walk.do, "approve")[0] == "RULES_CHANGED"
    assert walk.submission.stage == "VOID"
    asked: dict[str, Any] = {"cohort": Cohort.objects.get(pk=earlier.pk), "by": walk.who("prepare"), "at": walk.now()}
    assert codes(submission.draft, **asked) == ["RULES_CHANGED"]
    later = walk.assemble(row)
    assert (later.notice_days, later.included) == (100, 0)
    walk.through("draft")
    assert walk.submission.cohort == later


def test_a_run_keeps_the_rules_by_which_it_was_asked_for(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    change = propose(walk, notice_days=100)
    looked(walk, change)
    at = walk.now()
    asked = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)
    activate(walk, change)
    finished = assembly.assemble(asked.pk, by=duty("assemble"), at=walk.now())
    assert finished is not None
    assert (finished.notice_days, finished.included) == (28, 7)
    assert [reason.code for reason in in_force.changed_since(finished)] == ["RULES_CHANGED"]


def test_it_is_activated_by_another_who_looked_at_a_dry_run_of_the_newest_cohort(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    change = propose(walk, notice_days=100)
    assert codes(activate, walk, change) == ["NOT_TRIED"]
    run = tried(walk, change)
    assert codes(activate, walk, change) == ["NOT_LOOKED_AT"]
    trying.look(run=run, by=walk.who("govern"), at=walk.now())
    assert codes(activate, walk, change) == ["NOT_LOOKED_AT"]
    trying.look(run=run, by=walk.who("approve"), at=walk.now())
    trying.look(run=run, by=walk.who("prepare"), at=walk.now())
    assert codes(activate, walk, change, "prepare") == ["FOUR_EYES"]
    walk.assemble(walk.cohort.round)
    assert codes(activate, walk, change) == ["TRIED_TOO_LONG_AGO"]
    looked(walk, change)
    assert activate(walk, change).state == RuleChange.ACTIVATED
    assert codes(activate, walk, change) == ["DECIDED_ALREADY"]
    entry = Entry.objects.get(event="RULE_CHANGE_ACTIVATED")
    assert (entry.who, entry.additional_data["before"]["notice_days"], entry.additional_data["now"]["notice_days"]) == (
        "approve", 28, 100,
    )  # fmt: skip


def test_the_database_backs_the_second_person_and_keeps_what_was_decided(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    change = propose(walk, notice_days=100)
    looked(walk, change)
    for values in (
        {"decided_by": "prepare", "rests_on": DryRun.objects.get()}, {"decided_by": ""}, {"decided_by": "approve"}
    ):  # fmt: skip
        row = RuleChange.objects.get()
        row.state, row.decided_at = RuleChange.ACTIVATED, walk.now()
        for name, value in values.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError), trail.act():
            row.save()
    activate(walk, change)
    for statement in (
        "UPDATE cohorts_rulechange SET decided_by = 'govern'",
        "UPDATE cohorts_dryrun SET outcome = '[]'",
        "DELETE FROM cohorts_dryrun",
    ):
        with pytest.raises(Error, match="is never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_version_that_came_with_the_program_is_used_once_two_people_say_so(walk_to: WalkTo, stricter: None) -> None:
    walk = walk_to("assemble")
    assert in_force.versions() == {"SF": "2022-04", "TF": "2015-04"}
    assert walk.open_round("BEFORE").framework_version == "2015-04"
    asked: dict[str, Any] = {"framework": "TF", "version": STRICTER, "reason": WHY}
    change = rule_changes.propose_framework(**asked, by=walk.who("prepare"), at=walk.now())
    assert tried(walk, change).outcome[0]["included"] == [7, 0]
    looked(walk, change)
    activate(walk, change)
    assert walk.open_round("AFTER").framework_version == STRICTER
    assert Round.objects.get(code="2026").framework_version == "2015-04"
    asked["by"], asked["at"] = walk.who("prepare"), walk.now()
    assert codes(rule_changes.propose_framework, **asked) == ["NOTHING_CHANGES"]
    assert codes(rule_changes.propose_framework, **asked | {"version": "1999-01"}) == ["UNKNOWN_VERSION"]
    # A framework that no round used is tried on the last cohorts of any.
    change = rule_changes.propose_framework(**asked | {"version": "2015-04"})
    frameworks._files()["TF"].pop("2015-04")
    assert codes(trying.request, change=change, by=walk.who("prepare"), at=walk.now()) == ["UNKNOWN_VERSION"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "NOTHING_CHANGES"),
        ({"datasets": ["NPD", "PNC"]}, "NOTHING_CHANGES"),
        ({"notice_days": 3651}, "BAD_NOTICE_DAYS"),
        ({"notice_days": -1}, "BAD_NOTICE_DAYS"),
        ({"scope": "perhaps"}, "BAD_SCOPE"),
        ({"framework_version": "1999-01"}, "UNKNOWN_VERSION"),
        ({"datasets": []}, "NO_DATASET"),
        ({"notice_days": 30, "reason": "So. "}, "NO_REASON"),
        ({"notice_days": 30, "reason": "So. " * 126}, "LONG_REASON"),
    ],
)
def test_a_proposal_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    assert codes(propose, walk, **asked) == [code]
    assert not RuleChange.objects.exists()


def test_one_change_is_decided_before_another_and_what_is_overtaken_is_not_activated(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    first = propose(walk, notice_days=100)
    assert codes(propose, walk, notice_days=50) == ["ONE_CHANGE_AT_A_TIME"]
    let_go: dict[str, Any] = {"change": first, "reason": WHY}
    assert codes(rule_changes.refuse, **let_go, by=walk.who("prepare"), at=walk.now()) == ["FOUR_EYES"]
    rule_changes.refuse(**let_go, by=walk.who("approve"), at=walk.now())
    assert codes(rule_changes.withdraw, **let_go, by=walk.who("prepare"), at=walk.now()) == ["DECIDED_ALREADY"]
    assert codes(trying.request, change=first, by=walk.who("prepare"), at=walk.now()) == ["DECIDED_ALREADY"]
    second = propose(walk, notice_days=50)
    looked(walk, second)
    with trail.act():
        row = Round.objects.get(code="2026")
        row.scope = "all-or-nothing"
        row.save()
        trail.record(Event.ROUND_OPENED, who=duty("test"), at=walk.now(), about=row)
    assert codes(activate, walk, second) == ["RULES_MOVED_ON"]
    by = walk.who("assist")
    assert rule_changes.withdraw(change=second, reason=WHY, by=by, at=walk.now()).state == RuleChange.WITHDRAWN


def test_a_dry_run_is_made_once_by_one_at_a_time_and_found_again_where_it_was_lost(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    change = propose(walk, notice_days=100)
    asked = trying.request(change=change, by=walk.who("prepare"), at=walk.now())
    assert codes(trying.request, change=change, by=walk.who("assist"), at=walk.now()) == ["BEING_TRIED"]
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Work.TRYING.value, asked.pk])
        assert trying.try_out(asked.pk, by=duty("try"), at=walk.now()) is None
    tasks.try_out(asked.pk)
    assert trying.try_out(asked.pk, by=duty("try"), at=walk.now()) is None
    asked.refresh_from_db()
    assert asked.state == DryRun.FINISHED
    assert Entry.objects.filter(event="DRY_RUN_MADE").count() == 1


def test_it_goes_at_the_prompt_as_on_the_pages(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("assemble")
    monkeypatch.setattr("django.utils.timezone.now", Walk(Path(), minutes=600).now)
    by, second = ("--by", "prepare"), ("--by", "approve")
    end, said, _ = give("rule_change", "propose", "2026", "--notice-days", "100", "--reason", WHY, *by)
    assert (end, said["notice_days"], said["datasets"], said["state"]) == (0, 100, ["PNC", "NPD"], "PROPOSED")
    number = str(said["change"])
    assert give("rule_change", "activate", number, *by)[0] == 1
    end, said, _ = give("rule_change", "try", number, *by)
    assert (end, said["cohorts"][0]["included"], "people" in said["cohorts"][0]) == (0, [7, 0], False)
    assert give("rule_change", "activate", number, *second)[1]["refused"][0]["code"] == "NOT_LOOKED_AT"
    assert give("rule_change", "show", number, *second)[1]["cohorts"][0]["people"]
    changed("prepare", role="data_approver")
    give("rule_change", "show", number, *by)
    assert give("rule_change", "activate", number, *by)[1]["refused"][0]["code"] == "FOUR_EYES"
    end, said, _ = give("rule_change", "activate", number, *second)
    assert (end, said["state"]) == (0, "ACTIVATED")
    assert give("rule_change", "show", "999999", *second)[0] == 1
    assert Round.objects.get(code="2026").notice_days == 100
    assert walk.cohort.notice_days == 28
