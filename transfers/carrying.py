"""Carrying: sealed files go to where they are to arrive, once; what an earlier attempt left is looked up first.

What is carried says how an attempt is recorded before anything is sent, and its outcome after (Consignment).
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from django.conf import settings

from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from transfers import progress
from transfers.channels.channel import Channel, Far, Sent, Stopped, Trouble
from transfers.models import Attempt

R = TypeVar("R")
TRANSMITTAL = "-transmittal.json"


class NotArrived(Refused):
    """Delivering was tried and did not succeed; that and what follows from it is recorded already."""

    event = Event.DELIVERY_INTERRUPTED


class Consignment(NamedTuple, Generic[R]):
    """What is carried, and the acts that record each step of it, at an instant `at`.

    `attempts` are those made before; `key` is under which the progress is noted. `attempt` takes `where` and raises
    Refused where none may be made; `interrupted` takes `attempt`, `trouble`, `settles` (the attempt failed) and `files`
    that lie there; `arrived` takes `attempt` and how files were compared (`checked`).
    """

    record: str
    name: str
    key: str
    sealed_files: list[dict[str, Any]]
    attempts: Any
    attempt: Callable[..., Attempt]
    interrupted: Callable[..., None]
    arrived: Callable[..., R]


class Carriage(Generic[R]):
    """One call: an attempt, or the look at what became of an earlier one and an attempt where that did not arrive."""

    def __init__(self, what: Consignment[R], channel: Channel, at: datetime) -> None:
        self.what, self.channel, self.at = what, channel, at
        self.began = time.perf_counter()
        self.files = in_order(what.sealed_files)
        self.there: list[Sent] = []

    def carried_out(self) -> R:
        """Raises NotArrived, and Refused where an attempt may not be made."""
        attempt = self.what.attempts.filter(outcome="").last()
        # Until it is known what an earlier attempt left, its outcome stays open whatever happens to this one.
        settled = attempt is None
        attempt = attempt or self._attempt()
        try:
            with self.channel.open() as far:
                self.there = [file for file in self.files if far.has_arrived(file)]
                if len(self.there) < len(self.files):
                    attempt, settled = attempt if settled else self._again(attempt), True
                    self._send(far)
                checked = far.checked
        except Trouble as trouble:
            self.what.interrupted(
                attempt=attempt, trouble=trouble, settles=settled and trouble.known, files=len(self.there),
                at=self._now(),
            )  # fmt: skip
            raise NotArrived([trouble.why], record=self.what.record, reference=self.what.name) from trouble
        return self.what.arrived(attempt=attempt, checked=checked, at=self._now())

    def _attempt(self) -> Attempt:
        return self.what.attempt(where=self.channel.where, at=self._now())

    def _again(self, earlier: Attempt) -> Attempt:
        """Another attempt, since it was looked what an earlier one left; where none may be made, that one failed."""
        try:
            return self._attempt()
        except Refused:
            stopped, at = Stopped("REFUSED"), self._now()
            self.what.interrupted(attempt=earlier, trouble=stopped, settles=True, files=len(self.there), at=at)
            raise

    def _send(self, far: Far) -> None:
        total = sum(file.size for file in self.files)
        for file in [file for file in self.files if file not in self.there]:
            so_far = progress.Progress(self.what.key, sum(sent.size for sent in self.there), total)
            far.put(settings.CF_OUTBOX / file.name, file, so_far.reached)
            self.there.append(file)

    def _now(self) -> datetime:
        """Sending takes its time."""
        return self.at + timedelta(seconds=time.perf_counter() - self.began)


def in_order(sealed_files: Sequence[dict[str, Any]]) -> list[Sent]:
    """The sealed files in the order in which they travel: where the transmittal lies, everything does."""
    files = [Sent(file["name"], file["bytes"], file["sha256"]) for file in sealed_files]
    return sorted(files, key=lambda file: file.name.endswith(TRANSMITTAL))
