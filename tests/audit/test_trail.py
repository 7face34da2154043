"""The trail: an act is on it or does not happen, somebody did it, and no family can be found in it."""

import ast
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Task
from django.conf import settings
from django.db import connection, transaction

from cohorts import (
    loading,
    objections,
    tasks,
)
from cohorts.models import (
    Family,
)
from cohorts.replay import replay
from connecting_families.audit import correlating, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Unrecorded, Who, duty
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.audit.acts import ACTS, NOTHING_BESIDE, files, runs, wishes
from tests.oracle.bulk import write
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, PASSWORD, PEOPLE, RUN

HOME = Path(__file__).parent.parent.parent


class Broken(Exception):
    """The entry cannot be written."""


def is_act(node: ast.expr) -> bool:
    """`trail.stage`, or a call of `trail.act`."""
    called = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(called) == ("trail.act" if isinstance(node, ast.Call) else "trail.stage")


def acts_of(path: Path) -> list[str]:
    """The functions of a file which are an act."""
    module = ".".join(path.relative_to(HOME).with_suffix("").parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            opened = [item.context_expr for each in ast.walk(node) if isinstance(each, ast.With) for item in each.items]
            if any(map(is_act, [*node.decorator_list, *opened])):
                found.append(f"{module}.{node.name}")
    return found


def test_every_act_of_the_program_is_tried_here() -> None:
    """A new one is given a case above, or is named as one of which nothing is kept."""
    found = [
        act
        for package in ("connecting_families", "cohorts", "transfers")
        for path in (HOME / package).rglob("*.py")
        for act in acts_of(path)
        if "views" not in path.name and "views" not in path.parts
    ]
    assert set(found) == ACTS.keys() | NOTHING_BESIDE


def state() -> dict[str, Any]:
    """A digest of every table but the trail, and the files that lie in the folders."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'audit_entry'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    for folder in (settings.CF_OUTBOX, settings.CF_DELIVERY_FOLDER):
        found[folder.name] = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return found


def breaking(monkeypatch: pytest.MonkeyPatch, event: Event) -> None:
    """From here on, no entry of this event can be written."""
    save = Entry.save

    def save_others(entry: Entry, *args: Any, **options: Any) -> None:
        if entry.event == event.name:
            raise Broken
        save(entry, *args, **options)

    monkeypatch.setattr(Entry, "save", save_others)


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_cannot_be_recorded_does_not_happen(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    act = ACTS[name]
    walk = walk_to(act.after)
    act.first(walk)
    was = state()
    with monkeypatch.context() as broken:
        breaking(broken, act.event)
        with pytest.raises(Broken):
            act.act(walk)
    assert state() == was
    recorded = Entry.objects.filter(event=act.event.name).count()
    act.act(walk)
    assert state() != was
    assert Entry.objects.filter(event=act.event.name).count() > recorded


def test_changes_by_a_file_that_cannot_be_recorded_do_not_happen(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    was = state()

    def fails(*_: Any, **__: Any) -> int:
        raise Broken

    monkeypatch.setattr(loading, "record_changes_of_file", fails)
    with pytest.raises(Broken):
        files.load(walk)
    assert state() == was


@pytest.mark.parametrize("reference", ["", "  ", "prepare", "machine:seal", "System:seal"])
def test_nobody_acts_without_being_a_person_or_a_named_duty(reference: str) -> None:
    with pytest.raises(Unrecorded):
        Who(reference)


def test_a_duty_is_no_person() -> None:
    assert Who("prepare", "data_preparer", 7).person == 7
    with pytest.raises(Unrecorded):
        _ = duty("seal").person


@pytest.mark.parametrize(
    "asked",
    [{"by": "prepare", "at": RUN}, {"by": None, "at": RUN}, {"by": duty("test"), "at": datetime(2026, 1, 1)},  # noqa: DTZ001 - this is what is refused
     {"by": duty("test"), "at": None}],
)  # fmt: skip
def test_a_stage_is_asked_by_somebody_at_an_instant(asked: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        accounts.add(username="new", role="data_approver", password=PASSWORD, **asked)


@pytest.mark.django_db
def test_a_change_outside_an_act_is_refused() -> None:
    with pytest.raises(Unrecorded, match="outside a stage"), transaction.atomic():
        Family.objects.create(reference="F1")
    with pytest.raises(Unrecorded, match="outside an act"):
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)


def test_a_change_that_nothing_tells_of_is_rolled_back(walk_to: WalkTo) -> None:
    walk_to("assemble")
    was = state()

    def change() -> None:
        with trail.act():
            Family.objects.create(reference="F9")

    with pytest.raises(Unrecorded):
        change()
    assert state() == was

    def change_inside() -> None:
        with trail.act():
            change()
            trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)

    with pytest.raises(Unrecorded):
        change_inside()

    def change_after_the_entry() -> None:
        with trail.act():
            trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)
            Family.objects.create(reference="F9")

    with pytest.raises(Unrecorded):
        change_after_the_entry()
    assert state() == was
    assert not Entry.objects.filter(reference="F9").exists()


def test_an_inner_act_does_not_take_the_changes_of_the_outer_one(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with trail.act():
        Family.objects.create(reference="OUTER")
        with trail.act():
            inner = trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)
        outer = trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)
    assert inner.changes is None
    assert [change["reference"] for change in outer.changes] == ["OUTER"]


def test_an_entry_says_who_what_when_where_and_what_changed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at, by = walk.now(), walk.who("worker").at_address("192.0.2.7")
    with trail.correlated() as correlation:
        objections.receive(reference="O9", person=walk.person("P1"), received_at=at, by=by, at=at)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.sentence) == ("OBJECTION_RECEIVED", "An objection was received")
    assert (entry.record, entry.reference) == ("cohorts.objection", "O9")
    assert (entry.who, entry.role, entry.actor) == (
        "worker", "early_help_worker", User.objects.get(username="worker")
    )  # fmt: skip
    assert (entry.timestamp, entry.remote_addr, entry.cid) == (at, "192.0.2.7", correlation)
    assert entry.recorded_at.tzinfo is not None
    (change,) = entry.changes
    assert (change["record"], change["reference"], change["act"]) == ("cohorts.objection", "O9", "created")


def test_a_refusal_is_recorded_after_everything_else_is_rolled_back(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    was, at = state(), walk.now()
    reason = Why("TRIED", "This was tried.")

    def refused() -> None:
        with trail.act(walk.who("prepare"), at):
            Family.objects.create(reference="F9")
            trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=at, reference="F9")
            raise Refused([reason], record="file", reference="families.csv")

    with pytest.raises(Refused):
        refused()
    assert state() == was
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.timestamp) == ("ACCESS_REFUSED", "prepare", at)
    assert (entry.record, entry.reference) == ("file", "families.csv")
    assert (entry.additional_data, entry.changes) == ({"reasons": ["TRIED"]}, None)
    assert not Entry.objects.filter(reference="F9").exists()


def test_a_refusal_inside_an_act_is_recorded_once(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    count = Entry.objects.count()

    def refused() -> None:
        with trail.act(walk.who("prepare"), RUN), trail.act(walk.who("prepare"), RUN):
            raise Refused([Why("TRIED", "This was tried.")])

    with pytest.raises(Refused):
        refused()
    assert Entry.objects.count() == count + 1


def test_whoever_hands_work_over_does_it_through_our_celery() -> None:
    """In a process of its own, which like the site's imports nothing of the workers."""
    say = "import connecting_families.wsgi; from cohorts import tasks; print(tasks.assemble.app.main)"
    done = subprocess.run([sys.executable, "-c", say], cwd=HOME, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "connecting_families\n"


def test_a_worker_goes_on_with_the_correlation_of_who_asked(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, handed = walk_to("assemble"), []
    monkeypatch.setattr(Task, "apply_async", lambda *_, headers, **__: handed.append(headers))
    with trail.correlated() as correlation:
        runs.request_a_run(walk)
        tasks.assemble.delay(walk.cohort.pk)
        tasks.assemble_what_is_due()
    assert [headers["correlation"] for headers in handed] == [correlation] * 2
    assert trail.correlation() != correlation
    monkeypatch.undo()
    tasks.assemble.apply((walk.cohort.pk,), headers=handed[0])
    entry = Entry.objects.get(event="COHORT_ASSEMBLED", reference=str(walk.cohort))
    assert (entry.cid, entry.who) == (correlation, "system:assemble")


@pytest.mark.parametrize("forged", ["", "0" * 31, "G" * 32, "0" * 32 + "\n", "' OR 1=1"])
def test_a_correlation_that_was_not_drawn_here_is_not_taken(forged: str) -> None:
    with trail.correlated(forged) as correlation:
        assert correlation != forged
        assert correlating.CORRELATION.fullmatch(correlation)


def test_two_threads_do_not_share_a_correlation_or_an_act(walk_to: WalkTo) -> None:
    walk_to("assemble")
    outcome: list[object] = []

    def change_elsewhere() -> None:
        outcome.append(trail.correlation())
        try:
            with transaction.atomic():
                Family.objects.create(reference="F9")
        except Unrecorded as error:
            outcome.append(error)
        finally:
            connection.close()

    with trail.correlated() as correlation, trail.act():
        thread = threading.Thread(target=change_elsewhere)
        thread.start()
        thread.join(10)
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=RUN)
    drawn, refused = outcome
    assert drawn != correlation
    assert isinstance(refused, Unrecorded)


def planted() -> set[str]:
    """Everything by which somebody of the walk could be known."""
    values = {LINE, "Osierham", "PE1 1AB", "pe11aa", "NOWHERE", "Zenobia", "1991-01-31"}
    for _, given, family, born, _, more in PEOPLE:
        values |= {given, family, born, *more.values()}
        values |= set(family.replace(",", "").split()) - {"jnr"}
    return values


def kept_in_the_trail() -> str:
    """All columns of all entries, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, E'\\n') FROM audit_entry e")
        kept: str = cursor.fetchone()[0]
    return kept


def test_no_family_can_be_found_in_the_trail_of_a_whole_walk(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    replay(walk.cohort, by=walk.who("prepare"), at=walk.now())
    runs.ask_for_a_replay(walk)
    runs.run_again(walk)
    walk.change("people", "person_ref", "P1", given_name="Zenobia", date_of_birth="1991-01-31", nino="", upn="NOWHERE")
    walk.change("addresses", "person_ref", "P2", line_1="Osierham")
    walk.change("people", "person_ref", "P2", merged_into="P1", family_name="Zenobia")
    for act in (wishes.protect, wishes.withdraw, wishes.object_to):
        act(walk)
    folder = walk.folder / "refused"
    write({"people": [{"person_ref": "P9", "given_name": "Zenobia", "date_of_birth": "Osierham"}]}, folder)
    assert loading.load_directory(folder, by=walk.who("prepare"), at=walk.now()).errors
    with pytest.raises(Refused):
        wishes.object_to(walk, "NEW", person=walk.person("P1"))
    kept = kept_in_the_trail()
    assert len(Entry.objects.values("event").distinct()) > 20
    assert "changed" in kept
    assert [value for value in sorted(planted()) if value.casefold() in kept.casefold()] == []


def test_the_search_above_finds_a_name_that_a_stage_would_leave(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with trail.act():
        trail.record(Event.TRAIL_VIEWED, who=duty("test"), at=datetime(2026, 11, 2, tzinfo=UTC), reason="Zenobia")
    assert [value for value in planted() if value in kept_in_the_trail()] == ["Zenobia"]
