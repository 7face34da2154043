"""A run of the rules freezes every decision, with its reasons and its digest; and can be asked again."""

import hashlib
from datetime import timedelta
from io import BytesIO
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from cohorts import assembly, deciding, shards, tasks
from cohorts.models import Cohort, Decision, Finding
from cohorts.replay import Replayed, replay
from cohorts.rules.inclusion import examine
from connecting_families.alone import Work
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import EXCLUDED, INCLUDED, QUERIES, RUN, Walk, files


def replayed(walk: Walk, cohort: Cohort) -> Replayed:
    return replay(cohort, by=walk.who("prepare"), at=walk.now())


def test_every_candidate_is_decided_once_with_all_reasons(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    decided = Decision.objects.filter(cohort=walk.cohort).values_list("family_ref", "person_ref", "reasons")
    assert sorted(decided) == sorted([(*who, "") for who in INCLUDED] + [(*who, why) for who, why in EXCLUDED.items()])
    groups = dict(Decision.objects.filter(included=True).values_list("family_ref", "group"))
    assert groups == {"F1": "PROGRAMME", "F2": "COMPARISON", "F3": "COMPARISON", "F4": "COMPARISON"}
    cohort = walk.cohort
    assert (cohort.candidates, cohort.included, cohort.families) == (9, 7, 5)
    assert cohort.primary_reasons == {"OBJECTION_PERSON": 1, "NO_DEPENDENT_CHILD": 1}
    assert cohort.findings == QUERIES
    assert sorted(Finding.objects.values_list("code", "person_ref")) == [
        ("DQ201", "P4"), ("DQ204", "P5"), ("DQ212", "P4")
    ]  # fmt: skip


def test_the_decisions_file_is_canonical_and_its_sum_is_the_digest(walk_to: WalkTo) -> None:
    cohort, file = walk_to("assemble").cohort, BytesIO()
    assembly.write_decisions(cohort, file)
    written = file.getvalue()
    assert hashlib.sha256(written).hexdigest() == cohort.digest
    assert written.decode().split("\n") == [
        "family_ref,person_ref,decision,reasons,group,programme_start,programme_end,linkage_scope",
        "F1,P1,included,,PROGRAMME,2026-02-01,,PNC;NPD",
        "F1,P2,included,,PROGRAMME,2026-02-01,,PNC;NPD",
        "F2,P3,included,,COMPARISON,,,PNC;NPD",
        "F2,P4,included,,COMPARISON,,,PNC;NPD",
        "F3,P2,included,,COMPARISON,,,PNC;NPD",
        "F3,P5,included,,COMPARISON,,,PNC;NPD",
        "F4,P6,excluded,OBJECTION_PERSON,,,,",
        "F4,P7,included,,COMPARISON,,,PNC;NPD",
        "F5,P8,excluded,NO_DEPENDENT_CHILD;TOO_FEW_PROBLEMS,,,,",
        "",
    ]


def test_decisions_that_were_changed_behind_its_back_are_not_written(walk_to: WalkTo) -> None:
    cohort = walk_to("assemble").cohort
    with psycopg.connect(address_of(connection.settings_dict["NAME"], settings.DATABASE_OWNER)) as owner:
        owner.execute("ALTER TABLE cohorts_decision DISABLE TRIGGER USER")
        owner.execute("UPDATE cohorts_decision SET included = true, reasons = '' WHERE person_ref = 'P6'")
    with pytest.raises(ValueError, match="digest differs"):
        assembly.write_decisions(cohort, BytesIO())


def test_two_runs_over_the_same_facts_have_the_same_digest(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    first = walk.cohort
    second = walk.assemble(first.round)
    assert second.pk != first.pk
    assert second.digest == first.digest


def test_loading_the_same_again_in_another_order_changes_no_decision(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.load({name: rows[::-1] for name, rows in files().items()})
    assert walk.assemble(walk.cohort.round).digest == Cohort.objects.earliest("pk").digest


def test_the_moment_of_a_run_is_that_to_which_permission_is_compared(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    received = files()["objections"][0]["received_at"]
    before = RUN.fromisoformat(received) - timedelta(microseconds=1)
    asked = assembly.request(round_=walk.cohort.round, run_at=before, by=walk.who("prepare"), at=walk.now())
    assembly.assemble(asked.pk, by=duty("assemble"), at=walk.now())
    assert Decision.objects.get(cohort=asked, person_ref="P6").included


def test_no_run_lies_in_the_future(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    with pytest.raises(assembly.NotAssembled) as refusal:
        assembly.request(round_=walk.cohort.round, run_at=at + timedelta(microseconds=1), by=walk.who("prepare"), at=at)
    assert refusal.value.codes == ["RUN_IN_THE_FUTURE"]
    assert Cohort.objects.count() == 1
    assert Entry.objects.latest("id").event == "ASSEMBLY_REFUSED"


def test_a_run_is_done_once_and_by_one_at_a_time(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    asked = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Work.ASSEMBLING.value, asked.pk])
        assert assembly.assemble(asked.pk, by=duty("assemble"), at=at) is None
        other.commit()
    assert assembly.assemble(asked.pk, by=duty("assemble"), at=at) is not None
    assert assembly.assemble(asked.pk, by=duty("assemble"), at=at) is None
    assert Entry.objects.filter(event="COHORT_ASSEMBLED").count() == 2


def test_a_run_that_stops_half_way_leaves_nothing_and_is_taken_up_again(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    asked = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)
    with monkeypatch.context() as broken:
        broken.setattr(shards, "FAMILIES", 1)
        broken.setattr(assembly, "_matchability", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            assembly.assemble(asked.pk, by=duty("assemble"), at=at)
    asked.refresh_from_db()
    assert asked.state == Cohort.REQUESTED
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cohorts_decision WHERE cohort_id = %s", [asked.pk])
        assert cursor.fetchone() == (0,)
    finished = assembly.assemble(asked.pk, by=duty("assemble"), at=at)
    assert finished is not None
    assert finished.digest == Cohort.objects.earliest("pk").digest


def test_a_replay_over_the_same_facts_has_the_same_digest(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    outcome = replayed(walk, walk.cohort)
    assert outcome == Replayed(walk.cohort.digest, same=True, number=0, differences=[])
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.additional_data["same"]) == ("COHORT_REPLAYED", True)


@pytest.mark.parametrize(
    ("file", "key", "reference", "values", "differs"),
    [
        ("objections", "objection_ref", "OP6", {"lifted_at": "2026-10-02T09:00:00Z"},
         [("F4", "P6", "excluded OBJECTION_PERSON", "included COMPARISON - - PNC;NPD")]),
        ("engagements", "family_ref", "F1", {"ended_on": "2026-03-01"},
         [("F1", person, "included PROGRAMME 2026-02-01 - PNC;NPD", "included PROGRAMME 2026-02-01 2026-03-01 PNC;NPD")
          for person in ("P1", "P2")]),
        ("families", "family_ref", "F3", {"flagged_on": ""},
         [("F3", person, "included COMPARISON - - PNC;NPD", "not a candidate") for person in ("P2", "P5")]),
    ],
)  # fmt: skip
def test_a_replay_names_who_differs_because_facts_changed(
    walk_to: WalkTo, file: str, key: str, reference: str, values: dict[str, str], differs: list[tuple[str, ...]]
) -> None:
    walk = walk_to("assemble")
    walk.change(file, key, reference, **values)
    outcome = replayed(walk, walk.cohort)
    assert [tuple(difference) for difference in outcome.differences] == [(*each, "facts") for each in differs]
    assert (outcome.same, outcome.number) == (False, len(differs))
    assert outcome.digest != walk.cohort.digest


def test_a_replay_names_who_differs_because_the_rules_changed(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("assemble")

    def stricter(family: Any, asked: Any) -> Any:
        decisions, findings = examine(family, asked)
        return [
            each._replace(reasons=("DECEASED",)) if each.person_ref == "P5" else each for each in decisions
        ], findings

    monkeypatch.setattr(deciding, "examine", stricter)
    (difference,) = replayed(walk, walk.cohort).differences
    assert (difference.person_ref, difference.would_be, difference.changed) == ("P5", "excluded DECEASED", "rules")


def test_a_replay_of_somebody_new_names_them(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    newcomer = files()["memberships"][0] | {"person_ref": "P8", "relationship": "partner"}
    walk.load({"memberships": [newcomer]})
    (difference,) = replayed(walk, walk.cohort).differences
    assert (difference.family_ref, difference.person_ref, difference.was) == ("F1", "P8", "not a candidate")


def test_a_replay_changes_nothing(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    before = list(Decision.objects.values_list())
    walk.change("objections", "objection_ref", "OP6", lifted_at="2026-10-02T09:00:00Z")
    replayed(walk, walk.cohort)
    assert list(Decision.objects.values_list()) == before


def test_a_run_that_cannot_succeed_is_given_up_without_quoting_a_record(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    asked = assembly.request(round_=walk.cohort.round, run_at=at, by=walk.who("prepare"), at=at)

    def fails(*_: Any) -> None:
        raise ValueError("Quillfeather cannot be decided.")

    monkeypatch.setattr(deciding, "examine", fails)
    tasks.assemble(asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == ("FAILED", "ValueError")
    assert "Quillfeather" not in caplog.text + str(Entry.objects.latest("id").__dict__)
