"""What every channel is to delivery: a place to look what arrived, and to lay a file there, whole or not at all."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from connecting_families.audit.refusals import Why
from transfers.rules import delivering


class Sent(NamedTuple):
    """A file that is to arrive: its name, its bytes, and their SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Where(NamedTuple):
    """Where a channel leads, as an attempt and the trail keep it: the key of the host is its SHA-256 fingerprint."""

    channel: str
    host: str = ""
    host_key: str = ""


class Trouble(Exception):
    """What stood in the way of a delivery; `known` where it is certain that the file at hand did not arrive.

    `again` where it may get through later by itself; else a person is asked at once.
    """

    known = True
    again = True

    def __init__(self, code: str) -> None:
        self.why: Why = delivering.why(code)
        super().__init__(self.why.sentence)


class Failed(Trouble):
    """It did not arrive; it may the next time."""


class Lost(Trouble):
    """Nobody knows whether it arrived."""

    known = False


class Stopped(Trouble):
    """It did not arrive, and will not before a person has seen to it."""

    again = False


Told = Callable[[int], None]
"""Is told how many bytes of the file at hand are there."""


class Far(Protocol):
    """The far end, while it is open. Everything raises Trouble."""

    @property
    def checked(self) -> str:
        """How files are compared: `sha256`, or `size` where the far end does not let one of them be read."""

    def has_arrived(self, file: Sent) -> bool:
        """Whether exactly this file lies there under its name, whole."""

    def put(self, source: Path, file: Sent, told: Told) -> None:
        """Lay one file there: under a name that ends in .part until it is whole and compared, then under its own."""


class Channel(Protocol):
    """A way on which packages travel."""

    @property
    def where(self) -> Where:
        """Where it leads."""

    def open(self) -> AbstractContextManager[Far]:
        """The far end, for as long as the block lasts. Raises Trouble where it cannot be reached."""
