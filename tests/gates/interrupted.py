"""Stop points: named functions at which an act of this thread is killed, waits, or is disturbed.

Nothing in the program knows of them. Who is killed leaves the files as they were at that instant, whatever the code
around it cleans up on its way out: a process that is killed cleans nothing up.
"""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

from django.conf import settings
from django.db import connection

R = TypeVar("R")

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
    "a key is to end": ("transfers.archive", "end_key"),
    "a key is destroyed": ("transfers.archive", "destroy_key"),
    "something is wiped": ("transfers.strongbox", "wipe"),
    "copies are taken away": ("transfers.archive", "remove_files"),
    "what was half done is taken away": ("transfers.package", "remove_unfinished"),
    "a round is held": ("cohorts.forgetting", "hold"),
    "a round is forgotten": ("cohorts.forgetting", "forget"),
    "a certificate is made": ("transfers.certifying", "said"),
    "somebody is erased": ("cohorts.erasing", "take_away"),
}


WAITING = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""


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


class Others:
    """Two threads, each with a connection of its own, for two who act at once."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def together(
        self,
        first: Callable[[Plan], R],
        second: Callable[[None], R],
        *,
        point: str = "",
        after: bool = False,
        call: int = 1,
        waits: float | None = None,
    ) -> tuple[R, R]:
        """The first stands still at a point until the second is done, or waits for a lock (or for so many seconds)."""
        reached, go_on = threading.Event(), threading.Event()

        def stand_still(_: str) -> None:
            reached.set()
            go_on.wait(30)

        one = self.threads[0].submit(first, Plan(point, after, call, stand_still))
        until = time.monotonic() + 30
        while not reached.is_set() and not one.done() and time.monotonic() < until:
            reached.wait(0.001)
        other = self.threads[1].submit(second, None)
        if waits is not None:
            wait([other], waits)
        while waits is None and not other.done() and not _somebody_waits() and time.monotonic() < until:
            wait([other], 0.01)
        go_on.set()
        return one.result(60), other.result(60)

    def disconnect(self) -> None:
        """Nobody is connected any more, until the next time."""
        for thread in self.threads:
            # The connection is the thread's own.
            thread.submit(lambda: connection.close()).result(10)

    def end(self) -> None:
        """Nobody is, and nobody comes again."""
        self.disconnect()
        for thread in self.threads:
            thread.shutdown()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])


class Photograph:
    """The files of the outbox, the delivery folder and the archive as they are now."""

    def __init__(self) -> None:
        self.files = {path: path.read_bytes() for path in everything()}

    def restore(self) -> None:
        """Make them so again."""
        for path in everything():
            if path not in self.files:
                path.unlink()
        for path, data in self.files.items():
            path.write_bytes(data)


def lying() -> list[Path]:
    """Every file of the outbox and the delivery folder."""
    return _in(_folders()[:2])


def everything() -> list[Path]:
    """The same, and every file of the archive and of its folder of keys."""
    return _in(_folders())


def names_lying() -> list[list[str]]:
    """The names of all these, by folder: to see whether anything came or went."""
    return [os.listdir(folder) if folder.is_dir() else [] for folder in _folders()]  # noqa: PTH208 - each step


def _folders() -> list[Path]:
    return [settings.CF_OUTBOX, settings.CF_DELIVERY_FOLDER, settings.CF_ARCHIVE, settings.CF_ARCHIVE_KEYS]


def _in(folders: list[Path]) -> list[Path]:
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]


class Kill:
    """What happens to who is killed, and what they leave."""

    def __init__(self) -> None:
        self.left: Photograph | None = None
        self.point = ""

    def __call__(self, point: str) -> None:
        self.left, self.point = Photograph(), point
        raise Killed
