"""What PostgreSQL writes is what `extract` makes of every row, byte for byte; or nothing is sealed."""

import json
import random
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from cohorts.rules.numbers import postcode_form
from connecting_families.audit.refusals import Refused
from tests.stages.conftest import WalkTo
from transfers import content, lines, package
from transfers.rules import extract
from transfers.rules.extract import IDENTIFIERS, PROGRAMME, Extract, IdentifiersRow, ProgrammeRow

TYPES = {"date_of_birth": "date", "programme_start": "date", "programme_end": "date", "headlines": "text[]"}
NASTY = (
    "", " ", ",", '"', '""', "\n", "\r", "\r\n", "\\.", "\\N", "NULL", "null", "\t", ";", "'", "''", "a,b", 'say "no"',
    "line\nend", "\ufeffmark", " both sides ", "\\", "=1+1", "李小龍 🏠 e\u0301", "Łucja", "\x01\x1f", "{a,b}", "%s",
    "$1",
)  # fmt: skip
LETTERS = "\",\r\n\t \\;='aZ0é🏠\u00a0\u2028"
POSTCODES = (
    "PE1 1HG", "pe11hg", "W1A1HQ", "\tw1a   1hq ", "gir0aa", "GIR 0AA", "ZZ99 3VZ", "zz993vz", "PE1", "P3 12AB",
    "PE1 1CC", "",
    "PE1\u00a01HG", "PE1\u20031HG", "PE1 1HG\n", "\u00df1 1HG", "E1 1\ufb00", "\u01311 1AA", "\u017fE1 1HG",
    "PE1 1\ufb01",
    "EC1A 1BB", "M1 1AE", "CR2 6XH", "PE1-1HG", "PE1 1H", "", " ", "\uff30\uff251 1HG", "PE\u0661 1HG", "É1 1HG",
    "ZZ99 3\ufb01",
    "P E1 1HG", "PE1 1 HG", "PE1  1HG", "N\u0307E1 1HG", "\u1e9e1 1HG", "\u212a1 1AA",
)  # fmt: skip


def drawn(draw: random.Random, letters: str = LETTERS, longest: int = 6) -> str:
    if draw.random() < 0.3:
        return draw.choice(NASTY)
    return "".join(draw.choice(letters) for _ in range(draw.randrange(longest)))


def person(draw: random.Random, number: int) -> IdentifiersRow:
    row = {name: drawn(draw) for name in IdentifiersRow._fields}
    born = date(1, 1, 1) + timedelta(days=draw.randrange(3_652_058))
    postcode = POSTCODES[number % len(POSTCODES)] if draw.random() < 0.5 else drawn(draw, "PE1 hg\u00a0\u017f", 9)
    known: dict[str, Any] = {
        "submission_person_ref": f"{number:026}", "date_of_birth": born, "postcode": postcode,
        "sex": draw.choice("0129"),
    }  # fmt: skip
    return IdentifiersRow(**(row | known))


def in_family(draw: random.Random, number: int) -> ProgrammeRow:
    row = {name: drawn(draw) for name in ProgrammeRow._fields}
    started = date(2026, 1, 1) + timedelta(days=draw.randrange(300))
    known: dict[str, Any] = {
        "submission_person_ref": f"{number:026}", "programme_start": draw.choice((None, started)),
        "programme_end": draw.choice((None, started)), "submission_family_ref": f"F{number // 3:06}",
        "headlines": draw.sample(("TF1", "TF2", "TF3", "TF4", "TF5", "TF6", "TF", "", "SF1"), draw.randrange(8)),
    }  # fmt: skip
    return ProgrammeRow(**(row | known))


def by_postgresql(which: Extract, columns: Sequence[str], rows: Sequence[Any], order: Sequence[str]) -> bytes:
    types = ", ".join(f'"{name}" {TYPES.get(name, "text")}' for name in which.fields)
    query = f"SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS given ({types})"
    given = json.dumps([row._asdict() for row in rows], default=date.isoformat)
    copy = lines.statement(which, columns, rows=query, order=order)
    with transaction.atomic():
        batches = list(lines.read(copy, {"rows": given}))
    assert sum(count for _, count in batches) == len(rows)
    return b"".join(data for data, _ in batches)


def by_the_rules(which: Extract, columns: Sequence[str], rows: Sequence[Any]) -> bytes:
    values = extract.values(which, columns)
    table = package.Table(which.name, columns, map(values, rows))
    return b"".join(data for data, _ in table.batches())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("which", "row", "order"),
    [
        (IDENTIFIERS, person, ["submission_person_ref"]),
        (PROGRAMME, in_family, ["submission_family_ref", "submission_person_ref"]),
    ],
    ids=["identifiers", "programme"],
)
def test_both_write_the_same_bytes_of_every_column(which: Extract, row: Any, order: list[str]) -> None:
    draw = random.Random(7)
    rows = [row(draw, number) for number in range(2_500)]
    every = tuple(which.columns)
    shuffled = random.Random(8).sample(rows, len(rows))
    assert by_postgresql(which, every, shuffled, order) == by_the_rules(which, every, rows)
    # And of the core alone, where everything that may be empty is.
    bare = [each._replace(**dict.fromkeys(_texts(which), "")) for each in rows[:200]]
    core = tuple(column.name for column in which.core)
    assert by_postgresql(which, core, bare, order) == by_the_rules(which, core, bare)


def _texts(which: Extract) -> set[str]:
    kept = {"submission_person_ref", "submission_family_ref"}
    return {column.field for column in which.columns.values() if column.form is extract.text} - kept


def test_every_form_of_a_file_that_is_sealed_is_known_to_postgresql() -> None:
    forms = {column.form for each in (IDENTIFIERS, PROGRAMME) for column in each.columns.values()}
    assert {form for form in forms if not isinstance(form, extract.Evidenced)} == set(lines.FORMS)
    with pytest.raises(extract.UnnamedColumnError):
        lines.statement(IDENTIFIERS, ["given_name", "team"], rows="", order=[])


@pytest.mark.django_db
def test_postcodes_are_read_alike() -> None:
    draw = random.Random(9)
    letters = "PEWGIRZ0199AHhgz  " + lines.SPACES[:12] + "".join(lines.LETTERS)
    held = [*POSTCODES, *("".join(draw.choices(letters, k=draw.randrange(3, 9))) for _ in range(6_000))]
    for outward, inward in (
        ("SS1", "1\ufb00"),
        ("ZZ99", "3\ufb02"),
        ("ZZ99", "3ab"),
        ("e1", "0\ufb06"),
        ("M\u01311", "1AA"),
    ):
        held += [
            f"{before}{outward}{space}{inward}" for space in ("", *lines.SPACES, "  ") for before in ("", "\u2003")
        ]
    form = lines.FORMS[postcode_form]("sent.postcode")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce({form}, '') FROM unnest(%s::text[]) WITH ORDINALITY AS sent (postcode, place)"
            " ORDER BY place",
            [held],
        )
        found = [row[0] for row in cursor.fetchall()]
    assert found == [postcode_form(each) for each in held]
    assert len(set(found)) > 20


def test_no_letter_or_space_of_unicode_is_forgotten() -> None:
    plain = {chr(code) for code in range(128)}
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert {each for each in every if each.isspace()} == {" ", *lines.SPACES}
    into_plain = {each: each.upper() for each in every if each not in plain and set(each.upper()) <= plain}
    assert into_plain == lines.LETTERS


@pytest.mark.django_db
def test_a_sex_that_is_no_code_is_not_the_same_for_both() -> None:
    odd = person(random.Random(1), 1)._replace(sex="3")
    with pytest.raises(ValueError, match="sex"):
        by_the_rules(IDENTIFIERS, ["sex"], [odd])
    assert by_postgresql(IDENTIFIERS, ["submission_person_ref", "sex"], [odd], ["sex"]).endswith(b",\n")


def test_the_rows_of_a_cohort_are_written_alike(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("put forward")
    monkeypatch.setattr(content, "columns", lambda which, _: tuple(which.columns))
    for which, names in ((IDENTIFIERS, 6), (PROGRAMME, 7)):
        with transaction.atomic():
            made = list(content.table(which, walk.cohort).batches())
            written = list(content.written(which, walk.cohort).batches())
        assert b"".join(data for data, _ in made) == b"".join(data for data, _ in written)
        assert [sum(count for _, count in each) for each in (made, written)] == [names, names]


def test_sealing_that_stops_in_the_midst_of_the_rows_can_be_done_again(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to seal")
    with monkeypatch.context() as full:

        def stops(batches: Any, *_: Any) -> package.SealedFile:
            next(batches)
            next(batches)
            raise OSError(28, "No space left on device")

        full.setattr(lines, "ROWS_AT_ONCE", 1)
        full.setattr(package, "_seal_part", stops)
        with pytest.raises(OSError, match="No space"):
            walk.do("seal")
    assert walk.submission.stage == "APPROVED"
    walk.do("seal")
    assert walk.submission.stage == "SEALED"


def test_one_byte_that_postgresql_writes_otherwise_is_not_sealed(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("ask to seal")
    monkeypatch.setitem(lines.FORMS, extract.text, lambda field: f"nullif(replace({field}, 'Z', 'z'), '')")
    with pytest.raises(Refused) as refusal:
        walk.do("seal")
    assert refusal.value.codes == ["CONTENT_CHANGED"]
    assert walk.submission.stage == "VOID"
