"""One id that ties a click to the last write and the last line of the log that it causes, also in a worker."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

CORRELATION = re.compile(r"[0-9a-f]{32}")

_correlation: ContextVar[str] = ContextVar("correlation", default="")


def correlation() -> str:
    """The id of this moment; drawn where there is none yet."""
    if not _correlation.get():
        _correlation.set(uuid.uuid4().hex)
    return _correlation.get()


def so_far() -> str:
    """The id of this moment; empty where there is none yet."""
    return _correlation.get()


@contextmanager
def correlated(value: str = "") -> Iterator[str]:
    """Inside, every entry carries this id (32 hexadecimal digits; any other value draws a new one)."""
    token = _correlation.set(value if CORRELATION.fullmatch(value) else uuid.uuid4().hex)
    try:
        yield _correlation.get()
    finally:
        _correlation.reset(token)
