"""Promise 11: destroyed after the research."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse

from cohorts.models import Decision
from cohorts.rules.clocks import LONDON
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from connecting_families.governance.promises.shown import Shown, counted, named
from transfers import archive, retaining
from transfers.models import Destruction, LegalHold, Submission
from transfers.rules import retention
from transfers.rules.lifecycle import Stage
from transfers.rules.retention import State


def check(at: datetime) -> list[Why]:
    """Copies that should be gone, what is left of what was destroyed, and what was destroyed though it was held."""
    today = at.astimezone(LONDON).date()
    reasons = [
        Why("COPY_OVERDUE", f"{copy.what}, of {row}, was to be gone by {copy.gone_by:%-d %B %Y}.")
        for row, copies in _copies(today)
        for copy in copies
        if copy.state is State.OVERDUE
    ]
    for row in Submission.objects.filter(stage=Stage.DESTROYED.name).order_by("pk"):
        reasons += _destroyed(row)
    under = Q(submission__holds__lifted_at=None) | Q(submission__holds__lifted_at__gt=F("key_destroyed_at"))
    held = Destruction.objects.filter(under, submission__holds__placed_at__lte=F("key_destroyed_at")).distinct()
    reasons += [Why("DESTROYED_UNDER_HOLD", f"{row} was destroyed while a legal hold stood.") for row in held]
    if left := _void_packages():
        sentence = f"{counted(left, 'package')} of void submissions lie in the outbox. They were to be taken away."
        reasons.append(Why("VOID_PACKAGE_KEPT", sentence))
    return reasons


def _copies(today: date) -> Iterator[tuple[Submission, list[retention.Copy]]]:
    for row in what_left.sealed():
        yield row, retention.of(retaining.facts(row), today).copies


def overdue(today: date) -> int:
    """How many copies should be gone by now."""
    return sum(copy.state is State.OVERDUE for _, copies in _copies(today) for copy in copies)


def _destroyed(row: Submission) -> list[Why]:
    """What speaks against saying that a submission is destroyed: no certificate, a file, or somebody who was in it."""
    reasons = []
    if not row.destructions.exclude(done_at=None).exclude(certificate="").exclude(signature="").exists():
        reasons.append(Why("NO_CERTIFICATE_OF_DESTRUCTION", f"{row} is destroyed, and no signed certificate says so."))
    if left := [path.name for path in _files(row) if path.is_file()]:
        sentence = f"{row} is destroyed, and files of it are still there: {named(left)}."
        reasons.append(Why("DESTROYED_AND_THERE", sentence))
    if Decision.objects.filter(cohort_id=row.cohort_id, included=True).exists():
        reasons.append(Why("DESTROYED_AND_KNOWN", f"{row} is destroyed, and who was in it is still on file."))
    return reasons


def _files(row: Submission) -> list[Path]:
    return [
        settings.CF_ARCHIVE_KEYS / f"{row}{archive.KEY}",
        *(settings.CF_OUTBOX / file["name"] for file in row.sealed_files),
        *(settings.CF_ARCHIVE / file["name"] for file in row.archived_files),
    ]


def _void_packages() -> int:
    files = Submission.objects.filter(stage=Stage.VOID.name).values_list("sealed_files", flat=True)
    return sum((settings.CF_OUTBOX / file["name"]).is_file() for listed in files for file in listed)


def evidence(at: datetime) -> list[Shown]:
    """Of each sealed submission how its copies stand; certificates and holds."""
    today = at.astimezone(LONDON).date()
    found = list(_copies(today))
    states = [copy.state for _, copies in found for copy in copies]
    done = Destruction.objects.exclude(done_at=None).order_by("pk")
    where = reverse("retention")
    return [
        *(
            Shown(f"Copies of {row}", "; ".join(f"{it.what}: {it.state.value.lower()}" for it in copies), where)
            for row, copies in found[:3]
        ),
        Shown("Copies that are due", f"{states.count(State.DUE):,}", where),
        Shown("Copies that should be gone", f"{states.count(State.OVERDUE):,}", where),
        Shown("Certificates of destruction", named(done), where),
        Shown("Legal holds that stand", f"{LegalHold.objects.filter(lifted_at=None).count():,}", where),
        Shown("Packages of void submissions that are still there", counted(_void_packages(), "package")),
    ]
