"""The findings of a cohort one by one, and as files."""

import csv
import io
from typing import Any

from openpyxl import load_workbook

from cohorts import people
from connecting_families.audit.models import Entry
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
