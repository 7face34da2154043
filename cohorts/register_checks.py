"""What the registers ask of the codes, days and texts that are entered in them; each answer says what is known."""

import hashlib
import re
from collections.abc import Sequence
from datetime import date, timedelta

from django.db import models

from cohorts.models import Agreement, Dataset, NoticeVersion
from connecting_families.audit.refusals import Why

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,58}[A-Za-z0-9]|[A-Za-z0-9]")
RECIPIENT = re.compile(r"[A-Z][A-Z0-9-]{0,39}")
SOON = timedelta(days=90)
NOT_YET, IN_FORCE, ENDS_SOON, ENDED = "Not yet in force", "In force", "Expires within 90 days", "Expired"


def standing(agreement: Agreement, today: date) -> str:
    """Whether an agreement is in force on a day, and for how long it still is."""
    if agreement.in_force_from > today:
        return NOT_YET
    if agreement.in_force_to is None or agreement.in_force_to > today + SOON:
        return IN_FORCE
    return ENDS_SOON if agreement.in_force_to > today else ENDED


def bad_reference(text: str, what: str) -> list[Why]:
    """What speaks against a text as the reference by which people name a record."""
    if REFERENCE.fullmatch(text):
        return []
    sentence = f"{what} has up to 60 letters, digits, spaces and . _ / - and begins and ends with a letter or a digit."
    return [Why("BAD_REFERENCE", sentence)]


def unknown_datasets(codes: Sequence[str]) -> list[Why]:
    """What speaks against these codes of datasets: the register does not know one, or it is named twice."""
    known = list(Dataset.objects.order_by("id").values_list("code", flat=True))
    reasons = [
        Why("UNKNOWN_DATASET", f"There is no dataset {code} in the register. It knows {', '.join(known)}.")
        for code in dict.fromkeys(codes)
        if code not in known
    ]
    twice = sorted({code for code in codes if list(codes).count(code) > 1})
    return reasons + [Why("DATASET_TWICE", f"The dataset {code} is named twice.") for code in twice]


def bad_recipients(codes: Sequence[str]) -> list[Why]:
    """What speaks against these codes of recipients."""
    if not codes:
        return [Why("NO_RECIPIENT", "Name at least one recipient.")]
    bad = [code for code in codes if not RECIPIENT.fullmatch(code)]
    sentence = "A recipient's code has up to 40 capital letters, digits and hyphens, for example ONS. Not so:"
    return [Why("BAD_RECIPIENT", f"{sentence} {', '.join(bad)}.")] if bad else []


def untold_recipients(codes: Sequence[str]) -> list[Why]:
    """Recipients of whom no version of the privacy notice tells: families were promised that they are named."""
    told = sorted({code for listed in NoticeVersion.objects.values_list("recipients", flat=True) for code in listed})
    missing = [code for code in codes if code not in told]
    if not missing:
        return []
    known = f"They name {', '.join(told)}." if told else "There is no version yet."
    sentence = f"No version of the privacy notice names {', '.join(missing)} as a recipient. {known}"
    return [Why("RECIPIENT_NOT_IN_A_NOTICE", sentence)]


def wanted(text: str, code: str, sentence: str) -> list[Why]:
    """A reason where a text is empty."""
    return [] if text.strip() else [Why(code, sentence)]


def as_seen(row: models.Model) -> str:
    """A record as it stands, in short: a form carries it, and the stage compares."""
    values = [str(field.value_from_object(row)) for field in row._meta.concrete_fields]
    return hashlib.sha256("\0".join(values).encode()).hexdigest()[:32]


def changed_meanwhile(row: models.Model, seen: str, *shown: str) -> list[Why]:
    """A reason where a record is not as it was seen, with what it says now in the fields that are shown."""
    if seen == as_seen(row):
        return []
    fields = [row._meta.get_field(name) for name in shown]
    now = "; ".join(f"{field.verbose_name!s}: {_in_words(getattr(row, field.name))}" for field in fields)  # type: ignore[union-attr]
    sentence = (
        f"Somebody changed this record while you had it open. It says now: {now}. Send yours again to change that."
    )
    return [Why("CHANGED_MEANWHILE", sentence)]


def _in_words(value: object) -> str:
    return (", ".join(value) if isinstance(value, list) else str(value)) or "nothing"
