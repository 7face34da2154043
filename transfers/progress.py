"""How far a delivery is, for whoever looks: two numbers, kept apart from the records and never missed."""

import time

from django.core.cache import cache

KEPT = 600
"""Seconds after which what nobody renewed is forgotten."""

APART = 1.0
"""Seconds between two notes."""


class Progress:
    """Of one file: bytes that are there, of all bytes of all files; `before` is those of the others.

    The first is written at once, so before the file gets its name; then once in a while. It is written over the
    connection that holds the lock of the delivery (alone): where that is lost, writing fails, and no file gets its
    name beside whoever holds the lock by now.
    """

    def __init__(self, key: str, before: int, total: int) -> None:
        self.key, self.before, self.total, self.written = key, before, total, float("-inf")

    def reached(self, done: int) -> None:
        """So many bytes of this file are there."""
        if time.monotonic() - self.written >= APART:
            cache.set(self.key, (self.before + done, self.total), KEPT)
            self.written = time.monotonic()


def of(key: str) -> tuple[int, int] | None:
    """Bytes that are there, and all bytes; None where nothing is being sent."""
    found: tuple[int, int] | None = cache.get(key)
    return found


def forget(key: str) -> None:
    """Nothing of it is being sent now."""
    cache.delete(key)


def key_of(submission_id: int) -> str:
    """Under which the delivery of a submission is noted."""
    return f"delivery-of-{submission_id}"
