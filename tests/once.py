"""What the processes of a run make once between them: whoever needs it first makes it, and the others wait for it.

Each process holds a lock of its own use as long as it lives; the last to go clears away what was made.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def folder_of(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run know, and no other run."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Alone with this file among the processes of the run."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Use:
    """That this process uses something; asked at its end whether it was the last that did."""

    def __init__(self, file: Path) -> None:
        self._lock = file.open("a")
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def ends(self) -> bool:
        """Whether nobody uses it any more."""
        with self._lock:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
