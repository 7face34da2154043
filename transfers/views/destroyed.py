"""The certificate of a destruction: a page to print, and a download that is checked without this program."""

import base64
import io
import json
import zipfile
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_words, moment
from transfers.models import Destruction
from transfers.views.shown import FILES, row_of

ROWS = [Column("What was deleted"), Column("Rows", numeric=True)]
WHAT = {
    "cohorts": "Cohorts of which nobody can say any more who was in", "dry_runs": "Dry runs that named people",
    "replays": "Replays that named people", "explained_of_one": "Explanations of one person or family",
    "explanations": "Explanations whose words were deleted", "rejected": "People whom a recipient could not load",
    "sent_back_reasons": "Reasons why it was sent back", "void_reasons": "Reasons why one before it became void",
    "withdrawn": "People who were withdrawn",
    "person_references": "References of people in the study", "family_references": "References of families",
}  # fmt: skip
THEIRS = [Column("Recipient"), Column("Reference"), Column("Destroyed on"), Column("SHA-256")]


@opened_by(Permission.SEE_RETENTION)
def certificate(request: HttpRequest, name: str) -> HttpResponse:
    """What was destroyed, how, by whom and when, to print."""
    found = _of(name)
    _record(request, found, Event.CERTIFICATE_OF_DESTRUCTION_VIEWED)
    said = json.loads(found.certificate)
    files = [*said["sealed_files"], *said["archived_files"]]
    for each in said["withdrawals"]:
        files += [*each["sealed_files"], *each["archived_files"]]
    theirs = said["recipients_certificates"]
    context = {
        "title": "Certificate of destruction", "caption": name, "back_href": reverse("retained", args=[name]),
        "submission": found.submission, "said": said, "sha256": found.certificate_sha256,
        "facts": facts(
            ("Council", f"{said['council']} ({said['la_code']})"),
            ("Collection round", said["round"]),
            ("Agreement", said["agreement"]),
            ("Recipients", ", ".join(said["recipients"])),
            ("People and families", f"{said['counts']['persons']:,} people of {said['counts']['families']:,} families"),
            ("Content (SHA-256)", said["content_sha256"]),
            ("Sealed", moment(parse_datetime(said["sealed_at"]))),
            ("Delivered", moment(parse_datetime(said["sent_at"])) if said["sent_at"] else "Not known to have arrived"),
            ("Asked for", f"{said['asked_by']}, {moment(parse_datetime(said['asked_at']))}"),
            ("Why", said["reason"]),
            ("Confirmed", f"{said['confirmed_by']}, {moment(parse_datetime(said['confirmed_at']))}"),
            ("Key destroyed", moment(parse_datetime(said["key_destroyed_at"]))),
            ("Destroyed", moment(parse_datetime(said["destroyed_at"]))),
            ("Backups have expired by", _day(said["backups"]["gone_by"])),
        ),
        "tables": [
            Table("Files that are gone", FILES, [[it["name"], it["bytes"], exact(it["sha256"])] for it in files]),
            Table("Rows of the database", ROWS,
                  [[WHAT.get(k) or in_words(k), f"{v:,}"] for k, v in said["rows_deleted"].items() if v]),
            Table("What recipients certified by then", THEIRS,
                  [[it["recipient"], it["reference"], _day(it["destroyed_on"]), exact(it["sha256"])] for it in theirs],
                  empty="No recipient's certificate was entered by then."),
        ],
    }  # fmt: skip
    return render(request, "transfers/destroyed.html", context)


@opened_by(Permission.SEE_RETENTION)
def certificate_file(request: HttpRequest, name: str) -> HttpResponse:
    """certificate.json and the council's signature over it, as they were made when it was destroyed."""
    found = _of(name)
    _record(request, found, Event.CERTIFICATE_OF_DESTRUCTION_DOWNLOADED)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("certificate.json", found.certificate.encode())
        files.writestr("certificate.json.p7s", base64.b64decode(found.signature))
    return HttpResponse(
        packed.getvalue(), content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}-destruction.zip"'},
    )  # fmt: skip


def _day(written: str) -> str:
    """A day of the certificate, in words."""
    return f"{date.fromisoformat(written):%-d %B %Y}"


def _of(name: str) -> Destruction:
    found = Destruction.objects.filter(submission=row_of(name), done_at__isnull=False).first()
    if found is None:
        raise Http404
    return found


def _record(request: HttpRequest, found: Destruction, event: Event) -> None:
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=found.submission)
