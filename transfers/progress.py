"""How far a delivery is, for whoever looks: two numbers, kept apart from the records and never missed."""

import time

from django.core.cache import cache

KEPT = 600
"""Seconds after which what nobody renewed is forgotten."""


class Progress:
    """Of one submission: bytes that are there, of all bytes; written once a second at most.

    It is written over the connection that holds the lock of the delivery (alone): where that is lost, writing fails,
    and nothing more is sent beside whoever holds the lock by now.
    """

    def __init__(self, submission_id: int, total: int) -> None:
        self.key, self.total, self.written = _key(submission_id), total, float("-inf")

    def reached(self, before: int, done: int) -> None:
        """So many bytes of this file are there, and all of those `before` it."""
        if time.monotonic() - self.written >= 1:
            cache.set(self.key, (before + done, self.total), KEPT)
            self.written = time.monotonic()


def of(submission_id: int) -> tuple[int, int] | None:
    """Bytes that are there, and all bytes; None where nothing is being sent."""
    found: tuple[int, int] | None = cache.get(_key(submission_id))
    return found


def forget(submission_id: int) -> None:
    """Nothing of it is being sent now."""
    cache.delete(_key(submission_id))


def _key(submission_id: int) -> str:
    return f"delivery-of-{submission_id}"
