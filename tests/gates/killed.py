"""Killed: a copy of this process (fork) does something on a connection of its own, and ends by SIGKILL at a named call.

Nothing of it is cleaned up, as of a worker whose machine loses its power.
"""

import importlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from tests.stages.walk import PEOPLE

CONNECTED = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""
PLANTED = tuple(value.encode() for person in PEOPLE for value in person[1:3])
POSTGRES, WRITER = "django.db.backends.postgresql.base.DatabaseWrapper", "transfers.envelope.CmsWriter"


class Point(NamedTuple):
    """Before or after which call of which function somebody is killed."""

    module: str
    function: str
    call: int = 1
    after: bool = False


def killed_at(point: Point, act: Callable[[], object]) -> None:
    """A copy of this process does this, and is killed at the point. Raises AssertionError where it is not."""
    child = os.fork()
    if child == 0:
        try:
            # The connection belongs to the other process: it is left alone, and this one gets its own.
            connection.connection = None
            _kill_at(point)
            act()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"never came to {point}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def _kill_at(point: Point) -> None:
    """From here on this process dies there."""
    try:
        holder: Any = importlib.import_module(point.module)
    except ModuleNotFoundError:
        module, _, name = point.module.rpartition(".")
        holder = getattr(importlib.import_module(module), name)
    real, calls = getattr(holder, point.function), iter(range(1, 100))

    def dies(*arguments: Any, **named: Any) -> Any:
        mine = next(calls) == point.call
        if mine and not point.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, point.function, dies)


def nobody_is_named() -> None:
    """No file that lies in either folder, or beside them, has anybody's name in it."""
    for path in settings.CF_DATA_DIR.rglob("*"):
        if path.is_file() and path.parent.name in ("outbox", "delivered"):
            data = path.read_bytes()
            assert not [value for value in PLANTED if value in data], path.name


def until_gone() -> None:
    """The server takes a moment to notice that a client was killed; until then its locks stand."""
    until = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(CONNECTED)
            if cursor.fetchone()[0] == 1:
                return
            time.sleep(0.01)
    raise AssertionError("Who was killed is still connected.")
