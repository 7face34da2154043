"""Workers from the outside: is one there, and one for a while where none is."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from connecting_families.celery import app
from connecting_families.keeper import die_with_parent

logger = logging.getLogger(__name__)


# Celery warns of root, who owns this machine anyway where these are used.
PROGRAM = [
    sys.executable,
    "-W",
    "ignore:You're running the worker",
    "-m",
    "celery",
    "--quiet",
    "--app",
    "connecting_families.celery",
]
WORKER = [*PROGRAM, "worker", "--pool", "solo", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
BEAT = [*PROGRAM, "beat", "--loglevel", "WARNING"]
PATIENCE = 30
"""Seconds for a child to end in order."""


@contextmanager
def child(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and with us however we end; Ctrl-C reaches us alone."""
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, start_new_session=True, preexec_fn=lambda: die_with_parent(signal.SIGKILL)
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answering(timeout: float = 1.0) -> bool:
    """Whether a worker answers within so many seconds."""
    return bool(app.control.ping(timeout=timeout, limit=1))


@contextmanager
def worker_for_a_while() -> Iterator[None]:
    """Inside there is a worker: the one that runs already, or one of our own that ends with the block."""
    if answering():
        yield
        return
    logger.warning("No worker answers: one is started until this is done.")
    with child(WORKER):
        yield
