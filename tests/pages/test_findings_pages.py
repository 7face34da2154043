"""The findings of a cohort one by one, and as files."""

import csv
import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from cohorts import loading, people
from cohorts.models import Finding
from cohorts.views import findings
from connecting_families import invented
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.kit.spreadsheets import csv_for_people, workbook_for_people
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import QUERIES


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_findings_are_listed_by_reference_and_their_values_stand_in_the_files_alone(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/findings"
    page = client.get(f"{where}/").content.decode()
    assert page.count('scope="row"') == sum(QUERIES.values())
    for value in ("NOWHERE", "QQ654321A"):
        assert value not in page
    narrowed = client.get(f"{where}/?code=DQ204").content.decode()
    assert narrowed.count('scope="row"') == 1
    assert "P5" in narrowed
    rows = list(csv.reader(io.StringIO(content(client.get(f"{where}.csv")).decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(content(client.get(f"{where}.xlsx"))))
    assert [[cell.value or "" for cell in row] for row in book["Findings"].rows] == rows
    assert {(row[0], row[2], row[6]) for row in rows[1:]} == {
        ("P4", "DQ201", "NOWHERE"), ("P4", "DQ212", "0"), ("P5", "DQ204", "QQ654321A"),
    }  # fmt: skip
    assert len(list(csv.reader(io.StringIO(content(client.get(f"{where}.csv?code=DQ204")).decode("utf-8-sig"))))) == 2
    assert Entry.objects.filter(event="FINDINGS_EXPORTED", who="prepare").count() == 3
    assert signed_in("worker").get(f"{where}.csv").status_code == 403


def test_no_value_of_somebody_protected_and_no_formula_is_downloaded(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    at = walk.now()
    people.protect(person=person_of("P4"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    walk.change("people", "person_ref", "P5", nino="=1+1")
    walk.change("people", "person_ref", "P3", nino="AA")
    walk.assemble(walk.cohort.round)
    # Marked since: the run knew nothing of it.
    people.protect(person=person_of("P3"), kind="adoption", from_on=at.date(), by=walk.who("worker"), at=walk.now())
    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/findings"
    body = content(client.get(f"{where}.csv")).decode("utf-8-sig")
    assert "NOWHERE" not in body
    assert "Not shown: this person is protected" in body
    assert ",'=1+1" in body
    assert body.count("Not shown: this person is protected") == 3
    assert ",AA" not in body
    sheet = load_workbook(io.BytesIO(content(client.get(f"{where}.xlsx"))))["Findings"]
    cells = {cell.value: cell.data_type for row in sheet.rows for cell in row}
    assert cells["=1+1"] == "s"
    assert "NOWHERE" not in cells


FAMILIES = 1_200


def test_thousands_of_findings_are_paged_in_order_and_downloaded_as_they_are_read(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    invented.write(walk.folder / "many", FAMILIES)
    for name in ("notice_versions", "agreements", "notices", "consents", "objections"):
        (walk.folder / "many" / f"{name}.csv").unlink()
    assert loading.load_directory(walk.folder / "many", by=duty("load"), at=walk.now()).errors == []
    cohort = walk.assemble(walk.cohort.round)
    at_the_walks_time(walk)
    client, where = signed_in("prepare"), f"/cohorts/{cohort.pk}/findings"
    every = list(Finding.objects.filter(cohort=cohort).values_list("family_ref", "person_ref", "code", "field"))
    assert len(every) > 1_000
    last = -(-len(every) // 50)
    asked = []
    for query in (
        "?page=1",
        f"?page={last}",
        f"?page={last}&sort=family",
        f"?page={last // 2}&sort=-family&code=DQ204",
    ):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{where}/{query}").status_code == 200
        asked.append(len(captured))
        assert not [it["sql"] for it in captured if "count(*)" in it["sql"].lower() and "finding" in it["sql"]]
    assert max(asked) - min(asked) <= 2
    assert max(asked) < 40
    pages = [client.get(f"{where}/?page={n}&sort=family") for n in range(1, last + 1)]
    families = [row.cells[0].text for page in pages for row in page.context["table"].rows]
    assert families == sorted(family for family, *_ in every)
    # Whoever is wrong in two fields of one kind stands on two lines, and on no page twice.
    rows = [row for page in pages for row in page.context["table"].rows]
    lines = [(str(row.heading), *(str(cell.text) for cell in row.cells)) for row in rows]
    assert len(lines) == len(every)
    for kind in ("csv", "xlsx"):
        answer = client.get(f"{where}.{kind}")
        assert answer.streaming
        body = content(answer)
        read = (
            list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
            if kind == "csv"
            else list(load_workbook(io.BytesIO(body), read_only=True)["Findings"].rows)
        )
        assert len(read) == 1 + len(every)
    monkeypatch.setattr(findings, "MOST_ROWS", len(every) - 1)
    refused = client.get(f"{where}.xlsx", follow=True)
    assert "Narrow the list to one kind, or take the CSV" in refused.content.decode()
    assert client.get(f"{where}.xlsx?code=DQ204").status_code == 200


def test_a_file_leaves_while_it_is_written_whatever_its_size() -> None:
    """The rows have no end: what waited for the last of them would never leave."""
    read = itertools.count(1)

    def rows() -> Iterator[list[object]]:
        for number in read:
            yield [number, "a" * 100]

    for answer in (csv_for_people("x.csv", ["n", "a"], rows()), workbook_for_people("x.xlsx", "S", ["n", "a"], rows())):
        was, parts = next(read), iter(answer)
        assert all(isinstance(next(parts), bytes) for _ in range(4))
        assert next(read) - was < 4_000


def test_a_workbook_keeps_every_text_as_it_stands() -> None:
    texts = ["=1+1", "a\rb\nc\td", "  two  ", "_x0041_", "<&>\"'", "Łukasik", "\x00\x07bell", "", "0012", "田"]
    body = b"".join(workbook_for_people("x.xlsx", 'A & "B"', ["one"], [[text] for text in texts]))
    sheet = load_workbook(io.BytesIO(body))['A & "B"']
    kept = [row[0].value or "" for row in sheet.rows][1:]
    assert kept == [text.replace("\x00", "").replace("\x07", "").replace("_x0041_", "_x005F_x0041_") for text in texts]
    assert {row[0].data_type for row in sheet.rows if row[0].value} == {"s"}
