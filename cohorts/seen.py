"""As it was seen: whoever changes a record is told what a colleague changed since they opened it.

A form carries the values from which it was drawn, and the stage that changes the record compares them with what there
is, under its lock. What is the same already is no conflict: pressing twice changes nothing twice.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.db import models

from connecting_families.audit import trail
from connecting_families.staff.views import in_role, moment


class At(NamedTuple):
    """A reason about one field of a form."""

    code: str
    sentence: str
    field: str


def values(row: models.Model, names: Iterable[str]) -> dict[str, str]:
    """These fields of a record, as the text that a form carries."""
    return {name: text(_value(row, name)) for name in names}


def text(value: object) -> str:
    """A value of a field as text; empty for none."""
    return "" if value is None else str(value)


def changed_meanwhile(
    row: models.Model, about: models.Model, wanted: Mapping[str, Any], seen: Mapping[str, str]
) -> list[At]:
    """A reason for each field that is neither as it was seen nor as it is wanted, with who changed it to what.

    `about` is the record under which the trail keeps changes of the row. A field that was not seen counts as changed.
    """
    now = values(row, wanted)
    others = [name for name in wanted if now[name] not in (seen.get(name), text(wanted[name]))]
    return [At("CHANGED_MEANWHILE", _sentence(row, about, name), name) for name in others]


def _sentence(row: models.Model, about: models.Model, name: str) -> str:
    words = in_words(row, name)
    became = f"now it says {words}" if words else "now it is empty"
    return f"{_who(row, about, name)} changed this while you had it open: {became}. Save again to keep what stands here"


def _who(row: models.Model, about: models.Model, name: str) -> str:
    label, reference = row._meta.label_lower, str(row)
    for entry in trail.entries_about([(about._meta.label_lower, str(about))]).exclude(changes=None)[:50]:
        for change in entry.changes:
            if (change["record"], change["reference"]) == (label, reference) and name in change["fields"]:
                return f"{in_role(entry.who, entry.role)}, {moment(entry.timestamp)},"
    return "Somebody"


def in_words(row: models.Model, name: str) -> str:
    """What stands in a field of a record, as people read it; empty for nothing."""
    value = _value(row, name)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date):
        return f"{value:%-d %B %Y}"
    choices = dict(getattr(row._meta.get_field(name), "flatchoices", ()))
    return str(choices.get(value, text(value)))


def _value(row: models.Model, name: str) -> Any:
    return row._meta.get_field(name).value_from_object(row)  # type: ignore[union-attr]
