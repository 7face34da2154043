"""Shown: what stands on the page as evidence, in figures and references, and where it leads."""

from collections.abc import Iterable
from typing import NamedTuple

from django.urls import reverse

from connecting_families.audit.models import Entry

AT_MOST = 8
"""So many references are named; how many more there are is said."""


class Shown(NamedTuple):
    """One piece of evidence: what it is, how it stands, and where that can be looked up."""

    label: str
    value: str
    href: str = ""


def named(names: Iterable[object]) -> str:
    """Some references in a row, and how many more there are; None for none."""
    found = [str(name) for name in names]
    more = len(found) - AT_MOST
    return ", ".join(found[:AT_MOST]) + (f" and {more:,} more" if more > 0 else "") or "None"


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things, in words."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def refused(label: str, event: str, *codes: str) -> Shown:
    """How often something was refused (for one of these codes, where some are named), and where the trail says so."""
    entries = Entry.objects.filter(event=event)
    if codes:
        entries = entries.filter(additional_data__reasons__has_any_keys=list(codes))
    return Shown(label, counted(entries.count(), "time"), f"{reverse('trail')}?event={event}")
