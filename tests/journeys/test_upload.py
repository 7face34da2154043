"""Bulk files as a data preparer brings them: wrong at first, mended, confirmed, loaded; a worker may die on the way."""

import csv
import html
import io
import time
from pathlib import Path

import pytest
from django.conf import settings

from cohorts import incoming, tasks, uploads
from cohorts.incoming import Offered
from cohorts.models import Family, Person, Upload
from connecting_families.audit.models import Entry
from connecting_families.celery import app
from connecting_families.kit.spreadsheets import guarded
from connecting_families.staff import accounts
from tests.faults.test_workers import LOADER, a_worker, now, wait_until
from tests.pages.conftest import Browse, Reader, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.pages.test_uploads import send
from tests.stages.conftest import WalkTo

FAMILIES = "family_ref,team,flagged_on,flagged_by,lifted_on\n"
PEOPLE = ["person_ref", "given_name", "middle_names", "family_name", "previous_family_names", "date_of_birth",
          "dob_missing_reason", "sex", "date_of_death", "nino", "nhs_number", "upn", "uln", "in_education",
          "merged_into"]  # fmt: skip
NAUGHTY = [
    "=1+1", "+44 1632 960000", "@SUM(1+1)*cmd|' /C calc'!A0", "-1", "\N{FULLWIDTH EQUALS SIGN}1", "\tTab", "a\rb",
    "a\nb", "<script>alert(1)</script>", "'; DROP TABLE cohorts_person;--", "{{ 7*7 }}", "{% debug %}", "%s%n${x}",
    "\\N", "\\.", 'He said "no"', "a,b;c", "O\N{RIGHT SINGLE QUOTATION MARK}Brien", "Łukasik-Åström", "Ἀχιλλεύς",
    "田中さん", "\N{RIGHT-TO-LEFT OVERRIDE}txet", "مرحبا بالعالم", "\N{NO-BREAK SPACE}", "\ufeff", "\U0010ffff",
    "Z\N{COMBINING GRAVE ACCENT}\N{COMBINING ACUTE ACCENT}algo", "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{GIRL}",
    "  two  spaces  ", "\N{ZERO WIDTH SPACE}", "undefined", "null", "NaN", "1/0", "-0.0", "0x0", "true",
    "../../etc/passwd", "file:///etc/passwd",
]  # fmt: skip


def people(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, PEOPLE, restval="", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def choose(reader: Reader, *files: tuple[str, str]) -> None:
    """Choose these files on the form, and send it."""
    offered = [{"name": name, "mimeType": "text/csv", "buffer": text.encode()} for name, text in files]
    reader.page.get_by_label("Files").set_input_files(offered)  # type: ignore[arg-type]
    follow(reader.page.get_by_role("button", name="Upload and check"))


@needs_a_browser
def test_files_with_errors_are_mended_and_loaded(
    walk_to: WalkTo,
    queue: None,
    signed_in: SignedIn,
    serve: Serve,
    browse: Browse,
    tmp_path: Path,
) -> None:
    walk_to("assemble")
    client = signed_in("prepare")
    wrong = FAMILIES + "".join(f"G{n},North,{n} May,,\n" for n in range(25))
    right = FAMILIES + "".join(f"G{n},North,2026-05-{n + 1:02},,\n" for n in range(25))
    members = people([{"person_ref": "G-P1", "given_name": "Ida", "sex": "2"}])
    reader = browse(serve(), client)
    page = reader.page
    with a_worker():
        reader.open("/")
        follow(page.get_by_role("link", name="Load files"))
        follow(page.get_by_role("button", name="Choose files"))
        choose(reader, ("families.csv", wrong), ("people.csv", members))
        page.get_by_text("Nothing was loaded. Mend the files").wait_for()
        reader.look()
        follow(page.get_by_role("link", name="Next page"))
        assert page.get_by_role("cell", name="24 May").is_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the errors").click()
        download.value.save_as(tmp_path / "errors.csv")
        with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
            errors = list(csv.DictReader(file))
        assert [(e["line"], e["value"]) for e in errors] == [(str(n + 2), f"{n} May") for n in range(25)]
        follow(page.get_by_role("button", name="Upload the mended files"))
        choose(reader, ("families.csv", right), ("people.csv", members))
        page.get_by_role("button", name="Confirm and load").wait_for()
        reader.look()
        follow(page.get_by_role("button", name="Confirm and load"))
        page.get_by_text("The files are loaded, and destroyed here.").wait_for()
        reader.look()
        assert page.get_by_role("row", name="families.csv 25 0 0").is_visible()
        page.go_back()
        assert page.get_by_role("heading", level=1).inner_text() == "Upload 2"


@needs_a_browser
def test_an_upload_goes_on_without_a_script(
    walk_to: WalkTo,
    queue: None,
    signed_in: SignedIn,
    serve: Serve,
    browse: Browse,
) -> None:
    walk_to("assemble")
    client = signed_in("prepare")
    site = serve()
    reader = browse(site, client)
    plain = reader.page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    bare = Reader(plain, site, client)
    with a_worker():
        bare.page.goto(f"{site}/files/upload/")
        choose(bare, ("families.csv", FAMILIES + "G1,North,,,\n"))
        follow(bare.page.get_by_role("button", name="Confirm and load"))
        bare.page.get_by_text("The files are loaded, and destroyed here.").wait_for()


def test_any_text_comes_in_exactly_and_is_shown_and_downloaded_so(
    walk_to: WalkTo, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_to("assemble")
    for task in (tasks.check_upload, tasks.load_upload):
        monkeypatch.setattr(task, "delay", lambda _: None)
    client = signed_in("prepare")
    right = [{"person_ref": f"N{n}", "given_name": text, "family_name": text} for n, text in enumerate(NAUGHTY)]
    page = send(client, ("people.csv", people(right)))["Location"]
    upload = Upload.objects.get()
    tasks.check_upload(upload.pk)
    assert client.post(f"{page}confirm/").status_code == 302
    tasks.load_upload(upload.pk)
    held = Person.objects.filter(reference__startswith="N").order_by("pk")
    assert [person.given_name for person in held] == NAUGHTY
    assert [person.family_name for person in held] == NAUGHTY
    wrong = [{"person_ref": f"N{n}", "sex": text} for n, text in enumerate(NAUGHTY)]
    page = send(client, ("people.csv", people(wrong)))["Location"]
    tasks.check_upload(Upload.objects.latest("pk").pk)
    shown = "".join(client.get(f"{page}?page={n}").content.decode() for n in (1, 2))
    for text in NAUGHTY:
        assert f'<bdi class="cf-exact">{html.escape(text)}</bdi>' in shown
    body = b"".join(client.get(f"{page}errors.csv").streaming_content)  # type: ignore[attr-defined]
    errors = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert [error["value"] for error in errors] == [guarded(text) for text in NAUGHTY]


def test_a_load_that_is_killed_leaves_nothing_and_is_done_once_by_the_next_worker(
    committed: str,
    queue: None,
    folders: Path,
) -> None:
    by = accounts.add(username="prepare", role="data_preparer", password="a walk through anytown", by=LOADER, at=now())
    count, interrupted = 3_000, 0
    with a_worker() as worker:
        for attempt in range(4):
            rows = FAMILIES + "".join(f"K{attempt}-{n},North,,,\n" for n in range(count))
            members = people([{"person_ref": f"K{attempt}-{n}", "given_name": "Ida"} for n in range(count)])
            offered = [
                Offered("families.csv", lambda rows=rows: iter([rows.encode()])),  # type: ignore[misc]
                Offered("people.csv", lambda members=members: iter([members.encode()])),  # type: ignore[misc]
            ]
            upload = uploads.receive(offered=offered, by=by.who(), at=now())
            started = time.perf_counter()
            assert uploads.check(upload.pk, by=LOADER, at=now()) is not None
            seconds = time.perf_counter() - started
            wait_until(lambda: app.control.ping(timeout=0.3, limit=1) != [])
            uploads.confirm(upload=upload, by=by.who(), at=now())
            tasks.load_upload.delay(upload.pk)
            time.sleep(seconds * (attempt + 1) / 5)
            worker.kill()
            time.sleep(0.2)
            upload.refresh_from_db()
            mine = (
                Family.objects.filter(reference__startswith=f"K{attempt}-"),
                Person.objects.filter(reference__startswith=f"K{attempt}-"),
            )
            if upload.state == Upload.LOADING:
                interrupted += 1
                assert [found.count() for found in mine] == [0, 0]
            worker.follow()
            wait_until(lambda u=upload: Upload.objects.get(pk=u.pk).state == Upload.LOADED)  # type: ignore[misc]
            upload.refresh_from_db()
            assert upload.report["loaded"]["families.csv"] == {"created": count, "changed": 0, "unchanged": 0}
            assert [found.count() for found in mine] == [count, count]
            assert Entry.objects.filter(event="UPLOAD_LOADED", reference=upload.code).count() == 1
            # The worker may have been ended between the commit and this: the sweep does it then.
            uploads.tidy(now())
            assert not incoming.folder_of(upload.code).exists()
    assert Entry.objects.filter(event="FILE_LOADED").count() == 8
    assert not list(settings.CF_UPLOADS.iterdir())
    assert interrupted, "No kill came in the middle of a load."
