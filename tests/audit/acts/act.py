"""An act, and the moment of the walk at which it is tried."""

from collections.abc import Callable
from typing import NamedTuple

from connecting_families.audit.events import Event
from tests.stages.walk import ORDER, Walk


class Act(NamedTuple):
    """Where the walk stands, the act, the event whose entry cannot be written, and what has to be before."""

    after: str
    act: Callable[[Walk], object]
    event: Event
    first: Callable[[Walk], object] = lambda _: None


def does(act: str) -> Callable[[Walk], None]:
    return lambda walk: walk.do(act)


def before(act: str) -> str:
    return ORDER[ORDER.index(act) - 1]
