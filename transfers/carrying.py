"""Carrying: sealed files go to where they are to arrive, once; what an earlier attempt left is looked up first.

What is carried says how an attempt is recorded before anything is sent, and its outcome after (Consignment).
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from django.conf import settings

from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from transfers import progress
from transfers.channels.channel import Channel, Far, Sent, Trouble, Where
from transfers.models import Attempt

A = TypeVar("A", bound=Attempt)
R_co = TypeVar("R_co", covariant=True)
TRANSMITTAL = "-transmittal.json"


class NotArrived(Refused):
    """Delivering was tried and did not succeed; that and what follows from it is recorded already."""

    event = Event.DELIVERY_INTERRUPTED


class Consignment(Protocol[A, R_co]):
    """What is carried: its name and files, and how each step of it is recorded, each in one act."""

    name: str
    record: str
    sealed_files: list[dict[str, Any]]
    key: str

    def open_attempt(self) -> A | None:
        """The attempt of which nobody knows yet how it ended."""

    def attempt(self, where: Where, at: datetime) -> A:
        """Record an attempt, where it may be made; raises Refused."""

    def interrupted(self, attempt: A, trouble: Trouble, *, settles: bool, files: int, at: datetime) -> None:
        """Record what stood in the way; with `settles`, that the attempt failed."""

    def arrived(self, attempt: A, checked: str, at: datetime) -> R_co:
        """Record that everything has arrived."""


class Carriage(Generic[A, R_co]):
    """One call: an attempt, or the look at what became of an earlier one and an attempt where that did not arrive."""

    def __init__(self, what: Consignment[A, R_co], channel: Channel, at: datetime) -> None:
        self.what, self.channel, self.at = what, channel, at
        self.began = time.perf_counter()
        self.files = in_order(what.sealed_files)
        self.arrived: list[Sent] = []

    def carried_out(self) -> R_co:
        """Raises NotArrived, and Refused where an attempt may not be made."""
        try:
            return self._carried_out()
        finally:
            progress.forget(self.what.key)

    def _carried_out(self) -> R_co:
        attempt = self.what.open_attempt()
        # Until it is known what an earlier attempt left, its outcome stays open whatever happens to this one.
        settled = attempt is None
        attempt = attempt or self._attempt()
        try:
            with self.channel.open() as far:
                self.arrived = [file for file in self.files if far.has_arrived(file)]
                if len(self.arrived) < len(self.files):
                    attempt, settled = attempt if settled else self._attempt(), True
                    self._send(far)
                checked = far.checked
        except Trouble as trouble:
            settles, files = settled and trouble.known, len(self.arrived)
            self.what.interrupted(attempt, trouble, settles=settles, files=files, at=self._now())
            raise NotArrived([trouble.why], record=self.what.record, reference=self.what.name) from trouble
        return self.what.arrived(attempt, checked, self._now())

    def _attempt(self) -> A:
        return self.what.attempt(self.channel.where, self._now())

    def _send(self, far: Far) -> None:
        total = sum(file.size for file in self.files)
        for file in [file for file in self.files if file not in self.arrived]:
            so_far = progress.Progress(self.what.key, sum(sent.size for sent in self.arrived), total)
            far.put(settings.CF_OUTBOX / file.name, file, so_far.reached)
            self.arrived.append(file)

    def _now(self) -> datetime:
        """Sending takes its time."""
        return self.at + timedelta(seconds=time.perf_counter() - self.began)


def in_order(sealed_files: Sequence[dict[str, Any]]) -> list[Sent]:
    """The sealed files in the order in which they travel: where the transmittal lies, everything does."""
    files = [Sent(file["name"], file["bytes"], file["sha256"]) for file in sealed_files]
    return sorted(files, key=lambda file: file.name.endswith(TRANSMITTAL))
