"""Bulk files by the page: told at once what cannot be taken, shown what is wrong, loaded when somebody confirms it."""

import csv
import io
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cohorts import tasks
from cohorts.bulk_files import FILES
from cohorts.loading import load_directory
from cohorts.models import Family, Upload
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.kit.spreadsheets import guarded
from tests.pages.answers import text
from tests.pages.conftest import Clock, SignedIn
from tests.stages.bulk import told
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

HEADER = "family_ref,team,flagged_on,flagged_by,lifted_on\n"
RIGHT = HEADER + "F1,South,2026-01-05,,\nF9,West,,,\n"


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What the pages hand to the workers, instead of a queue."""
    queue = Mock()
    monkeypatch.setattr(tasks.check_upload, "delay", queue.check)
    monkeypatch.setattr(tasks.load_upload, "delay", queue.load)
    return queue


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walked = walk_to("assemble")
    at_the_walks_time(walked)
    return walked


def send(client: Client, *files: tuple[str, str | bytes]) -> Any:
    made = [SimpleUploadedFile(name, data.encode() if isinstance(data, str) else data) for name, data in files]
    return client.post("/files/upload/", {"chosen": made})


def uploaded(client: Client, *files: tuple[str, str | bytes]) -> str:
    """The address of an upload that a worker has checked."""
    answer = send(client, *files)
    assert answer.status_code == 302, text(answer)
    tasks.check_upload(Upload.objects.latest("pk").pk)
    return str(answer["Location"])


def test_files_are_checked_confirmed_and_loaded(walk: Walk, signed_in: SignedIn, handed_over: Mock) -> None:
    client = signed_in("prepare")
    page = send(client, ("families.csv", RIGHT))["Location"]
    row = Upload.objects.get()
    handed_over.check.assert_called_once_with(row.pk)
    running = client.get(page).content.decode()
    assert f'data-poll-url="{page}"' in running
    assert '<meta http-equiv="refresh"' in running
    tasks.check_upload(row.pk)
    assert client.get(page, headers={"X-Poll": "1"}).status_code == 204
    said = text(client.get(page))
    assert "No error was found. Nothing is loaded yet" in said
    assert "families.csv 1 1 0" in said
    for _ in range(2):
        assert client.post(f"{page}confirm/")["Location"] == page
    assert Entry.objects.filter(event="UPLOAD_CONFIRMED").count() == 1
    tasks.load_upload(row.pk)
    assert "The files are loaded, and destroyed here." in text(client.get(page))
    assert Family.objects.get(reference="F9").team == "West"
    assert "Loaded prepare" in text(client.get("/files/"))


def test_errors_are_shown_a_page_at_a_time_and_downloaded_for_a_spreadsheet(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    values = ["=1+1", "+44", "@x", "-1", "\N{FULLWIDTH PLUS SIGN}1", "\ttab", "<script>alert(1)</script>"]
    values += [f"day {n}" for n in range(40)]
    rows = "".join(f"G{n},,{value},,\n" for n, value in enumerate(values))
    page = uploaded(client, ("families.csv", HEADER + rows))
    said = text(client.get(page))
    assert "47 found" in said
    assert "families.csv 2 flagged_on =1+1 This is not a date that exists, written as 2026-09-30. NOT_A_DATE" in said
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(page).content.decode()
    assert "day 39" in text(client.get(f"{page}?page=3"))
    assert "Upload 1 (page 3 of 3)" in client.get(f"{page}?page=3").content.decode()
    answer = client.get(f"{page}errors.csv")
    assert "no-store" in answer["Cache-Control"]
    assert "no-store" in client.get(page)["Cache-Control"]
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    header, *lines = csv.reader(io.StringIO(body))
    assert header == ["file", "line", "column", "code", "value", "what would be accepted"]
    assert [line[4] for line in lines] == [f"'{v}" if n < 6 else v for n, v in enumerate(values)]
    events = Entry.objects.filter(reference=Upload.objects.get().code).values_list("event", flat=True)
    assert {"UPLOAD_ERRORS_VIEWED", "UPLOAD_ERRORS_EXPORTED"} <= set(events)
    assert client.post(f"{page}cancel/").status_code == 302
    assert client.get(f"{page}errors.csv").status_code == 404


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "Choose at least one file"),
        ([("families.xls", "x")], "families.xls has the old Excel format. Save it as an Excel workbook (.xlsx)."),
        ([("<b>.csv", "x")], "<b>.csv is not the name of a bulk file. A csv file is called notice_versions.csv"),
        ([("a.xlsx", "no")], "a.xlsx cannot be read as a workbook."),
        ([("families.csv", "x" * 3000)], "These files are larger than 0 megabytes together."),
        ([("families.csv", "x" * 1500), ("people.csv", "x" * 1500)], "larger than 0 megabytes together."),
    ],
)
def test_what_cannot_be_taken_is_said_in_the_form(
    walk: Walk, signed_in: SignedIn, settings: Any, files: list[tuple[str, str]], sentence: str
) -> None:
    settings.CF_UPLOAD_LIMIT = 2000
    answer = send(signed_in("prepare"), *files)
    assert answer.status_code == 200
    assert answer.content.decode().count("<title>Error: ") == 1
    assert sentence in text(answer).replace("&lt;", "<").replace("&gt;", ">")
    assert not Upload.objects.exists()
    assert not list(settings.CF_UPLOADS.glob("*"))


def test_an_empty_file_is_told_as_the_loader_tells_it(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    assert "The first line is empty. It names the columns." in text(client.get(uploaded(client, ("families.csv", ""))))


def test_another_persons_upload_is_for_those_who_may_load_files(walk: Walk, signed_in: SignedIn) -> None:
    page = uploaded(signed_in("prepare"), ("families.csv", RIGHT))
    for name in ("worker", "approve", "govern"):
        client = signed_in(name)
        for path in (page, f"{page}errors.csv"):
            assert client.get(path).status_code == 403
        for path in (f"{page}confirm/", f"{page}cancel/"):
            assert client.post(path).status_code == 403
    assert signed_in("assist").post(f"{page}confirm/").status_code == 302
    assert Entry.objects.get(event="UPLOAD_CONFIRMED").who == "assist"


def test_a_form_of_another_site_uploads_and_confirms_nothing(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    page = uploaded(client, ("families.csv", RIGHT))
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert send(strict, ("families.csv", RIGHT)).status_code == 403
    assert strict.post(f"{page}confirm/").status_code == 403
    assert Upload.objects.get().state == Upload.CHECKED


def test_a_second_upload_is_told_why_it_waits(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    first, second = (uploaded(client, ("families.csv", f"{RIGHT}F{n}0,West,,,\n")) for n in range(2))
    client.post(f"{first}confirm/")
    answer = client.post(f"{second}confirm/")
    assert "Another upload is being loaded at this moment. Nothing of yours is lost: try again" in text(answer)
    assert "Confirm and load" in text(answer)
    tasks.load_upload(Upload.objects.earliest("pk").pk)
    assert client.post(f"{second}confirm/").status_code == 302


def test_what_the_files_hold_is_what_the_loader_reads(walk: Walk, signed_in: SignedIn, tmp_path: Any) -> None:
    client = signed_in("prepare")
    said = text(client.get("/files/columns/"))
    assert "relationship What the person is in the family One of: lead, partner, child" in said
    for file in FILES:
        assert all(column.name in said for column in file.columns)
        answer = client.get(f"/files/empty/{file.name}.csv")
        assert answer["Content-Disposition"] == f'attachment; filename="{file.file_name}"'
        (tmp_path / file.file_name).write_bytes(answer.content)
    report = load_directory(tmp_path, by=duty("load"), at=walk.now())
    assert told(report) == []
    assert len(report.loaded) == len(FILES)
    assert client.get("/files/empty/secrets.csv").status_code == 404


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+44", "'+44"), ("-1", "'-1"), ("@SUM(1)", "'@SUM(1)"), ("\t=1", "'\t=1"), ("\r", "'\r"),
        ("\n=1", "'\n=1"), ("  =1", "'  =1"), ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("\N{FULLWIDTH COMMERCIAL AT}x", "'\N{FULLWIDTH COMMERCIAL AT}x"),
        ("\N{SMALL HYPHEN-MINUS}1", "'\N{SMALL HYPHEN-MINUS}1"), ("1-1", "1-1"), ("O'Brien", "O'Brien"),
        ("", ""), (7, "7"), (-7, "'-7"), ("'=1", "'=1"), ("a@b", "a@b"),
    ],
)  # fmt: skip
def test_a_cell_is_never_a_formula(value: object, cell: str) -> None:
    assert guarded(value) == cell
