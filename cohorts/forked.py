"""Help for a run from this machine alone: forked processes that take shards beside the one that coordinates.

A process that ends before its work is done, however that comes, is no loss: whoever coordinates takes its shard, and
meets what stopped it, if it stops everybody.
"""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from django.db import DEFAULT_DB_ALIAS, connection, connections

from cohorts import shards
from connecting_families.keeper import die_with_parent

MANY = 5
"""From so many shards on, starting a process costs less than it gains."""


def helpers(processes: int = 1, many: int = MANY) -> Callable[[shards.Joined], AbstractContextManager[None]]:
    """So many processes beside this one for a run of `many` shards or more; none for a smaller one."""

    @contextmanager
    def help_with(joined: shards.Joined) -> Iterator[None]:
        with ExitStack() as started:
            for _ in range(processes if joined.shards >= many else 0):
                started.callback(_end, _start(joined))
            yield

    return help_with


def _start(joined: shards.Joined) -> int:
    """Start a process that takes shards of a run; its id."""
    parent = os.getpid()
    # What is there already is not looked at again, and so stays shared with the process.
    gc.freeze()
    pid = os.fork()
    if pid:
        gc.unfreeze()
        return pid
    # Whatever happens from here on, nothing of the parent's may be unwound: it goes on with it.
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(signal.SIGKILL)
        if os.getppid() == parent:
            # The parent's session is kept but not touched: its socket is the parent's.
            parents = connection.copy(), connections[DEFAULT_DB_ALIAS]
            connections[DEFAULT_DB_ALIAS] = parents[0]
            shards.take_free(joined)
    finally:
        os._exit(0)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
