"""Workers from the outside: is one there, and one for a while where none is."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from connecting_families.celery import app

logger = logging.getLogger(__name__)


def worker_command(*, beat: bool = False, concurrency: int = 1) -> list[str]:
    """The command that runs a worker, with the clock of periodic work in it where `beat` is asked for."""
    command = [sys.executable, "-m", "celery", "--app", "connecting_families.celery", "worker"]
    command += ["--loglevel", "WARNING", "--concurrency", str(concurrency), "--without-gossip", "--without-mingle"]
    return [*command, "--beat"] if beat else command


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
    worker = subprocess.Popen(worker_command(), cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)
