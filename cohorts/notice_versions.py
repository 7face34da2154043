"""Versions of the privacy notice: what people are told. One that was given to anybody never changes again."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction

from cohorts import register_checks
from cohorts.models import Consent, Notice, NoticeVersion
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who


class NotEntered(Refused):
    """A version of the notice was refused, or a change of it."""

    event = Event.REGISTER_REFUSED


@trail.stage
def enter(
    *,
    version: str,
    published_on: date,
    basis: str,
    datasets: Sequence[str],
    recipients: Sequence[str],
    by: Who,
    at: datetime,
) -> NoticeVersion:
    """Enter a version; no `datasets` means that it tells of all. Raises NotEntered with every reason."""
    reasons = [
        *register_checks.bad_reference(version, "The name of a version"),
        *_content_wrong(basis, datasets, recipients),
    ]
    exists = Why("VERSION_EXISTS", f"There is a version {version} already. Choose another name.")
    if NoticeVersion.objects.filter(version=version).exists():
        reasons.append(exists)
    if reasons:
        raise NotEntered(reasons, record="cohorts.noticeversion", reference=version[:60])
    try:
        with transaction.atomic():
            row = NoticeVersion.objects.create(
                version=version,
                published_on=published_on,
                basis=basis,
                datasets=list(datasets),
                recipients=list(recipients),
            )
    except IntegrityError:
        raise NotEntered([exists], record="cohorts.noticeversion", reference=version) from None
    trail.record(Event.NOTICE_VERSION_ENTERED, who=by, at=at, about=row)
    return row


def _content_wrong(basis: str, datasets: Sequence[str], recipients: Sequence[str]) -> list[Why]:
    reasons = [*register_checks.unknown_datasets(datasets), *register_checks.bad_recipients(recipients)]
    if basis not in NoticeVersion.BASES:
        reasons.append(Why("BAD_BASIS", f"The lawful basis is {' or '.join(NoticeVersion.BASES)}."))
    return reasons


@trail.stage
def change(
    *,
    version: NoticeVersion,
    published_on: date,
    basis: str,
    datasets: Sequence[str],
    recipients: Sequence[str],
    seen: str,
    by: Who,
    at: datetime,
) -> NoticeVersion:
    """Correct a version that nobody was given yet. Raises NotEntered where somebody was, with every reason.

    `seen` is the record as who asks saw it (register_checks.as_seen).
    """
    # The lock holds back a notice that names it and is being written at this moment.
    row = NoticeVersion.objects.select_for_update().get(pk=version.pk)
    shown = ("published_on", "basis", "datasets", "recipients")
    reasons = [
        *against_changing(row),
        *register_checks.changed_meanwhile(row, seen, *shown),
        *_content_wrong(basis, datasets, recipients),
    ]
    if reasons:
        raise NotEntered(reasons, record="cohorts.noticeversion", reference=row.version)
    row.published_on, row.basis = published_on, basis
    row.datasets, row.recipients = list(datasets), list(recipients)
    row.save()
    trail.record(Event.NOTICE_VERSION_CHANGED, who=by, at=at, about=row)
    return row


def against_changing(row: NoticeVersion) -> list[Why]:
    """Why this version cannot be changed: somebody was told what it says, or agreed to it."""
    if Notice.objects.filter(version=row).exists() or Consent.objects.filter(version=row).exists():
        sentence = "This version was given to people: what they were told stays as it is. Enter a new version."
        return [Why("ISSUED", sentence)]
    return []
