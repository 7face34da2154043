"""Promise 2: only ONS receives them."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import reverse

from cohorts import register_checks
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import files_kept, what_left
from connecting_families.governance.promises.shown import Shown, counted, named
from transfers import addressees, keys, reopened
from transfers.envelope import NotAnEnvelopeError
from transfers.models import RecipientCertificate, Submission, Withdrawal
from transfers.outbox import PURPOSE_OF, TRANSMITTAL


class Package(NamedTuple):
    """A sealed file: what it is of, when it was sealed, whose it may be, and for which purposes."""

    of: str
    file: dict[str, Any]
    sealed_at: datetime
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]


def check(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Attempts that led elsewhere, packages for others or not there, recipients whom no agreement or notice names."""
    return [*_hosts(), *_packages(), *files_kept.check(), *_named()]


def pins() -> set[str]:
    """The keys of hosts to which packages may go, or might: the one that is pinned, and those that were before."""
    now = {settings.CF_SFTP_HOST_KEY.fingerprint} if settings.CF_DELIVERY == "sftp" else set()
    return now | set(settings.CF_SFTP_FORMER_HOST_KEYS)


def _hosts() -> list[Why]:
    pinned = pins()
    reasons = []
    for attempt in what_left.attempts():
        if attempt.channel == "folder" and not (attempt.host or attempt.host_key):
            continue
        if attempt.channel != "sftp" or attempt.host_key not in pinned:
            sentence = f"The attempt {attempt} of {attempt.attempted_at:%-d %B %Y} led to a host that is not pinned."
            reasons.append(Why("HOST_NOT_PINNED", sentence))
    return reasons


def _sealed() -> Iterator[Package]:
    for row in what_left.sealed():
        for file in row.sealed_files:
            for kind, purpose in PURPOSE_OF.items():
                if row.sealed_at and file["name"].startswith(f"{row}-{kind}"):
                    yield Package(str(row), file, row.sealed_at, tuple(row.round.recipients), (purpose,))
    for gone in Withdrawal.objects.exclude(sealed_at=None).select_related("submission__round"):
        for file in gone.sealed_files:
            if gone.sealed_at and TRANSMITTAL not in file["name"]:
                whose = tuple(gone.submission.round.recipients)
                yield Package(str(gone), file, gone.sealed_at, whose, tuple(PURPOSE_OF.values()))


def _packages() -> list[Why]:
    """Each package that lies in the outbox is read again: for whom it can be opened, by its own words."""
    load = cache(lambda pem: addressees.load(pem.encode()).names)
    certificates = list(RecipientCertificate.objects.all())
    reasons = []
    for package in _sealed():
        path = settings.CF_OUTBOX / package.file["name"]
        if not path.is_file():
            continue
        try:
            with path.open("rb") as source:
                found = reopened.read(source, path.suffix)
        except NotAnEnvelopeError:
            reasons.append(Why("PACKAGE_DAMAGED", f"{path.name} is not a whole package of ours."))
            continue
        except OSError:
            # Said once, with whatever else is not as it was sealed.
            continue
        accepted = [load(row.pem) for row in certificates if _stood(row, package)]
        if not found.recipients <= frozenset().union(*accepted):
            sentence = f"{path.name} can be opened with a key that was not accepted by two people when it was sealed."
            reasons.append(Why("PACKAGE_FOR_OTHERS", sentence))
    return reasons


def _stood(row: RecipientCertificate, package: Package) -> bool:
    """Whether two people had accepted a certificate for this when it was sealed, and nobody had revoked it."""
    return (
        row.recipient in package.recipients
        and row.purpose in package.purposes
        and row.first_accepted_by_id is not None
        and row.second_accepted_by_id not in (None, row.first_accepted_by_id)
        and row.second_accepted_at is not None
        and row.second_accepted_at <= package.sealed_at
        and (row.revoked_at is None or row.revoked_at > package.sealed_at)
    )


def _accepted() -> list[RecipientCertificate]:
    return list(RecipientCertificate.objects.exclude(second_accepted_by=None).filter(revoked_at=None).order_by("pk"))


def _named() -> list[Why]:
    reasons = []
    for row in what_left.sealed():
        if more := [code for code in row.round.recipients if code not in row.round.agreement.recipients]:
            sentence = f"{row} is for {', '.join(more)}, whom its agreement does not list."
            reasons.append(Why("RECIPIENT_NOT_AGREED", sentence))
    theirs = {code for row in what_left.sealed() for code in row.round.recipients}
    return reasons + register_checks.untold_recipients(sorted(theirs | {row.recipient for row in _accepted()}))


def evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """Whose certificates are accepted, which host is pinned, and what left."""
    shown = [
        Shown(
            f"Certificate of {row.recipient} for {RecipientCertificate.PURPOSES[row.purpose].lower()}",
            f"{row.fingerprint[:16]}…, accepted by two people, until {keys.day(row.valid_to)}", reverse("certificates"),
        )
        for row in _accepted()
    ]  # fmt: skip
    where = settings.CF_DELIVERY_FOLDER.name if settings.CF_DELIVERY == "folder" else settings.CF_SFTP_HOST
    there = [package for package in _sealed() if (settings.CF_OUTBOX / package.file["name"]).is_file()]
    wanted = [file.path for _, file in files_kept.files()]
    attempts = what_left.attempts()
    arrived = Submission.objects.exclude(sent_at=None).order_by("-pk")
    return [
        *shown,
        Shown("Where packages go", f"The {settings.CF_DELIVERY} {where}"),
        Shown("Keys of hosts that are pinned, or were", named(sorted(pins())) if pins() else "None: it is a folder"),
        Shown("Attempts to deliver", f"{counted(len(attempts), 'attempt')}, each with where it led"),
        Shown("Submissions that arrived", named(arrived), reverse("submissions")),
        Shown("Sealed packages that were read again", counted(len(there), "package")),
        Shown(
            "Files in outbox and archive that have to be there",
            f"{len(wanted):,}, of which {sum(not path.is_file() for path in wanted):,} are not",
        ),
    ]
