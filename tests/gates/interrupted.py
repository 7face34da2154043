"""Stop points: named functions at which an act of this thread is killed, waits, or is disturbed.

Nothing in the program knows of them. Who is killed leaves the files as they were at that instant, whatever the code
around it cleans up on its way out: a process that is killed cleans nothing up.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from django.conf import settings

#: name -> the module and the function in it
POINTS = {
    "the row is locked": ("transfers.doors", "locked"),
    "the guard is asked": ("transfers.doors", "guard"),
    "permissions are held": ("cohorts.queries", "hold_permissions"),
    "an entry is written": ("connecting_families.audit.trail", "record"),
    "references are drawn": ("transfers.content", "draw_references"),
    "the content is counted": ("transfers.content", "digests"),
    "a package is written": ("transfers.package", "seal"),
    "the transmittal is written": ("transfers.package", "write_transmittal"),
    "the packages are read again": ("transfers.outbox", "against_sealed"),
    "recipients are compared": ("transfers.outbox", "against_recipients"),
    "the files have their names": ("transfers.package", "_sync"),
    "the packages of a void one go": ("transfers.package", "remove"),
    "an attempt is on file": ("transfers.attempts", "begin"),
    "a file is laid down": ("transfers.channels.folder", "put"),
    "it is looked whether a file arrived": ("transfers.channels.folder", "has_arrived"),
    "the outcome is on file": ("transfers.attempts", "settle"),
    "who is late is looked for": ("cohorts.late", "people"),
    "a merge is undone": ("cohorts.duplicates", "leave_with_both"),
}


class Killed(BaseException):
    """The process was killed here."""


class Plan(NamedTuple):
    """At which call of a point (empty: of any) what happens, before it or after it."""

    point: str
    after: bool
    call: int
    happens: Callable[[str], None]


class _Threads(threading.local):
    plan: Plan | None = None
    calls = 0


_mine = _Threads()


@contextmanager
def installed() -> Iterator[None]:
    """Inside, the points can be used."""
    patches = []
    for point, (module, name) in POINTS.items():
        real = getattr(importlib.import_module(module), name)
        patches.append(patch(f"{module}.{name}", _watched(point, real)))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def _watched(point: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        plan = _mine.plan
        if plan is None or plan.point not in ("", point):
            return real(*arguments, **named)
        _mine.calls += 1
        mine = _mine.calls == plan.call
        if mine and not plan.after:
            plan.happens(point)
        result = real(*arguments, **named)
        if mine and plan.after:
            plan.happens(point)
        return result

    return watched


@contextmanager
def planned(plan: Plan | None) -> Iterator[None]:
    """Inside, this happens to whatever this thread does."""
    _mine.plan, _mine.calls = plan, 0
    try:
        yield
    finally:
        _mine.plan = None


class Photograph:
    """The files of the outbox and of the delivery folder as they are now."""

    def __init__(self) -> None:
        self.files = {path: path.read_bytes() for path in lying()}

    def restore(self) -> None:
        """Make them so again."""
        for path in lying():
            if path not in self.files:
                path.unlink()
        for path, data in self.files.items():
            path.write_bytes(data)


def lying() -> list[Path]:
    """Every file of both folders."""
    folders: list[Path] = [settings.CF_OUTBOX, settings.CF_DELIVERY_FOLDER]
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]


class Kill:
    """What happens to who is killed, and what they leave."""

    def __init__(self) -> None:
        self.left: Photograph | None = None
        self.point = ""

    def __call__(self, point: str) -> None:
        self.left, self.point = Photograph(), point
        raise Killed
