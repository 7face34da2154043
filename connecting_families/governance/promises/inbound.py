"""Promise 4: nothing about a family comes back. The one door by which anything comes in is the receipt."""

import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django import forms
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.urls import reverse

from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import routes
from connecting_families.governance.promises.shown import Shown, counted, named, refused
from transfers.models import Receipt, Rejection
from transfers.rules import receipts

#: Forms that take a file, and which; another one would be another door.
TAKES = {
    "cohorts.forms.uploads.UploadForm": "bulk files of the council's own case system",
    "transfers.forms.AddCertificateForm": "a recipient's certificate",
    "transfers.forms.ReceiptForm": "a receipt",
    "transfers.forms_of_retention.RecipientCertificateForm": "a recipient's certificate that it destroyed what it got",
    "connecting_families.kit.showcase.SampleForm": "an example for developers, of which nothing is kept",
}
#: Modules of pages that read a file or a body that was sent.
READS = frozenset({
    "cohorts.views.uploads", "transfers.views.certificates", "transfers.views.receipts", "transfers.views.retention",
})  # fmt: skip
READING = re.compile(r"\brequest\.(FILES|body|read)\b")
OURS = ("cohorts", "transfers", "connecting_families")
#: Tables that no model describes: of migrations, of counted tries, of what the trail is owed, of words of the search,
#: and the one that django-auditlog makes for itself, which is empty.
WITHOUT_MODEL = frozenset({
    "django_migrations", "staff_tries", "audit_owed", "cohorts_findable", "cohorts_nameword", "cohorts_unfound",
    "auditlog_logentry",
})  # fmt: skip
# From the catalogue: information_schema shows a role only what it has rights on, and the owner need not give it any.
IN_DATABASE = """
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
    ORDER BY c.relname, a.attnum
"""
STAYS = timedelta(days=1)


def check(at: datetime) -> list[Why]:
    """Another door, another place to keep what came, or something in a receipt that no receipt says."""
    return [*_doors(), *_tables(), *_receipts(), *_inbox(at)]


def _forms(form: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    for each in form.__subclasses__():
        yield each
        yield from _forms(each)


def takers() -> list[str]:
    """The forms of this program that take a file."""
    # A worker has loaded no page yet: with the addresses come the forms of all of them.
    routes.routes()
    return sorted(
        f"{form.__module__}.{form.__qualname__}"
        for form in set(_forms())
        if form.__module__.partition(".")[0] in OURS
        and any(isinstance(field, forms.FileField) for field in getattr(form, "base_fields", {}).values())
    )


def readers() -> list[str]:
    """The modules of pages of this program that read a file, or a body, that somebody sent."""
    modules = {route.module for route in routes.routes() if route.module.partition(".")[0] in OURS}
    return sorted(name for name in modules if READING.search(inspect.getsource(sys.modules[name])))


def _doors() -> list[Why]:
    forms_ = [
        Why("ANOTHER_DOOR", f"The form {name} takes a file, and is none of those by which something may come in.")
        for name in takers()
        if name not in TAKES
    ]
    return forms_ + [
        Why("ANOTHER_DOOR", f"Pages of {name} read what is sent to them, and are no door by which it may come in.")
        for name in readers()
        if name not in READS
    ]


def _tables() -> list[Why]:
    """Tables and columns of the database that no model of the program has: something may be kept there."""
    known: dict[str, set[str]] = {}
    for model in apps.get_models(include_auto_created=True):
        columns = {str(field.column) for field in model._meta.local_concrete_fields}
        known.setdefault(model._meta.db_table, set()).update(columns)
    with connection.cursor() as cursor:
        cursor.execute(IN_DATABASE)
        found: dict[str, list[str]] = {}
        for table, column in cursor.fetchall():
            found.setdefault(table, []).append(column)
    reasons = []
    for table, there in found.items():
        if table not in known and table not in WITHOUT_MODEL:
            reasons.append(Why("UNKNOWN_TABLE", f"The database has a table that is none of the program's: {table}."))
        elif more := [name for name in there if name not in known.get(table, there)]:
            sentence = f"The table {table} has columns that are none of the program's: {', '.join(more)}."
            reasons.append(Why("UNKNOWN_COLUMN", sentence))
    return reasons


def _receipts() -> list[Why]:
    reasons = []
    for row in Receipt.objects.select_related("submission").order_by("pk"):
        odd = [file for file in row.files if set(file) != receipts.FILE_KEYS]
        unknown = [code for code in row.rejections if code not in receipts.CODES]
        if odd or unknown:
            sentence = f"The receipt of {row.submission} holds more than a receipt says."
            reasons.append(Why("RECEIPT_SAYS_MORE", sentence))
        if row.submission.sent_at is None:
            sentence = f"There is a receipt of {row.submission}, which was never sent."
            reasons.append(Why("RECEIPT_OF_NOTHING", sentence))
    if codes := Rejection.objects.exclude(code__in=list(receipts.CODES)).values("code").distinct().count():
        sentence = f"Rejected rows have {counted(codes, 'code')} that no receipt may hold."
        reasons.append(Why("REJECTION_SAYS_MORE", sentence))
    return reasons


def _inbox(at: datetime) -> list[Why]:
    """What lies in the inbox for more than a day was neither taken in nor refused."""
    left = [path for path in settings.CF_RECEIPT_FOLDER.rglob("*") if path.is_file() and _came(path) < at - STAYS]
    if not left:
        return []
    sentence = f"{counted(len(left), 'file')} lie in the inbox since more than a day. Nothing that comes in is kept."
    return [Why("INBOX_KEEPS_FILES", sentence)]


def _came(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """What may come in, what came, and what was refused."""
    rows = Receipt.objects.select_related("submission").order_by("-pk")
    return [
        Shown("What a receipt may say", ", ".join(sorted(receipts.KEYS))),
        Shown("Codes for a row that could not be loaded, and no other words", named(receipts.CODES)),
        Shown("Receipts that were taken in", named(row.submission for row in rows), reverse("submissions")),
        refused("What came in and was refused, not kept", "RECEIPT_REFUSED"),
        Shown("What else can be handed in by a form", "; ".join(TAKES[name] for name in takers() if name in TAKES)),
    ]
