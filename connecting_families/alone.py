"""One at a time: long work that two workers must not do twice is done under a lock of the database session.

The lock goes with the connection: a worker that is killed leaves none behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection


class Work(IntEnum):
    """What is done one at a time; the first half of the lock's key."""

    ASSEMBLING = 1
    SEALING = 2
    DELIVERING = 3
    LOADING = 4
    TRYING = 7
    REPLAYING = 8
    SEALING_THE_TRAIL = 9
    PROPOSING = 10
    VERIFYING = 11
    WITHDRAWING = 12
    DESTROYING = 13
    CHECKING_PROMISES = 14
    RECEIVING = 15
    SIFTING = 16
    MAILING = 17
    BACKING_UP = 18
    MIGRATING = 19


@contextmanager
def alone(work: Work, key: int) -> Iterator[bool]:
    """Whether this session may do this work on this record now; False while another is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [work.value, key])
        (free,) = cursor.fetchone()
    try:
        yield bool(free)
    finally:
        if free and connection.connection is not None and not connection.connection.broken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [work.value, key])
