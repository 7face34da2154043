"""How the log is written: where something went wrong, and never what an exception says of itself.

An error of the database quotes the row, one of a form what was typed: a name, a date of birth, an address. The kind of
error, the files and the lines are enough to find it; the trail has who did what.
"""

import copy
import json
import logging
import time
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from connecting_families.audit.correlating import so_far

Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class WithoutWords(logging.Formatter):
    """Tracebacks without the words of the exceptions, those that led to them included."""

    def formatException(self, ei: Caught) -> str:  # noqa: N802 - logging's own name
        """Kinds of error and places, the first cause first."""
        return "\n".join(reversed(list(_causes(ei[1])))) if ei[1] else ""

    def format(self, record: logging.LogRecord) -> str:
        """One entry, its other handlers' left as it is."""
        written = copy.copy(record)
        # What an earlier handler made of the exception may hold its words.
        written.exc_text = None
        written.args = _told(record)
        return super().format(written)


class Json(WithoutWords):
    """The same as one JSON object a line, for a machine that gathers logs, with the id that the trail has, too."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """When, how grave, whose, what; the correlation and the kinds of error where there are any."""
        said: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.msg % _told(record) if record.args else str(record.msg),
            "process": record.process,
        }
        if correlation := so_far():
            said["correlation"] = correlation
        if record.exc_info and record.exc_info[1]:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def _told(record: logging.LogRecord) -> Any:
    """What an entry is filled with: of an exception its kind, also where Celery wrote it out beforehand."""
    kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    if isinstance(record.args, Mapping):
        spoken = {name: kind for name in ("exc", "traceback") if kind and name in record.args}
        return {name: _kind_of(value) for name, value in record.args.items()} | spoken
    return tuple(_kind_of(value) for value in record.args or ())


def _kind_of(value: object) -> object:
    return type(value).__name__ if isinstance(value, BaseException) else value


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        places = "".join(traceback.format_tb(following.__traceback__)).rstrip()
        found.append(f"{places}\n{type(following).__module__}.{type(following).__qualname__}")
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return found
