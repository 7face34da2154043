"""An upload is checked, confirmed and loaded, whole or not at all; and nothing of it is left when it ends."""

import io
import os
import stat
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.conf import settings
from django.utils import timezone

from cohorts import column_words, incoming, tasks, upload_errors, uploads
from cohorts.bulk_errors import BulkError
from cohorts.bulk_files import FILES
from cohorts.incoming import Offered
from cohorts.models import Family, Person, Upload
from cohorts.uploads import NotTaken
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

HEADER = "family_ref,team,flagged_on,flagged_by,lifted_on\n"
RIGHT = HEADER + "F1,South,2026-01-05,,\nF9,West,,,\n"
WRONG = HEADER + "F8,West,tomorrow,,\n"


def offered(name: str, content: bytes | str) -> Offered:
    data = content.encode() if isinstance(content, str) else content
    return Offered(name, lambda: iter([data]))


def workbook(**sheets: list[list[Any]]) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def receive(walk: Walk, *files: Offered) -> Upload:
    return uploads.receive(offered=files, by=walk.who("prepare"), at=walk.now())


def checked(walk: Walk, *files: Offered) -> Upload:
    row = receive(walk, *files)
    done = uploads.check(row.pk, by=duty("check"), at=walk.now())
    assert done is not None
    return done


def confirmed(walk: Walk, *files: Offered) -> Upload:
    return uploads.confirm(upload=checked(walk, *files), by=walk.who("assist"), at=walk.now())


def refused(walk: Walk, *files: Offered) -> list[str]:
    with pytest.raises(NotTaken) as refusal:
        receive(walk, *files)
    assert not list(settings.CF_UPLOADS.glob("*"))
    assert not Upload.objects.exists()
    assert Entry.objects.latest("pk").additional_data == {"reasons": refusal.value.codes}
    return refusal.value.codes


def folder(row: Upload) -> Path:
    return incoming.folder_of(row.code)


def test_what_is_checked_is_not_loaded_and_what_is_confirmed_is(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = checked(walk, offered("families.csv", RIGHT))
    assert row.state == Upload.CHECKED
    assert row.report["loaded"] == {"families.csv": {"created": 1, "changed": 1, "unchanged": 0}}
    assert not Family.objects.filter(reference="F9").exists()
    assert not Entry.objects.filter(event="RECORD_CHANGED_BY_FILE").exists()
    uploads.confirm(upload=row, by=walk.who("assist"), at=walk.now())
    loaded = uploads.load(row.pk, at=walk.now())
    assert loaded is not None
    assert (loaded.state, loaded.report) == (Upload.LOADED, row.report)
    assert Family.objects.get(reference="F9").team == "West"
    assert not folder(row).exists()
    entry = Entry.objects.get(event="RECORD_CHANGED_BY_FILE")
    assert (entry.reference, entry.who, entry.role) == ("F1", "assist", "data_preparer")
    confirming = Entry.objects.get(event="UPLOAD_CONFIRMED")
    assert (confirming.who, confirming.record, confirming.reference) == ("assist", "cohorts.upload", row.code)


def test_files_lie_in_a_private_folder_under_names_that_say_nothing(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    names = workbook(families=[["family_ref", "team", "flagged_on", "flagged_by", "lifted_on"], ["F9"]], Notes=[["x"]])
    row = receive(walk, offered("People of Osierham.xlsx", names), offered("people.csv", "person_ref\n"))
    assert stat.S_IMODE(settings.CF_UPLOADS.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder(row).stat().st_mode) == 0o700
    kept = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder(row).iterdir()}
    assert kept == {"workbook-1.xlsx": 0o600, "people.csv": 0o600}
    assert row.files[0]["unread"] == ["Notes"]
    told = str(list(Entry.objects.filter(reference=row.code).values()))
    assert "Osierham" not in told
    assert "Notes" not in told
    uploads.cancel(upload=row, by=walk.who("prepare"), at=walk.now())
    assert not folder(row).exists()
    assert "Osierham" not in str(Upload.objects.values())


def test_errors_are_kept_beside_the_files_and_the_files_are_not_kept(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = checked(walk, offered("families.csv", WRONG))
    assert row.state == Upload.WRONG
    (error,) = upload_errors.Kept(folder(row), row.report["errors"])
    assert (error.file, error.line, error.column, error.value) == ("families.csv", 2, "flagged_on", "tomorrow")
    assert [path.name for path in folder(row).iterdir()] == ["errors.jsonl"]
    assert stat.S_IMODE((folder(row) / "errors.jsonl").stat().st_mode) == 0o600
    assert "tomorrow" not in str(list(Entry.objects.values())) + str(list(Upload.objects.values()))
    with pytest.raises(NotTaken) as refusal:
        uploads.confirm(upload=row, by=walk.who("prepare"), at=walk.now())
    assert refusal.value.codes == ["NOT_TO_CONFIRM"]


def test_one_wrong_file_keeps_the_others_of_its_upload_out(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = checked(walk, offered("families.csv", RIGHT), offered("people.csv", "person_ref\nP9\n"))
    assert row.state == Upload.WRONG
    assert not Family.objects.filter(reference="F9").exists()


def test_thousands_of_errors_are_read_a_page_at_a_time(tmp_path: Path) -> None:
    errors = [
        BulkError("people.csv", n, "sex", "NOT_ACCEPTED", f"line\n{n}\u2028", "Accepted here: 0.") for n in range(9000)
    ]
    assert upload_errors.write(errors, tmp_path) == 9000
    kept = upload_errors.Kept(tmp_path, 9000)
    assert kept[8980:9000] == errors[8980:]
    assert kept[7] == errors[7]
    assert list(kept) == errors
    assert len(kept) == 9000


def test_confirming_twice_is_confirming_once(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = confirmed(walk, offered("families.csv", RIGHT))
    again = uploads.confirm(upload=row, by=walk.who("prepare"), at=walk.now())
    assert (again.state, again.confirmed_by, again.confirmed_at) == (row.state, row.confirmed_by, row.confirmed_at)
    assert uploads.load(row.pk, at=walk.now()) is not None
    assert uploads.load(row.pk, at=walk.now()) is None
    assert uploads.confirm(upload=row, by=walk.who("prepare"), at=walk.now()).state == Upload.LOADED
    for event in ("UPLOAD_CONFIRMED", "UPLOAD_LOADED"):
        assert Entry.objects.filter(event=event).count() == 1


def test_files_sent_twice_are_one_upload_until_it_is_confirmed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    first = receive(walk, offered("families.csv", RIGHT))
    assert receive(walk, offered("families.csv", RIGHT)) == first
    assert [path.name for path in settings.CF_UPLOADS.iterdir()] == [first.code]
    others = uploads.receive(offered=[offered("families.csv", RIGHT)], by=walk.who("assist"), at=walk.now())
    assert others != first
    uploads.check(first.pk, by=duty("check"), at=walk.now())
    assert receive(walk, offered("families.csv", RIGHT)) == first
    uploads.confirm(upload=first, by=walk.who("prepare"), at=walk.now())
    assert receive(walk, offered("families.csv", RIGHT)) != first


def test_a_second_upload_waits_while_one_is_loaded_and_can_be_tried_again(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    second = checked(walk, offered("families.csv", HEADER + "F7,West,,,\n"))
    first = confirmed(walk, offered("families.csv", RIGHT))
    with pytest.raises(NotTaken) as refusal:
        uploads.confirm(upload=second, by=walk.who("prepare"), at=walk.now())
    assert refusal.value.codes == ["ANOTHER_IS_LOADED"]
    uploads.load(first.pk, at=walk.now())
    uploads.confirm(upload=second, by=walk.who("prepare"), at=walk.now())
    assert uploads.load(second.pk, at=walk.now()) is not None
    assert Family.objects.filter(reference__in=["F7", "F9"]).count() == 2


@pytest.mark.parametrize("change", ["other bytes", "gone", "one more"])
def test_files_that_changed_after_the_check_are_refused_when_confirmed_and_when_loaded(
    walk_to: WalkTo, change: str
) -> None:
    walk = walk_to("assemble")

    def tamper(row: Upload) -> None:
        path = folder(row) / "families.csv"
        if change == "other bytes":
            path.write_text(RIGHT.replace("F9", "F8"))
        elif change == "gone":
            path.unlink()
        else:
            (folder(row) / "engagements.csv").write_text("family_ref,started_on,ended_on,intervention\n")

    row = checked(walk, offered("families.csv", RIGHT))
    tamper(row)
    with pytest.raises(NotTaken) as refusal:
        uploads.confirm(upload=row, by=walk.who("prepare"), at=walk.now())
    assert refusal.value.codes == ["FILES_CHANGED"]
    row = confirmed(walk, offered("families.csv", RIGHT + "F6,West,,,\n"))
    tamper(row)
    tasks.load_upload(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure) == (Upload.CHECKED, uploads.CHANGED.sentence)
    assert not Family.objects.filter(reference__in=["F8", "F9"]).exists()


def test_records_that_changed_after_the_check_are_found_by_the_load(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    header = "evidence_ref,family_ref,person_ref,indicator,observed_on,source,recorded_by,in_error_at\n"
    people = (
        "person_ref,given_name,middle_names,family_name,previous_family_names,date_of_birth,dob_missing_reason,"
        "sex,date_of_death,nino,nhs_number,upn,uln,in_education,merged_into\n"
    )
    row = confirmed(
        walk,
        offered("families.csv", RIGHT),
        offered("people.csv", people + "P2,,,,,,,,,,,,,,P1\n"),
        offered("evidence.csv", header + "E9,F9,,TF1.1,2026-01-01,,,\n"),
    )
    walk.load({"people": [{"person_ref": "P1", "merged_into": "P2"}]})
    was = list(Person.objects.order_by("pk").values())
    done = uploads.load(row.pk, at=walk.now())
    assert done is not None
    assert (done.state, done.report["codes"]) == (Upload.WRONG, {"MERGED_IN_A_CIRCLE": 1})
    assert list(Person.objects.order_by("pk").values()) == was
    assert not Family.objects.filter(reference="F9").exists()
    assert Entry.objects.latest("pk").event == "UPLOAD_REFUSED"


def test_an_upload_that_nobody_confirms_is_destroyed_after_a_day(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    row = checked(walk, offered("families.csv", RIGHT))
    for later, state in ((timedelta(hours=23, minutes=58), Upload.CHECKED), (timedelta(days=1), Upload.EXPIRED)):
        monkeypatch.setattr(timezone, "now", lambda later=later: row.received_at + later)
        tasks.look_after_uploads()
        row.refresh_from_db()
        assert row.state == state
    assert not folder(row).exists()
    assert Entry.objects.latest("pk").who == "system:expire"


def test_what_a_killed_process_left_lying_about_is_destroyed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    open_ = receive(walk, offered("families.csv", RIGHT))
    ended = receive(walk, offered("families.csv", WRONG))
    uploads.cancel(upload=ended, by=walk.who("prepare"), at=walk.now())
    at = walk.now()
    for name, age in (("abandoned", timedelta(hours=2)), ("arriving", timedelta(0)), (ended.code, timedelta(0))):
        (settings.CF_UPLOADS / name).mkdir()
        os.utime(settings.CF_UPLOADS / name, ((at - age).timestamp(),) * 2)
    uploads.tidy(at)
    assert {path.name for path in settings.CF_UPLOADS.iterdir()} == {open_.code, "arriving"}


def test_an_upload_cancelled_while_it_is_checked_stays_cancelled(
    walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    row = receive(walk, offered("families.csv", RIGHT))

    def cancelled(*_: Any, **__: Any) -> None:
        uploads.cancel(upload=row, by=walk.who("prepare"), at=walk.now())
        raise FileNotFoundError

    monkeypatch.setattr(uploads, "load_directory", cancelled)
    tasks.check_upload(row.pk)
    row.refresh_from_db()
    assert row.state == Upload.CANCELLED
    with pytest.raises(NotTaken):
        uploads.cancel(upload=row, by=walk.who("prepare"), at=walk.now())


def test_what_fails_for_good_says_so_and_keeps_nothing(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to("assemble")
    row = receive(walk, offered("families.csv", RIGHT))

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("F9")

    monkeypatch.setattr(uploads, "load_directory", fails)
    tasks.check_upload(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure) == (Upload.FAILED, "ZeroDivisionError")
    assert not folder(row).exists()


# Which files are taken ------------------------------------------------------------------------------------------


FAMILIES: list[list[Any]] = [
    ["family_ref", "team", "flagged_on", "flagged_by", "lifted_on"],
    ["F9", "West", None, None, None],
]


def with_part(content: bytes, name: str, data: bytes) -> bytes:
    made = io.BytesIO(content)
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return made.getvalue()


def encrypted(content: bytes) -> bytes:
    """As if every part were under a password: its flag in the table of contents."""
    place, made = 0, bytearray(content)
    while (place := content.find(b"PK\x01\x02", place)) >= 0:
        made[place + 8] |= 1
        place += 4
    return bytes(made)


NOT_TAKEN: list[tuple[str, str, Callable[[], bytes], str]] = [
    ("an old workbook", "families.xls", lambda: b"", "OLD_WORKBOOK"),
    ("a workbook for macros", "families.xlsm", lambda: b"", "MACROS"),
    ("another ending", "families.ods", lambda: b"", "WRONG_ENDING"),
    ("no ending", "families", lambda: b"", "WRONG_ENDING"),
    ("a csv of another name", "families (1).csv", lambda: b"", "UNKNOWN_FILE"),
    ("a path", "../families.csv", lambda: b"", "UNKNOWN_FILE"),
    ("a workbook as csv", "families.csv", lambda: workbook(families=FAMILIES), "NOT_CSV"),
    ("text as a workbook", "a.xlsx", lambda: RIGHT.encode(), "NOT_A_WORKBOOK"),
    ("nothing as a workbook", "a.xlsx", lambda: b"", "NOT_A_WORKBOOK"),
    ("half a workbook", "a.xlsx", lambda: workbook(families=FAMILIES)[:900], "NOT_A_WORKBOOK"),
    ("another zip", "a.xlsx", lambda: with_part(b"", "a.txt", b"text"), "NOT_A_WORKBOOK"),
    ("a password (office)", "a.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "PROTECTED_WORKBOOK"),
    ("a password (zip)", "a.xlsx", lambda: encrypted(workbook(families=FAMILIES)), "PROTECTED_WORKBOOK"),
    ("macros inside", "a.xlsx", lambda: with_part(workbook(families=FAMILIES), "xl/vbaProject.bin", b"x"), "MACROS"),
    ("a bomb", "a.xlsx",
     lambda: with_part(workbook(families=FAMILIES), "xl/media/x", bytes(40_000_000)), "UNPACKS_TOO_LARGE"),
    ("an entity bomb", "a.xlsx", lambda: with_part(b"", "xl/workbook.xml",
     b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'), "NOT_A_WORKBOOK"),
    ("no sheet of ours", "a.xlsx", lambda: workbook(Families=FAMILIES), "NO_SHEET"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "code"), [row[1:] for row in NOT_TAKEN], ids=[row[0] for row in NOT_TAKEN])
def test_a_file_that_cannot_be_loaded_is_refused_at_once(
    walk_to: WalkTo, name: str, content: Callable[[], bytes], code: str
) -> None:
    assert refused(walk_to("assemble"), offered(name, content())) == [code]


def test_files_are_refused_where_it_is_not_clear_which_counts(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    both = workbook(families=FAMILIES, people=[["person_ref"]])
    assert refused(walk, offered("families.csv", RIGHT), offered("a.xlsx", both)) == ["FILE_TWICE"]
    assert refused(walk, offered("families.csv", RIGHT), offered("families.csv", RIGHT)) == ["FILE_TWICE"]
    assert refused(walk, offered("a.xlsx", both), offered("b.xlsx", both)) == ["FILE_TWICE", "FILE_TWICE"]
    assert refused(walk) == ["NO_FILE"]
    assert "TOO_MANY_FILES" in refused(walk, *[offered(f"{n}.xlsx", both) for n in range(25)])


def test_a_formula_is_refused_with_file_sheet_and_cell(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    rows = [*FAMILIES, ["F10", '=HYPERLINK("x")', None, None, None]]
    row = checked(walk, offered("names.xlsx", workbook(families=rows)))
    (error,) = upload_errors.Kept(folder(row), row.report["errors"])
    assert (error.file, error.line, error.column, error.code) == ("workbook-1.xlsx:families", 3, "team", "FORMULA")
    assert error.message.endswith("It is cell B3.")


def test_what_looks_like_a_formula_in_a_csv_file_comes_in_exactly(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    texts = ["=1+1", "+44 1632 960000", "@x", "-1", "\N{FULLWIDTH EQUALS SIGN}1"]
    rows = "".join(f"F{n}0,{text},,,\n" for n, text in enumerate(texts))
    row = confirmed(walk, offered("families.csv", HEADER + rows))
    assert uploads.load(row.pk, at=walk.now()) is not None
    assert (
        list(Family.objects.filter(reference__regex=r"^F\d0$").order_by("pk").values_list("team", flat=True)) == texts
    )


@pytest.mark.django_db
def test_every_column_is_explained_and_nothing_else() -> None:
    for file in FILES:
        found = list(column_words.explained(file))
        assert [column.name for column in found] == [column.name for column in file.columns]
        assert all(column.means and column.accepts for column in found)
    assert column_words.unused() == set()
