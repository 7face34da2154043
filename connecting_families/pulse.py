"""What is alive behind the pages: the workers and the beat each say so in the broker, and how long work waits there.

Nothing of it is kept in the database: a sign of life is no act. Celery itself says it of a worker every two seconds,
from the process that hands out the work: also while each of its hands is busy for minutes.
"""

import json
import socket
import time
from typing import Any, NamedTuple

import redis
from celery import signals
from celery.beat import PersistentScheduler

SIGNS = "connecting-families-signs-of-life"
QUEUE = "celery"
SENT = "sent"
"""The header of a piece of work that says when it was handed over, in seconds since 1970."""
PATIENCE = 2.0
"""Seconds to wait for the broker."""
FORGOTTEN = 86_400.0
"""Seconds after which nobody asks any more about a worker that went away."""


class Pulse(NamedTuple):
    """Seconds since a worker and the beat last gave a sign of life (None: never), and that the oldest work waits."""

    worker: float | None
    beat: float | None
    queue: float
    waiting: int
    """Pieces of work that nobody has taken up."""


def broker(url: str) -> Any:
    """The broker (redis.Redis) at an address as REDIS_URL has it; it answers soon, or not at all."""
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


def sign(url: str, who: str) -> None:
    """Say that this one lives: worker or beat, on this machine."""
    with broker(url) as there:
        there.hset(SIGNS, f"{who} {socket.gethostname()}", repr(time.time()))


def last_sign(url: str, who: str, host: str = "") -> float | None:
    """Seconds since the last sign of life of such a one, on this host or on any; None where there was none.

    Raises redis.RedisError, or OSError, where the broker does not answer.
    """
    with broker(url) as there:
        return _since(there.hgetall(SIGNS), f"{who} {host}")


def look(url: str) -> Pulse:
    """What the broker says now. Raises redis.RedisError, or OSError, where it does not answer."""
    with broker(url) as there:
        signs, oldest, waiting = there.hgetall(SIGNS), there.lindex(QUEUE, -1), there.llen(QUEUE)
    return Pulse(_since(signs, "worker "), _since(signs, "beat "), _waits(oldest), int(waiting))


def _since(signs: dict[bytes, bytes], whose: str) -> float | None:
    now = time.time()
    ages = [now - float(at) for name, at in signs.items() if name.startswith(whose.encode())]
    # One from the future says nothing: the clock was set back since, and whoever lives gives another soon.
    return min((max(0.0, age) for age in ages if -LATE < age < FORGOTTEN), default=None)


def _waits(message: bytes | None) -> float:
    sent = json.loads(message)["headers"].get(SENT) if message else None
    return max(0.0, time.time() - float(sent)) if sent else 0.0


def _address() -> str:
    from django.conf import settings

    return str(settings.REDIS_URL)


class Throttled:
    """A sign of life every ten seconds, however often there is one to give; a broker that is away is no trouble."""

    def __init__(self, who: str, every: float = 10.0) -> None:
        self._who, self._every, self._last = who, every, 0.0

    def sign(self) -> None:
        """Give it, if it is time."""
        if time.monotonic() - self._last < self._every:
            return
        try:
            sign(_address(), self._who)
        except (redis.RedisError, OSError):
            return
        self._last = time.monotonic()


WORKER, BEAT = Throttled("worker"), Throttled("beat")


@signals.worker_ready.connect
@signals.heartbeat_sent.connect
def worker_lives(**_: Any) -> None:
    """Celery's own heartbeat of a worker."""
    WORKER.sign()


@signals.beat_init.connect
def beat_lives(**_: Any) -> None:
    """The beat has begun; nothing is due for the first seconds."""
    BEAT.sign()


class Scheduler(PersistentScheduler):
    """Celery's scheduler, which says that it is there each time that it hands something over."""

    def apply_async(self, entry: Any, *args: Any, **options: Any) -> Any:
        """Hand over what is due."""
        handed_over = super().apply_async(entry, *args, **options)
        BEAT.sign()
        return handed_over


def is_stale(age: float | None, limit: float) -> bool:
    """Whether the last sign of life is too long ago, or there was none."""
    return age is None or age > limit


LATE = 60.0
"""Seconds without a sign of life after which somebody is taken for gone."""
