"""Erasing a person: by two, once nothing needs the record, and then everywhere; the objection outlives it."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from cohorts import families, findable, loading, notices, objections, people, remembered, rights, uploads
from cohorts.families import Belonging
from cohorts.incoming import Offered
from cohorts.models import Decision, ErasedIdentity, Erasure, Objection, Person, Remembered, RightsRequest
from connecting_families.audit import seal
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance import erasing
from connecting_families.staff import accounts
from tests.audit.conftest import given as command
from tests.oracle.bulk import write
from tests.stages.asked import decide_about, out, together, twice, version_of
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement, receipt_of
from tests.stages.walk import PASSWORD, RUN, Walk
from transfers import receipt, withdrawal

PLANTED = ("ottoline", "thistlewick", "1979-07-08", "qq654321a", "quenelle", "zq9 9zz", "zq99zz", "grimsdyke")
LED = Belonging("lead", lives_in_household=True, parental_responsibility=True, joined_on=date(2026, 1, 1))
TEXTS = """
    SELECT c.table_name, string_agg(
        CASE WHEN c.data_type = 'bytea' THEN format('encode(%I, ''escape'')', c.column_name)
             ELSE format('%I::text', c.column_name) END, ', ')
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY 1
"""


def found(words: tuple[str, ...] = PLANTED, but: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """Which of these words stand in which table, in whatever column and however it is spelt."""
    with connection.cursor() as cursor:
        cursor.execute(TEXTS)
        tables = [row for row in cursor.fetchall() if row[0] not in but]
        there: dict[str, set[str]] = {}
        for table, columns in tables:
            for word in words:
                cursor.execute(
                    f"SELECT EXISTS (SELECT FROM {table} WHERE lower(concat_ws(' ', {columns})) LIKE %s)", [f"%{word}%"]
                )
                if cursor.fetchone() == (True,):
                    there.setdefault(word, set()).add(table)
    return there


def ask(walk: Walk, reference: str, **more: Any) -> RightsRequest:
    at = walk.now()
    asked: dict[str, Any] = {"kind": "erasure", "asked": "Ottoline wants to be erased.", "channel": "letter"} | more
    return rights.receive(person=walk.person(reference), **asked, received_at=at, by=walk.who("worker"), at=at)


def propose(walk: Walk, request: RightsRequest) -> Erasure:
    return erasing.propose(request=request, reason="She asked for it.", by=walk.who("govern"), at=walk.now())


def confirm(walk: Walk, row: Erasure, who: str = "govern2") -> Erasure:
    return erasing.confirm(erasure_=row, by=walk.who(who), at=walk.now())


def codes(act: Any, *asked: Any, event: str = "ERASURE_REFUSED") -> list[str]:
    """Why this is refused, which is on the trail."""
    with pytest.raises(Refused) as refusal:
        act(*asked)
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.additional_data) == (event, {"reasons": refusal.value.codes})
    return refusal.value.codes


def a_second(walk: Walk) -> None:
    accounts.add(username="govern2", role="information_governance", password=PASSWORD, by=duty("test"), at=walk.now())


def plant(walk: Walk) -> None:
    """P5, wherever a person can be: an address, evidence, a notice, two former names, a pair that was decided."""
    walk.change("people", "person_ref", "P5", previous_family_names="Grimsdyke; Ogilvy-Grimsdyke")
    walk.load({
        "addresses": [{"person_ref": "P5", "line_1": "9 Quenelle Mews", "line_2": "Osierham", "postcode": "ZQ9 9ZZ",
                       "from_on": "2026-10-05"}],
        "evidence": [{"evidence_ref": "EX", "family_ref": "F3", "person_ref": "P5", "indicator": "TF5.1",
                      "observed_on": "2026-08-03"}],
    })  # fmt: skip
    notices.issue(
        version=version_of("PN1"), person=walk.person("P5"), issued_on=RUN.date(), channel="in_person",
        by=walk.who("worker"), at=walk.now(),
    )  # fmt: skip
    twice(walk)
    decide_about(walk, together(walk, "P5", "P99"), "DIFFERENT")
    while findable.take_in_what_is_written():
        pass


def withdrawn(walk: Walk) -> None:
    """P5 objects, and is taken out by the recipient, who says so."""
    at = walk.now()
    objections.receive(person=walk.person("P5"), channel="phone", received_at=at, by=walk.who("worker"), at=at)
    made = withdrawal.make(submission=walk.submission, by=duty("withdraw"), at=walk.now())
    assert made is not None
    withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now())


@pytest.fixture
def sealed(settings: Any, tmp_path: Path) -> None:
    settings.CF_CHECKPOINT_KEY, settings.CF_CHECKPOINTS = tmp_path / "checkpoint-key.pem", tmp_path / "outside"


def test_nobody_finds_an_erased_person_anywhere_and_the_objection_stands_again(walk_to: WalkTo, sealed: None) -> None:
    walk = walk_to("deliver")
    a_second(walk)
    plant(walk)
    request = ask(walk, "P5")
    there = found()
    assert there.keys() == set(PLANTED)
    assert there["qq654321a"] >= {"cohorts_person", "cohorts_finding"}
    assert there["thistlewick"] >= {"cohorts_findable", "cohorts_nameword"}
    # From the family to the receipt the trail never knew them: nor does it when they are gone, nor what is exported.
    assert not [table for tables in there.values() for table in tables if table.startswith("audit_")]
    # Sent, and not taken out: the record is needed to say who is to be taken out.
    assert codes(propose, walk, request) == ["SENT"]
    withdrawn(walk)
    assert codes(propose, walk, request) == ["WITHDRAWAL_OPEN"]
    receipt.take_in(data=receipt_of(walk), by=walk.who("prepare"), at=walk.now())
    made = walk.submission.withdrawals.get()
    receipt.take_in(data=acknowledgement(walk, made), by=walk.who("prepare"), at=walk.now())
    row = propose(walk, request)
    assert codes(confirm, walk, row, "govern") == ["FOUR_EYES"]
    upload = uploads.receive(offered=[Offered("people.csv", lambda: [b"x"])], by=walk.who("prepare"), at=walk.now())
    assert codes(confirm, walk, row) == ["UPLOAD_OPEN"]
    uploads.cancel(upload=upload, by=walk.who("prepare"), at=walk.now())
    assert codes(confirm, walk, row, "prepare") == ["NOT_FOR_THIS_ROLE"]
    told = rights.Answer("done", "You are erased.", "", walk.now().date(), "letter")
    by: dict[str, Any] = {"by": walk.who("govern"), "at": walk.now()}
    with pytest.raises(Refused) as early:
        rights.answer(request=request, given=told, **by)
    assert early.value.codes == ["ERASE_FIRST"]
    assert seal.seal(at=walk.now()) is not None
    decisions = list(Decision.objects.order_by("pk").values())
    row = confirm(walk, row)

    assert found() == {}
    assert not Person.objects.filter(reference="P5").exists()
    assert row.remains == [walk.submission.name]
    assert row.counts["records"] == row.counts["remembered"] == row.counts["findings"] == 1
    # What was decided stays, by references that lead nowhere; the trail stays, and still verifies.
    assert list(Decision.objects.order_by("pk").values()) == decisions
    assert seal.seal(at=walk.now()) is not None
    call_command("verify_trail")
    call_command("export_trail", str(walk.folder / "exported"))
    exported = (walk.folder / "exported" / "entries.jsonl").read_text(encoding="utf-8").casefold()
    assert '"person_erased"' in exported
    assert [word for word in PLANTED if word in exported] == []
    assert Entry.objects.filter(event="PERSON_ERASED", reference=str(row)).count() == 1
    assert codes(confirm, walk, row) == ["DECIDED_ALREADY"]
    rights.answer(request=request, given=told, by=walk.who("govern"), at=walk.now())

    # Entered again, by whatever of them is known: the objection stands in the same act.
    given = {"given_name": "OTTOLINE", "family_name": "ogilvy-grimsdyke", "date_of_birth": date(1979, 7, 8), "sex": "2"}
    assert [why.code for why in remembered.warnings(given)] == ["STANDS_AGAIN"]
    assert remembered.warnings(given | {"date_of_birth": date(1979, 7, 9)}) == []
    family = walk.person("P2").memberships.get(family__reference="F3").family
    added = families.add_person(family=family, given=given, belonging=LED, by=walk.who("worker"), at=walk.now())
    again = Objection.objects.get(person=added)
    assert (again.remembered, again.datasets) == (Remembered.objects.get(), [])
    assert out(walk, "F3")[added.reference].startswith("OBJECTION_PERSON")
    entry = Entry.objects.get(event="OBJECTION_STANDS_AGAIN")
    assert (entry.who, entry.reference) == ("system:remember", again.reference)
    assert entry.additional_data["erased"] == "P5"
    # By a bulk file: under the erased reference nobody comes back, under another the objection stands once.
    bulk = {"people": [{"person_ref": "P5", "given_name": "Ottoline", "family_name": "Thistlewick"}]}
    write(bulk, walk.folder / "erased")
    report = loading.load_directory(walk.folder / "erased", by=walk.who("prepare"), at=walk.now())
    assert [(error.line, error.column, error.code) for error in report.errors] == [(2, "person_ref", "ERASED")]
    write({"people": [{"person_ref": "P500", "given_name": "O", "family_name": "T", "nino": "qq 65 43 21 a"}]},
          walk.folder / "again")  # fmt: skip
    again_in_row_2 = "people.csv: objections stand again of 1 person, in row 2,"
    for words, warned in ((("--dry-run",), again_in_row_2), ((), again_in_row_2), ((), "")):
        ended, said, beside = command("load_cases", walk.folder / "again", "--by", "prepare", *words)
        assert (ended, said["errors"], said["loaded"]["people.csv"].keys()) == (
            0,
            [],
            {"created", "changed", "unchanged"},
        )
        assert beside.startswith(warned)
        assert bool(beside) is bool(warned)
    assert Objection.objects.filter(person__reference="P500").count() == 1
    # Lifted, it stays lifted, also where the person is entered once more.
    at = walk.now()
    objections.lift(objection=again, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)
    walk.load({"people": [{"person_ref": "P501", "given_name": "O", "family_name": "T", "nino": "QQ654321A"}]})
    assert not Objection.objects.filter(person__reference="P501").exists()


def test_what_speaks_against_it_is_said_whole_and_nothing_goes(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    a_second(walk)
    twice(walk, "P98", given_name="Ignatius")
    request, at, by = ask(walk, "P3", asked="Marrowbone asks."), walk.now(), walk.who("worker")
    people.protect(person=walk.person("P3"), kind="refuge", from_on=date(2026, 10, 1), by=by, at=at)
    objections.receive(about="Mr Marrowbone of the terrace", received_at=at, by=by, at=at)
    ask(walk, "P3", kind="access")
    assert codes(propose, walk, request) == [
        "PROTECTS_OTHERS", "SAME_DETAILS", "OTHER_REQUEST_OPEN", "UNMATCHED_OBJECTION",
    ]  # fmt: skip
    pair = together(walk, "P3", "P98")
    assert "DUPLICATE_UNDECIDED" in codes(propose, walk, request)
    decide_about(walk, pair, "DIFFERENT")
    assert "SAME_DETAILS" not in codes(propose, walk, request)
    assert codes(propose, walk, ask(walk, "P8", kind="question"))[0] == "NOT_ASKED"
    assert Person.objects.filter(reference="P3").exists()
    assert not Erasure.objects.exists()


def test_the_objection_of_a_family_is_remembered_of_whoever_it_covers(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    a_second(walk)
    family, at, by = walk.person("P7").memberships.get().family, walk.now(), walk.who("worker")
    received = datetime(2026, 10, 30, 9, tzinfo=UTC)
    of_family = objections.receive(family=family, datasets=["PNC"], received_at=received, by=by, at=at)
    for reference, remembers in (("P7", 1), ("P8", 0)):
        confirm(walk, propose(walk, ask(walk, reference)))
        assert Remembered.objects.filter(erasure__person_ref=reference).count() == remembers
    # Of whom nothing has to outlive them, no digest is left either.
    assert set(ErasedIdentity.objects.values_list("erasure__person_ref", flat=True)) == {"P7"}
    assert of_family in Objection.objects.all()
    walk.load({"people": [{"person_ref": "P70", "given_name": "Rafał-Ångström", "family_name": "o'fernsby, jnr",
                           "date_of_birth": "2015-06-07"}]})  # fmt: skip
    again = Objection.objects.get(person__reference="P70")
    assert (again.datasets, again.received_at) == (["PNC"], received)
