"""Records of one person: merged and parted, in whatever order, nobody who objected or is protected is ever let in."""

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from cohorts import answers, compared, consent, duplicates, loading, notices, objections, people, queries
from cohorts.models import Cohort, Consent, Finding, Membership, Merge, Notice, Objection, Pair, Protection
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.conftest import address_of
from tests.oracle import oracle, project
from tests.oracle.bulk import write
from tests.stages.asked import decide_about, family_of, merge, out, person_of, together, undo, version_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import CUT_OFF, PASSWORD, RUN, Walk, files

TODAY = RUN.date()


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    """P3 of F2 and P5 of F3, who may be one; P9 is in no family."""
    walk = walk_to("assemble")
    walk.load({"people": [{"person_ref": "P9", "given_name": "Ottoline", "family_name": "Thistlewick"}]})
    return walk


@pytest.fixture
def found_by_a_search(walk: Walk) -> Pair:
    """A pair as a search writes it."""
    from connecting_families.audit import trail
    from connecting_families.audit.events import Event

    first, second = person_of("P3"), person_of("P5")
    with trail.act():
        pair = Pair.objects.create(first=first, second=second, found_by=[Pair.SCORE], weight=12.5, found_at=RUN)
        trail.record(Event.RECORDS_BROUGHT_TOGETHER, who=duty("search"), at=RUN, about=pair)
    return pair


def merged(walk: Walk, kept: str, other: str) -> Merge:
    return merge(walk, together(walk, kept, other), keep=person_of(kept))


def objects(walk: Walk, **about: Any) -> Objection:
    at = walk.now()
    return objections.receive(received_at=at, **about, by=walk.who("worker"), at=at)


def lift(walk: Walk, row: Objection) -> None:
    at = walk.now()
    objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)


def marked(walk: Walk, reference: str, kind: str = "refuge") -> Protection:
    return people.protect(person=person_of(reference), kind=kind, from_on=TODAY, by=walk.who("worker"), at=walk.now())


def refused(act: Any, **asked: Any) -> list[str]:
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert Entry.objects.latest("pk").additional_data == {"reasons": refusal.value.codes}
    return refusal.value.codes


def about(reference: str) -> list[Objection]:
    return list(Objection.objects.filter(person__reference=reference).order_by("pk"))


# Merging -----------------------------------------------------------------------------------------------------------


def test_an_objection_of_either_keeps_the_survivor_out_and_after_undoing_it_keeps_out_both(
    walk: Walk, found_by_a_search: Pair
) -> None:
    objects(walk, person=person_of("P3"))
    assert (out(walk, "F2"), out(walk, "F3")) == ({"P3": "OBJECTION_PERSON"}, {})
    row = merge(walk, found_by_a_search, keep=person_of("P5"))
    assert out(walk, "F2") == out(walk, "F3") == {"P5": "OBJECTION_PERSON"}
    undo(walk, row)
    assert (out(walk, "F2"), out(walk, "F3")) == ({"P3": "OBJECTION_PERSON"}, {"P5": "OBJECTION_PERSON"})
    run = walk.assemble(walk.cohort.round)
    excluded = dict(run.decisions.filter(person_ref__in=("P3", "P5")).values_list("person_ref", "reasons"))
    assert excluded == {"P3": "OBJECTION_PERSON", "P5": "OBJECTION_PERSON"}


def test_undoing_again_and_again_multiplies_nothing_and_each_is_lifted_by_itself(walk: Walk) -> None:
    objects(walk, person=person_of("P3"))
    for _ in range(3):
        undo(walk, merged(walk, "P5", "P3"))
    (own,), (copy,) = about("P3"), about("P5")
    assert (own.copied_from, copy.copied_from) == (None, own)
    assert (copy.received_at, copy.datasets) == (own.received_at, own.datasets)
    lift(walk, copy)
    assert (out(walk, "F2"), out(walk, "F3")) == ({"P3": "OBJECTION_PERSON"}, {})
    undo(walk, merged(walk, "P3", "P5"))
    assert out(walk, "F3") == {"P5": "OBJECTION_PERSON"}


def test_what_was_lifted_while_they_were_one_stands_again_since_nobody_knows_who_asked(walk: Walk) -> None:
    row = objects(walk, person=person_of("P3"))
    merge_ = merged(walk, "P5", "P3")
    lift(walk, row)
    assert out(walk, "F3") == {}
    undo(walk, merge_)
    assert (out(walk, "F2"), out(walk, "F3")) == ({"P3": "OBJECTION_PERSON"}, {"P5": "OBJECTION_PERSON"})


def test_a_lift_dated_before_the_merge_but_told_after_it_counts_as_told(walk: Walk) -> None:
    row = objects(walk, person=person_of("P3"))
    asked = walk.now()
    merge_ = merged(walk, "P5", "P3")
    objections.lift(
        objection=row, lifted_at=asked, asked_by="self", channel="phone", by=walk.who("worker"), at=walk.now()
    )
    undo(walk, merge_)
    assert out(walk, "F3") == {"P5": "OBJECTION_PERSON"}


def test_an_objection_lifted_before_the_merge_stays_lifted(walk: Walk) -> None:
    lift(walk, objects(walk, person=person_of("P3")))
    undo(walk, merged(walk, "P5", "P3"))
    assert (len(about("P3")), about("P5")) == (1, [])


def test_a_refused_objection_stays_refused_with_both(walk: Walk) -> None:
    row = objects(walk, person=person_of("P3"))
    merge_ = merged(walk, "P5", "P3")
    why: dict[str, Any] = {"reason": "We must.", "legal_reference": "Article 21(1) UK GDPR", "told_on": TODAY}
    answers.refuse(objection=row, **why, by=walk.who("govern"), at=walk.now())
    undo(walk, merge_)
    (copy,) = about("P5")
    assert (copy.refused_at is not None, copy.refusal_reason) == (True, "We must.")
    assert out(walk, "F2") == out(walk, "F3") == {}


def test_a_family_objection_narrowed_to_one_goes_on_protecting_both(walk: Walk) -> None:
    row = objects(walk, family=family_of("F2"))
    merge_ = merged(walk, "P5", "P3")
    answers.narrow(objection=row, persons=[person_of("P5")], reason="Asked.", by=walk.who("govern"), at=walk.now())
    undo(walk, merge_)
    assert set(row.narrowed_to.values_list("reference", flat=True)) == {"P3", "P5"}
    assert out(walk, "F2") == {"P3": "OBJECTION_FAMILY"}


def test_a_mark_is_left_with_both_also_one_that_was_ended_while_they_were_one(walk: Walk) -> None:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    mark = marked(walk, "P3")
    merge_ = merged(walk, "P5", "P3")
    assert out(walk, "F3") == {"P5": "PROTECTED_ADDRESS"}
    yesterday: dict[str, Any] = {"last_day": TODAY, "reason": "Moved."}
    people.end_protection(mark=mark, **yesterday, by=walk.who("manage"), at=walk.now() + timedelta(days=1))
    undo(walk, merge_)
    for _ in range(2):
        undo(walk, merged(walk, "P5", "P3"))
    marks = Protection.objects.filter(to_on=None).values_list("person__reference", "kind")
    assert sorted(marks) == [("P3", "refuge"), ("P5", "refuge")]


def test_consents_of_both_are_the_survivors_and_a_withdrawal_in_that_time_is_of_both(walk: Walk) -> None:
    walk.load({
        "notices": [{"notice_ref": "NP5", "version": "PN2", "person_ref": "P5", "issued_on": "2026-08-01"}],
        "consents": [{"consent_ref": "CP5", "person_ref": "P5", "version": "PN2", "given_on": "2026-08-02"}],
    })  # fmt: skip
    merge_ = merged(walk, "P5", "P3")
    at = walk.now()
    consent.withdraw(consent=Consent.objects.get(reference="CP3"), withdrawn_at=at, by=walk.who("worker"), at=at)
    # The other consent stands, and a person who consented once consents (spec/rules.md).
    assert out(walk, "F3") == {}
    undo(walk, merge_)
    assert (out(walk, "F2"), out(walk, "F3")) == ({"P3": "CONSENT_MISSING"}, {"P5": "CONSENT_MISSING"})


def test_the_middle_of_a_chain_is_undone_and_what_was_entered_meanwhile_stays(walk: Walk) -> None:
    merged(walk, "P3", "P9")
    middle = merged(walk, "P5", "P3")
    objects(walk, person=person_of("P5"))
    before = Cohort.objects.get().digest
    undo(walk, middle)
    now = {ref: person_of(ref).merged_into for ref in ("P3", "P5", "P9")}
    assert now == {"P3": None, "P5": None, "P9": person_of("P3")}
    assert len(about("P3")) == len(about("P5")) == 1
    assert set(Membership.objects.filter(person__reference="P3").values_list("family__reference", flat=True)) == {"F2"}
    assert Cohort.objects.get().digest == before
    assert Entry.objects.latest("pk").additional_data["left_with_both"]["objections"] == 1


def test_a_notice_given_while_they_were_one_that_asks_for_consent_was_given_to_both(walk: Walk) -> None:
    merge_ = merged(walk, "P5", "P3")
    asked: dict[str, Any] = {"issued_on": TODAY, "channel": "letter", "by": walk.who("worker")}
    notices.issue(version=version_of("PN2"), person=person_of("P5"), **asked, at=walk.now())
    notices.issue(version=version_of("PN1"), person=person_of("P3"), **asked, at=walk.now())
    undo(walk, merge_)
    for _ in range(2):
        undo(walk, merged(walk, "P5", "P3"))
    given = Notice.objects.filter(issued_on=TODAY).values_list("person__reference", "version__version")
    assert sorted(given) == [("P3", "PN1"), ("P3", "PN2"), ("P5", "PN2")]


def test_nobody_is_merged_while_a_submission_passes_a_door(walk: Walk) -> None:
    pair = together(walk, "P3", "P5")
    with psycopg.connect(address_of(connection.settings_dict["NAME"], connection.settings_dict)) as door:
        door.execute(f"LOCK TABLE {', '.join(queries.PERMISSION_TABLES)} IN SHARE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                merge(walk, pair, keep=pair.first)
            cursor.execute("SET lock_timeout = 0")
    assert not Merge.objects.exists()
    merge(walk, pair, keep=pair.first)


# Deciding ------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_decided_is_refused_with_every_reason(walk: Walk) -> None:
    pair = together(walk, "P3", "P5")
    seen = compared.fingerprint(pair, compared.two_of(pair))
    asked = {"pair": pair, "outcome": Pair.SAME, "keep": pair.first, "reason": "So it is.", "seen": seen}
    for who in ("approve", "govern", "worker"):
        by = {"by": walk.who(who), "at": walk.now()}
        assert refused(duplicates.decide, **asked, **by) == ["NOT_FOR_THIS_ROLE"]
        assert refused(duplicates.bring_together, first="P1", second="P2", **by) == ["NOT_FOR_THIS_ROLE"]
    by = {"by": walk.who("prepare"), "at": walk.now()}
    nothing = asked | {"outcome": "", "keep": None, "reason": " "}
    assert refused(duplicates.decide, **nothing, **by) == ["NO_OUTCOME", "NO_REASON"]
    assert refused(duplicates.decide, **asked | {"keep": person_of("P1"), "seen": ""}, **by) == [
        "CHANGED_MEANWHILE", "KEEP_WHICH",
    ]  # fmt: skip
    walk.change("people", "person_ref", "P3", given_name="Ignatia")
    assert refused(duplicates.decide, **asked, **by) == ["CHANGED_MEANWHILE"]
    marked(walk, "P5", "adoption")
    assert refused(duplicates.decide, **asked, **by) == ["PROTECTED_IDENTITY"]
    assert refused(duplicates.bring_together, first="P3", second="P0", **by) == ["UNKNOWN_REFERENCE"]
    assert refused(duplicates.bring_together, first="P3", second="P3", **by) == ["ONE_ALREADY"]
    assert not Merge.objects.exists()


def test_a_decision_is_told_once_and_another_may_take_its_place_until_they_are_one(walk: Walk) -> None:
    pair = together(walk, "P5", "P3")
    assert (pair.first.reference, together(walk, "P3", "P5").pk) == ("P3", pair.pk)
    decide_about(walk, pair, Pair.DIFFERENT)
    seen = compared.fingerprint(pair, compared.two_of(pair))
    count = Entry.objects.count()
    decide_about(walk, pair, Pair.DIFFERENT)
    assert Entry.objects.count() == count
    decide_about(walk, pair, Pair.NOT_SURE, who="assist")
    stale = {"pair": pair, "outcome": Pair.DIFFERENT, "reason": "No.", "seen": seen}
    assert refused(duplicates.decide, **stale, by=walk.who("prepare"), at=walk.now()) == ["CHANGED_MEANWHILE"]
    row = merge(walk, pair, keep=person_of("P3"))
    decide_about(walk, pair, Pair.SAME, keep=person_of("P3"))
    asked = {"outcome": Pair.DIFFERENT, "reason": "No.", "seen": seen}
    assert refused(duplicates.decide, pair=pair, **asked, by=walk.who("prepare"), at=walk.now()) == ["ONE_ALREADY"]
    undo(walk, row)
    undo(walk, row)
    assert refused(duplicates.undo, merge=row, reason="No.", by=walk.who("assist"), at=walk.now()) == ["UNDONE_ALREADY"]
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by, pair.reason) == (Pair.OPEN, "", "")
    events = ["RECORDS_MERGED", "DUPLICATE_DECIDED", "MERGE_UNDONE"]
    assert [e.event for e in Entry.objects.filter(event__in=events).order_by("pk")][-3:] == events


def test_of_two_who_decide_at_once_one_is_told_and_no_circle_is_made(walk: Walk) -> None:
    pair = together(walk, "P3", "P5")
    seen = compared.fingerprint(pair, compared.two_of(pair))
    ready, said = threading.Barrier(2), []

    def decides(who: str, keep: str) -> None:
        asked: dict[str, Any] = {"outcome": Pair.SAME, "keep": person_of(keep), "reason": "So it is.", "seen": seen}
        by = walk.who(who)
        ready.wait(10)
        try:
            duplicates.decide(pair=pair, **asked, by=by, at=RUN + timedelta(hours=1))
        except Refused as refusal:
            said.append(refusal.codes)
        finally:
            connection.close()

    both = [threading.Thread(target=decides, args=each) for each in (("prepare", "P3"), ("assist", "P5"))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(20)
    assert said == [["ONE_ALREADY"]]
    assert Merge.objects.count() == 1
    assert sorted([person_of("P3").merged_into_id is None, person_of("P5").merged_into_id is None]) == [False, True]


# Findings ------------------------------------------------------------------------------------------------------------


def test_whoever_waits_to_be_decided_has_a_query_as_the_oracle_has_it(walk: Walk, found_by_a_search: Pair) -> None:
    def of_run() -> set[tuple[str, str]]:
        run = walk.assemble(walk.cohort.round)
        asked = oracle.Asked(cut_off=CUT_OFF, run_at=run.run_at, datasets=("PNC", "NPD"), recipients=("ONS",))
        assert project.findings() == oracle.findings(connection, asked)
        found = Finding.objects.filter(cohort=run, code="DQ209")
        return set(found.values_list("family_ref", "person_ref"))

    assert of_run() == {("F2", "P3"), ("F3", "P5")}
    together(walk, "P9", "P1")
    decide_about(walk, found_by_a_search, Pair.NOT_SURE)
    # Of a record that is merged into another, that other one.
    merged(walk, "P7", "P9")
    assert of_run() == {("F2", "P3"), ("F3", "P5"), ("F1", "P1"), ("F4", "P7")}
    row = merge(walk, found_by_a_search, keep=person_of("P3"))
    assert of_run() == {("F1", "P1"), ("F4", "P7")}
    undo(walk, row)
    decide_about(walk, found_by_a_search, Pair.DIFFERENT)
    assert of_run() == {("F1", "P1"), ("F4", "P7")}


# Files ---------------------------------------------------------------------------------------------------------------


def load(walk: Walk, **row: str) -> list[str]:
    folder = walk.folder / f"people-{walk.minutes}"
    (own,) = (each for each in files()["people"] if each["person_ref"] == "P3")
    write({"people": [own | row]}, folder)
    return [error.code for error in loading.load_directory(folder, by=walk.who("prepare"), at=walk.now()).errors]


def test_a_file_that_knows_nothing_of_a_merge_leaves_it_and_none_undoes_one(walk: Walk) -> None:
    row = merged(walk, "P5", "P3")
    assert load(walk, merged_into="") == []
    assert person_of("P3").merged_into == person_of("P5")
    assert load(walk, merged_into="P1") == ["MERGED_OTHERWISE"]
    undo(walk, row)
    # Whatever it names: they were parted here.
    assert load(walk, merged_into="P5") == []
    assert person_of("P3").merged_into is None
    assert load(walk, merged_into="P6") == []
    assert load(walk, merged_into="") == ["MERGED_OTHERWISE"]
    by_file = Merge.objects.get(undone_at=None)
    assert (by_file.kept.reference, by_file.merged_by, by_file.pair) == ("P6", "prepare", None)
    undo(walk, by_file)
    assert out(walk, "F2") == {"P3": "OBJECTION_PERSON"}
