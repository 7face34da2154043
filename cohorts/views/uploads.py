"""Pages of uploads: bulk files come in, are checked, confirmed and loaded; each step says what happens to the files."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from cohorts import tasks, upload_errors
from cohorts import uploads as stage
from cohorts.bulk_errors import BulkError
from cohorts.forms.uploads import UploadForm
from cohorts.incoming import Offered, folder_of
from cohorts.load_report import in_rows
from cohorts.models import Upload
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact, link, tag
from connecting_families.kit.spreadsheets import csv_for_people
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, moment, polls, refused_form

PER_PAGE = 20
COLOURS = {
    Upload.CHECKING: "yellow", Upload.CHECKED: "blue", Upload.WRONG: "red", Upload.LOADING: "yellow",
    Upload.LOADED: "green", Upload.CANCELLED: "grey", Upload.EXPIRED: "grey", Upload.FAILED: "red",
}  # fmt: skip
COLUMNS = [Column("Uploaded"), Column("By"), Column("Files"), Column("State"), Column("Confirmed by")]
ERRORS = [Column("File"), Column("Line", numeric=True), Column("Column"), Column("Value"),
          Column("What is wrong, and what would be accepted"), Column("Code")]  # fmt: skip
FILES = [Column("File"), Column("Size", numeric=True), Column("Sheets that are not read")]
COUNTS = [Column("File"), Column("Added", numeric=True), Column("Changed", numeric=True),
          Column("Unchanged", numeric=True)]  # fmt: skip


@opened_by(Permission.LOAD_FILES)
def uploads(request: HttpRequest) -> HttpResponse:
    """Every upload, the newest first."""
    page = Paginator(Upload.objects.select_related("confirmed_by").order_by("-id"), 25).get_page(
        request.GET.get("page")
    )
    rows = [
        [
            link(moment(row.received_at), reverse("upload", args=[row.code])),
            row.received_by,
            ", ".join(file["name"] for file in row.files),
            state_tag(row.state),
            row.confirmed_by or "",
        ]
        for row in page
    ]
    empty = "No file was uploaded yet."
    context = {"title": "Load files", "page": page, "table": Table("Uploads", COLUMNS, rows, empty=empty)}
    return render(request, "cohorts/uploads.html", context)


@opened_by(Permission.LOAD_FILES)
def upload_files(request: HttpRequest) -> HttpResponse:
    """Take files in, and hand them to a worker to check."""
    asked = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(request, *asked)
    if request.method == "POST" and form.is_valid():
        offered = [Offered(file.name, file.chunks) for file in form.cleaned_data["chosen"]]
        try:
            row = stage.receive(offered=offered, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("chosen", reason.sentence)
        else:
            hand_over(tasks.check_upload.delay, row.pk)
            return redirect("upload", row.code)
    context = {"form": form, "title": "Choose the files to load", "back_href": reverse("uploads")}
    return render(request, "cohorts/upload_form.html", context | {"submit": "Upload and check"})


@opened_by(Permission.LOAD_FILES)
@never_cache
def upload(request: HttpRequest, code: str) -> HttpResponse:
    """One upload: progress while a worker is at it, then its errors, or what confirming it would do, or what it did."""
    return _page(request, get_object_or_404(Upload, code=code))


@require_POST
@opened_by(Permission.LOAD_FILES)
def confirm(request: HttpRequest, code: str) -> HttpResponse:
    """Have it loaded. Pressed twice, it is confirmed once."""
    row = get_object_or_404(Upload, code=code)
    try:
        row = stage.confirm(upload=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        row.refresh_from_db()
        return _page(request, row, refused=refusal)
    if row.state == Upload.LOADING:
        hand_over(tasks.load_upload.delay, row.pk)
    return redirect("upload", code)


@require_POST
@opened_by(Permission.LOAD_FILES)
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Destroy it instead of loading it."""
    row = get_object_or_404(Upload, code=code)
    try:
        stage.cancel(upload=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        row.refresh_from_db()
        return _page(request, row, refused=refusal)
    messages.success(request, "The upload is cancelled. Its files and everything found in them are destroyed.")
    return redirect("uploads")


@opened_by(Permission.LOAD_FILES)
@never_cache
def errors_csv(request: HttpRequest, code: str) -> StreamingHttpResponse:
    """Everything that is wrong, for a spreadsheet."""
    row = get_object_or_404(Upload, code=code, state=Upload.WRONG)
    _looked(request, Event.UPLOAD_ERRORS_EXPORTED, row)
    names = _names(row)
    header = ["file", "line", "column", "code", "value", "what would be accepted"]
    rows = ([_file(e, names), e.line or "", e.column, e.code, e.value, e.message] for e in _errors(row))
    return csv_for_people(f"errors-{row.pk}.csv", header, rows)


def _page(request: HttpRequest, row: Upload, refused: Refused | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "title": f"Upload {row.pk}", "caption": "Load files", "upload": row, "back_href": reverse("uploads"),
        "facts": facts(
            ("State", state_tag(row.state)),
            ("Uploaded", f"{moment(row.received_at)} by {row.received_by}"),
            ("Checked", moment(row.checked_at)),
            ("Confirmed", f"{moment(row.confirmed_at)} by {row.confirmed_by}" if row.confirmed_at else ""),
            ("Loaded" if row.state == Upload.LOADED else "Ended", moment(row.ended_at)),
        ),
    }  # fmt: skip
    if refused:
        context["form"] = refused_form(refused.reasons)
    if row.state in (Upload.CHECKING, Upload.LOADING):
        context |= {"poll_url": reverse("upload", args=[row.code]), "steps": _steps(row)}
        return render(request, "cohorts/upload_running.html", context)
    if polls(request):
        return HttpResponse(status=204)
    if row.state == Upload.WRONG:
        return _wrong(request, row, context)
    sizes = [[f["name"], _size(f["bytes"]), ", ".join(f["unread"])] for f in row.files]
    names = _names(row)
    counts = [
        [_shown(file, names), each["created"], each["changed"], each["unchanged"]]
        for file, each in row.report.get("loaded", {}).items()
    ]
    would = row.state == Upload.CHECKED
    caption = "What confirming would do" if would else "What was loaded"
    context |= {
        "files": Table("Files", FILES, sizes),
        "unread": any(file["unread"] for file in row.files),
        "counts": Table(caption, COUNTS, counts) if would or row.state == Upload.LOADED else None,
        "again": _stand_again(row) if would or row.state == Upload.LOADED else [],
    }
    return render(request, "cohorts/upload.html", context)


def _stand_again(row: Upload) -> list[str]:
    """Of each file: how many objections of people who were erased stand again, and in which rows. Not of whom."""
    names = _names(row)
    return [f"{_shown(file, names)}: {in_rows(told)}." for file, told in row.report.get("stand_again", {}).items()]


def _wrong(request: HttpRequest, row: Upload, context: dict[str, Any]) -> HttpResponse:
    """The errors, a page of them; opening it is recorded, because their values are personal data."""
    page = Paginator(_errors(row), PER_PAGE).get_page(request.GET.get("page"))
    names = _names(row)
    rows = [
        [_file(e, names), f"{e.line:,}" if e.line else "", exact(e.column), exact(e.value), e.message, e.code]
        for e in page
    ]
    _looked(request, Event.UPLOAD_ERRORS_VIEWED, row)
    return render(
        request, "cohorts/upload_wrong.html", context | {"page": page, "table": Table("Errors", ERRORS, rows)}
    )


def _errors(row: Upload) -> upload_errors.Kept:
    return upload_errors.Kept(folder_of(row.code), row.report["errors"])


def _looked(request: HttpRequest, event: Event, row: Upload) -> None:
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=row)


def _steps(row: Upload) -> list[dict[str, str]]:
    loading = row.state == Upload.LOADING
    return [
        {"text": f"Uploaded by {row.received_by} on {moment(row.received_at)}", "state": "done"},
        {"text": "Checking every row, without loading any", "state": "done" if loading else "now"},
        {
            "text": f"Confirmed by {row.confirmed_by} on {moment(row.confirmed_at)}" if loading else "Confirmed by you",
            "state": "done" if loading else "next",
        },
        {"text": "Loading", "state": "now" if loading else "next"},
    ]


def _names(row: Upload) -> dict[str, str]:
    """The name that a file was kept under, and the one that somebody gave it."""
    return {file["kept_as"]: file["name"] for file in row.files}


def _shown(file: str, names: dict[str, str]) -> str:
    """A file, or a sheet of a workbook, under the name that people know."""
    kept_as, colon, sheet = file.partition(":")
    name = names.get(kept_as, kept_as)
    return f"{name}, sheet {sheet}" if colon else name


def _file(error: BulkError, names: dict[str, str]) -> str:
    return _shown(error.file, names)


def _size(size: int) -> str:
    return (
        f"{size / 1_000_000:,.1f} MB" if size >= 1_000_000 else f"{max(size, 1000) // 1000:,} kB" if size else "Empty"
    )


def state_tag(state: str) -> object:
    """An upload's state."""
    return tag(Upload.STATES[state], COLOURS[state])
