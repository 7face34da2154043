"""The register of departments and datasets: dated, and in use only where an agreement names a dataset.

A round keeps the datasets that it was opened with: what changes here is for the rounds after it.
"""

import re
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction

from cohorts import register_checks
from cohorts.models import Agreement, Dataset
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

CODE = re.compile(r"[A-Z][A-Z0-9]{1,19}")
PARTS = ("names", "initials", "DOB", "sex", "postcode", "outward postcode", "NINO", "NHS number", "UPN", "ULN")
AGED = re.compile(r" \(aged \d{1,2}(\+|[-\N{EN DASH}]\d{1,2})\)$")


class NotChanged(Refused):
    """A change of the register of datasets was refused."""

    event = Event.REGISTER_REFUSED


def wrong_keys(keys: str) -> list[Why]:
    """What speaks against the keys by which a dataset can be matched; none (empty) can stand until one is known."""
    parts = [part for key in keys.split(";") if key.strip() for part in AGED.sub("", key.strip()).split(" + ")]
    unknown = [part for part in parts if part not in PARTS]
    if not unknown:
        return []
    sentence = (
        f"A key is made of {', '.join(PARTS)}, joined by + and perhaps an age as in (aged 4-25) or (aged 16+); several"
        f" keys are separated by semicolons, the best first. Not known: {', '.join(unknown)}."
    )
    return [Why("UNKNOWN_KEY_PART", sentence)]


@trail.stage
def enter(*, code: str, name: str, owner: str, keys: str, from_on: date, by: Who, at: datetime) -> Dataset:
    """Enter a dataset, out of use, from a day on. Raises NotChanged with every reason."""
    reasons = [*_texts_wrong(name, owner), *wrong_keys(keys)]
    if not CODE.fullmatch(code):
        reasons.append(Why("BAD_CODE", "A dataset's code has 2 to 20 capital letters and digits, for example NPD."))
    exists = Why("DATASET_EXISTS", f"The register has a dataset {code} already.")
    if Dataset.objects.filter(code=code).exists():
        reasons.append(exists)
    if reasons:
        raise NotChanged(reasons, record="cohorts.dataset", reference=code[:60])
    try:
        with transaction.atomic():
            row = Dataset.objects.create(
                code=code, name=name, owner=owner, keys=keys, enabled=False, in_register_from=from_on
            )
    except IntegrityError:
        raise NotChanged([exists], record="cohorts.dataset", reference=code) from None
    trail.record(Event.DATASET_ENTERED, who=by, at=at, about=row)
    return row


def _texts_wrong(name: str, owner: str) -> list[Why]:
    return [
        *register_checks.wanted(name, "NO_NAME", "Give the dataset's name."),
        *register_checks.wanted(owner, "NO_OWNER", "Name the department that owns it."),
    ]


@trail.stage
def change(
    *, dataset: Dataset, name: str, owner: str, keys: str, reason: str, seen: str, by: Who, at: datetime
) -> Dataset:
    """Give a dataset another name, owner or keys; what it had stays in its history.

    `seen` is the record as who asks saw it (register_checks.as_seen). Raises NotChanged with every reason.
    """
    row = _locked(dataset)
    reasons = register_checks.changed_meanwhile(row, seen, "name", "owner", "keys")
    reasons += [*_texts_wrong(name, owner), *wrong_keys(keys), *_why(reason)]
    if row.enabled and not keys.strip():
        reasons.append(Why("IN_USE", "A dataset in use needs a key. Put it out of use first."))
    if (name, owner, keys) == (row.name, row.owner, row.keys):
        reasons.append(Why("NOTHING_CHANGES", "Nothing is different from what the register has."))
    _refuse(reasons, row)
    row.name, row.owner, row.keys = name, owner, keys
    row.save()
    trail.record(Event.DATASET_CHANGED, who=by, at=at, about=row, reason=reason)
    return row


@trail.stage
def enable(*, dataset: Dataset, by: Who, at: datetime) -> Dataset:
    """Take a dataset into use. Raises NotChanged with the reasons of `against_enabling`."""
    row = _locked(dataset)
    _refuse(against_enabling(row, at), row)
    row.enabled = True
    row.save()
    trail.record(Event.DATASET_ENABLED, who=by, at=at, about=row)
    return row


def against_enabling(row: Dataset, at: datetime) -> list[Why]:
    """Why this dataset cannot be taken into use today."""
    today = at.astimezone(LONDON).date()
    reasons = []
    if row.enabled:
        reasons.append(Why("IN_USE_ALREADY", "It is in use already."))
    if not row.keys.strip():
        reasons.append(Why("NO_KEY", "No key is defined by which it can be matched. Define one first."))
    if not in_register(row, today):
        reasons.append(Why("NOT_IN_REGISTER", "It is not in the register today."))
    naming = Agreement.objects.filter(datasets__contains=[row.code])
    if all(register_checks.standing(agreement, today) == register_checks.ENDED for agreement in naming):
        reasons.append(Why("NO_AGREEMENT", "No agreement that is in force, or will be, names it. Enter one first."))
    return reasons


@trail.stage
def disable(*, dataset: Dataset, reason: str, by: Who, at: datetime) -> Dataset:
    """Put a dataset out of use for later rounds; `reason` says why, without names. Raises NotChanged."""
    row = _locked(dataset)
    _refuse([*against_disabling(row), *_why(reason)], row)
    row.enabled = False
    row.save()
    trail.record(Event.DATASET_DISABLED, who=by, at=at, about=row, reason=reason)
    return row


def against_disabling(row: Dataset) -> list[Why]:
    """Why this dataset cannot be put out of use."""
    return [] if row.enabled else [Why("NOT_IN_USE", "It is not in use.")]


@trail.stage
def take_out(*, dataset: Dataset, last_day: date, reason: str, by: Who, at: datetime) -> Dataset:
    """End a dataset's time in the register with the end of a day; rounds with a later cut-off cannot name it.

    Raises NotChanged where it is out by then, or was not in it yet.
    """
    row = _locked(dataset)
    until = last_day + timedelta(days=1)
    reasons = _why(reason)
    if row.in_register_to is not None and until >= row.in_register_to:
        final = row.in_register_to - timedelta(days=1)
        reasons.append(Why("OUT_ALREADY", f"Its last day in the register is {final:%-d %B %Y} as it is."))
    if until <= row.in_register_from:
        first = f"{row.in_register_from:%-d %B %Y}"
        reasons.append(Why("OUT_BEFORE_IN", f"It is in the register from {first}. Give that day or a later one."))
    _refuse(reasons, row)
    row.in_register_to = until
    row.save()
    trail.record(Event.DATASET_TAKEN_OUT, who=by, at=at, about=row, reason=reason)
    return row


def in_register(row: Dataset, day: date) -> bool:
    """Whether the register has this dataset on a day."""
    return row.in_register_from <= day and (row.in_register_to is None or row.in_register_to > day)


def _why(reason: str) -> list[Why]:
    return register_checks.wanted(reason, "NO_REASON", "Say why.")


def _refuse(reasons: list[Why], row: Dataset) -> None:
    if reasons:
        raise NotChanged(reasons, record="cohorts.dataset", reference=row.code)


def _locked(dataset: Dataset) -> Dataset:
    return Dataset.objects.select_for_update().get(pk=dataset.pk)
