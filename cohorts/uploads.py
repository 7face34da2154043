"""Uploads: bulk files brought by the page, checked without being loaded, confirmed by a person, and then loaded.

    CHECKING → CHECKED → LOADING → LOADED        the check found nothing; a person confirmed; a worker loaded it
    CHECKING → WRONG, LOADING → WRONG            there are errors: mend the files, and upload them again
    CHECKING, CHECKED, WRONG → CANCELLED, EXPIRED

An upload is loaded whole, in one transaction, or not at all. The files are in a private folder for as long as they are
needed, and destroyed with what was found wrong in them.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from cohorts import incoming, upload_errors
from cohorts.bulk_errors import BulkError
from cohorts.incoming import Offered, destroy, folder_of
from cohorts.load_report import LoadReport
from cohorts.loading import NothingToLoad, load_directory
from cohorts.models import Upload
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

KEPT_FOR = timedelta(days=1)
ALL = 0
"""Of all uploads, one is checked or loaded at a time: they change the same records."""

ANOTHER = Why(
    "ANOTHER_IS_LOADED", "Another upload is being loaded at this moment. Nothing of yours is lost: try again after it."
)
CHANGED = Why("FILES_CHANGED", "The files are not those that were checked. Upload them again.")
NOTHING = BulkError("", 0, "", "NOTHING_TO_LOAD", "", "There is no bulk file among these.")


class NotTaken(Refused):
    """An upload was refused: its files, or what was asked for."""

    event = Event.UPLOAD_REFUSED


class _Wrong(Exception):
    """What was confirmed has errors now: all of it is taken back, and the report tells them."""

    def __init__(self, report: LoadReport) -> None:
        self.report = report
        super().__init__()


@trail.stage
def receive(*, offered: Sequence[Offered], by: Who, at: datetime) -> Upload:
    """Take files in, to be checked. Raises NotTaken with every reason; of what is refused nothing is kept.

    Sent twice by the same person, the same files are one upload for as long as it is not confirmed.
    """
    if reasons := incoming.wrong_names([each.name for each in offered]):
        raise NotTaken(reasons, record="cohorts.upload")
    code = secrets.token_hex(16)
    folder = folder_of(code)
    try:
        files = incoming.keep(offered, folder)
        if reasons := incoming.wrong_content(files, folder):
            raise NotTaken(reasons, record="cohorts.upload")
        if row := _sent_before(files, by):
            destroy(folder)
            return row
        row = Upload.objects.create(
            code=code, files=files, received_at=at, received_by=by.reference, correlation=trail.correlation()
        )
        sums = {file["kept_as"]: file["sha256"] for file in files}
        trail.record(Event.UPLOAD_RECEIVED, who=by, at=at, about=row, details={"sha256": sums})
    except BaseException:
        destroy(folder)
        raise
    return row


def _sent_before(files: Sequence[dict[str, Any]], by: Who) -> Upload | None:
    sums = {(file["kept_as"], file["sha256"]) for file in files}
    waiting = Upload.objects.filter(state__in=(Upload.CHECKING, Upload.CHECKED), received_by=by.reference)
    return next((row for row in waiting if {(f["kept_as"], f["sha256"]) for f in row.files} == sums), None)


def check(upload_id: int, *, by: Who, at: datetime) -> Upload | None:
    """Find what is wrong with an upload by loading it and taking all of that back.

    None where it is not to be checked, or another is at work on an upload: it stays due.
    """
    with alone(Work.LOADING, ALL) as nobody_else:
        row = Upload.objects.get(pk=upload_id)
        if not nobody_else or row.state != Upload.CHECKING:
            return None
        if incoming.changed(row.files, folder_of(row.code)):
            fail(upload=row, why=CHANGED.code, by=by, at=at)
            return None
        return _checked(upload=row, report=_loaded(row, by, at, dry_run=True), by=by, at=at)


def _loaded(row: Upload, by: Who, at: datetime, *, dry_run: bool) -> LoadReport:
    try:
        return load_directory(folder_of(row.code), by=by, at=at, dry_run=dry_run)
    except NothingToLoad:
        return LoadReport(errors=[NOTHING])


@trail.stage
def _checked(*, upload: Upload, report: LoadReport, by: Who, at: datetime) -> Upload:
    """Keep what the check found. Nothing happens to an upload that was cancelled meanwhile."""
    row = _locked(upload)
    if row.state == Upload.CHECKING:
        row.state, row.checked_at = Upload.WRONG if report.errors else Upload.CHECKED, at
        _keep_report(row, report)
        row.save()
        trail.record(Event.UPLOAD_CHECKED, who=by, at=at, about=row, details=row.report)
    return row


def _keep_report(row: Upload, report: LoadReport) -> None:
    """The counts with the row, the errors in the folder. What is wrong is not loaded as it is, so it need not stay."""
    codes = dict(Counter(error.code for error in report.errors))
    row.report = {"loaded": report.as_json()["loaded"], "errors": len(report.errors), "codes": codes}
    if again := report.stand_again():
        row.report["stand_again"] = again
    if report.errors:
        folder = folder_of(row.code)
        upload_errors.write(report.errors, folder)
        kept = [folder / file["kept_as"] for file in row.files]
        transaction.on_commit(lambda: [path.unlink(missing_ok=True) for path in kept])


@trail.stage
def confirm(*, upload: Upload, by: Who, at: datetime) -> Upload:
    """Say that an upload is to be loaded as it was checked; the same again where it was said already.

    Raises NotTaken where it is not to be confirmed, its files changed since the check, or another is being loaded.
    """
    row = _locked(upload)
    if row.state in (Upload.LOADING, Upload.LOADED):
        return row
    reasons = _against_confirming(row)
    if not reasons:
        row.state, row.confirmed_at, row.confirmed_by_id, row.confirmed_role = Upload.LOADING, at, by.person, by.role
        row.correlation, row.failure = trail.correlation(), ""
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            reasons = [ANOTHER]
    if reasons:
        raise NotTaken(reasons, record="cohorts.upload", reference=row.code)
    trail.record(Event.UPLOAD_CONFIRMED, who=by, at=at, about=row)
    return row


def _against_confirming(row: Upload) -> list[Why]:
    if row.state != Upload.CHECKED:
        sentence = f"This upload is not one to confirm: {Upload.STATES[row.state].lower()}."
        return [Why("NOT_TO_CONFIRM", sentence)]
    if Upload.objects.filter(state=Upload.LOADING).exists():
        return [ANOTHER]
    return [CHANGED] if incoming.changed(row.files, folder_of(row.code)) else []


def load(upload_id: int, *, at: datetime) -> Upload | None:
    """Load an upload as the act of who confirmed it: whole, or (where it has errors by now) not at all.

    None where it is not to be loaded, or another is at work on an upload: it stays due. Raises NotTaken where the files
    are not those that were checked.
    """
    with alone(Work.LOADING, ALL) as nobody_else:
        row = Upload.objects.select_related("confirmed_by").get(pk=upload_id)
        if not nobody_else or row.state != Upload.LOADING:
            return None
        by = row.confirmer()
        try:
            return _load(row, by, at)
        except _Wrong as wrong:
            return _not_loaded(upload=row, report=wrong.report, by=by, at=at)


def _load(row: Upload, by: Who, at: datetime) -> Upload:
    with trail.act(by, at):
        if incoming.changed(row.files, folder_of(row.code)):
            raise NotTaken([CHANGED], record="cohorts.upload", reference=row.code)
        report = _loaded(row, by, at, dry_run=False)
        if report.errors:
            raise _Wrong(report)
        row = _locked(row)
        row.state = Upload.LOADED
        _keep_report(row, report)
        _end(row, at)
        trail.record(Event.UPLOAD_LOADED, who=by, at=at, about=row, details=row.report)
    return row


@trail.stage
def _not_loaded(*, upload: Upload, report: LoadReport, by: Who, at: datetime) -> Upload:
    """What was right when it was checked is wrong now: the records changed between."""
    row = _locked(upload)
    row.state = Upload.WRONG
    _keep_report(row, report)
    row.save()
    details = {"errors": row.report["codes"]}
    trail.record(Event.UPLOAD_REFUSED, who=by, at=at, about=row, details=details)
    return row


@trail.stage
def put_back(*, upload: Upload, reasons: Sequence[Why], by: Who, at: datetime) -> None:
    """Loading was refused for now: the upload waits to be confirmed again, and says why."""
    row = _locked(upload)
    if row.state == Upload.LOADING:
        row.state, row.failure = Upload.CHECKED, " ".join(reason.sentence for reason in reasons)[:200]
        row.save()
        codes = [reason.code for reason in reasons]
        trail.record(Event.UPLOAD_PUT_BACK, who=by, at=at, about=row, details={"reasons": codes})


@trail.stage
def cancel(*, upload: Upload, by: Who, at: datetime) -> Upload:
    """Destroy an upload instead of loading it. Raises NotTaken where it is being loaded, or has ended."""
    row = _locked(upload)
    if row.state not in Upload.OPEN:
        reason = Why("NOT_OPEN", f"This upload cannot be cancelled any more: {Upload.STATES[row.state].lower()}.")
        raise NotTaken([reason], record="cohorts.upload", reference=row.code)
    row.state = Upload.CANCELLED
    _end(row, at)
    trail.record(Event.UPLOAD_DESTROYED, who=by, at=at, about=row)
    return row


@trail.stage
def expire(*, upload: Upload, by: Who, at: datetime) -> None:
    """Destroy an upload that nobody confirmed within a day; nothing happens to any other."""
    row = _locked(upload)
    if row.state in Upload.OPEN and row.received_at <= at - KEPT_FOR:
        row.state = Upload.EXPIRED
        _end(row, at)
        trail.record(Event.UPLOAD_DESTROYED, who=by, at=at, about=row)


@trail.stage
def fail(*, upload: Upload, why: str, by: Who, at: datetime) -> None:
    """Note that checking or loading failed in a way that trying again would not mend; `why` names the kind alone."""
    row = _locked(upload)
    # One that was cancelled meanwhile failed because its files were gone.
    if row.state in (*Upload.OPEN, Upload.LOADING):
        row.state, row.failure = Upload.FAILED, why
        _end(row, at)
        trail.record(Event.UPLOAD_FAILED, who=by, at=at, about=row, details={"failure": why})


def _end(row: Upload, at: datetime) -> None:
    """Save an upload as one that ended: with that its files are gone, and the names that somebody gave them."""
    row.ended_at = at
    row.files = [file | {"name": file["kept_as"], "unread": []} for file in row.files]
    row.save()
    transaction.on_commit(lambda: destroy(folder_of(row.code)))


def due(at: datetime) -> dict[str, list[tuple[int, str]]]:
    """What is to be done for uploads at this instant, each with its correlation: checking, loading, expiring."""
    asked: dict[str, dict[str, Any]] = {
        "check": {"state": Upload.CHECKING},
        "load": {"state": Upload.LOADING},
        "expire": {"state__in": Upload.OPEN, "received_at__lte": at - KEPT_FOR},
    }
    rows = {name: Upload.objects.filter(**which).values_list("pk", "correlation") for name, which in asked.items()}
    return {name: list(found) for name, found in rows.items()}


def tidy(at: datetime) -> None:
    """Destroy the folders of uploads that ended, or came to nothing, where a process was killed before it did that."""
    folders = {path.name: path for path in settings.CF_UPLOADS.glob("*") if path.is_dir()}
    states = dict(Upload.objects.filter(code__in=folders).values_list("code", "state"))
    for code, folder in folders.items():
        state = states.get(code)
        # Files that arrive at this moment have no row yet.
        abandoned = state is None and folder.stat().st_mtime < (at - timedelta(hours=1)).timestamp()
        if abandoned or state in Upload.ENDED:
            destroy(folder)


def _locked(upload: Upload) -> Upload:
    return Upload.objects.select_for_update().get(pk=upload.pk)
