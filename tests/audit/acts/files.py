"""Files, loaded at the prompt and by the pages."""

from cohorts import (
    loading,
    uploads,
)
from cohorts.incoming import Offered
from cohorts.load_report import LoadReport
from cohorts.models import (
    Upload,
)
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act
from tests.oracle.bulk import write
from tests.stages.walk import Walk, files


def load(walk: Walk) -> None:
    folder = walk.folder / "bulk"
    write({"families": [files()["families"][0] | {"team": "South"}, {"family_ref": "F9"}]}, folder)
    loading.load_directory(folder, by=walk.who("prepare"), at=walk.now())


def upload(walk: Walk) -> None:
    content = b"family_ref,team,flagged_on,flagged_by,lifted_on\nF9,West,,,\n"
    offered = [Offered("families.csv", lambda: iter([content]))]
    uploads.receive(offered=offered, by=walk.who("prepare"), at=walk.now())


def check_upload(walk: Walk) -> None:
    uploads.check(Upload.objects.get().pk, by=duty("check"), at=walk.now())


def confirm_upload(walk: Walk) -> None:
    uploads.confirm(upload=Upload.objects.get(), by=walk.who("prepare"), at=walk.now())


def load_upload(walk: Walk) -> None:
    uploads.load(Upload.objects.get().pk, at=walk.now())


def checked_upload(walk: Walk) -> None:
    upload(walk)
    check_upload(walk)


def confirmed_upload(walk: Walk) -> None:
    checked_upload(walk)
    confirm_upload(walk)


def not_loaded(walk: Walk) -> None:
    row, at = Upload.objects.get(), walk.now()
    uploads._not_loaded(upload=row, report=LoadReport(errors=[uploads.NOTHING]), by=duty("load"), at=at)


def put_back_upload(walk: Walk) -> None:
    uploads.put_back(upload=Upload.objects.get(), reasons=[uploads.CHANGED], by=duty("load"), at=walk.now())


def cancel_upload(walk: Walk) -> None:
    uploads.cancel(upload=Upload.objects.get(), by=walk.who("prepare"), at=walk.now())


def expire_upload(walk: Walk) -> None:
    uploads.expire(upload=Upload.objects.get(), by=duty("expire"), at=walk.now() + uploads.KEPT_FOR)


def fail_upload(walk: Walk) -> None:
    uploads.fail(upload=Upload.objects.get(), why="ValueError", by=duty("check"), at=walk.now())


ACTS = {
    "cohorts.loading._load": Act("assemble", load, Event.FILE_LOADED),
    "cohorts.uploads.receive": Act("assemble", upload, Event.UPLOAD_RECEIVED),
    "cohorts.uploads._checked": Act("assemble", check_upload, Event.UPLOAD_CHECKED, upload),
    "cohorts.uploads.confirm": Act("assemble", confirm_upload, Event.UPLOAD_CONFIRMED, checked_upload),
    "cohorts.uploads._load": Act("assemble", load_upload, Event.UPLOAD_LOADED, confirmed_upload),
    "cohorts.uploads._not_loaded": Act("assemble", not_loaded, Event.UPLOAD_REFUSED, confirmed_upload),
    "cohorts.uploads.put_back": Act("assemble", put_back_upload, Event.UPLOAD_PUT_BACK, confirmed_upload),
    "cohorts.uploads.cancel": Act("assemble", cancel_upload, Event.UPLOAD_DESTROYED, checked_upload),
    "cohorts.uploads.expire": Act("assemble", expire_upload, Event.UPLOAD_DESTROYED, checked_upload),
    "cohorts.uploads.fail": Act("assemble", fail_upload, Event.UPLOAD_FAILED, upload),
}
