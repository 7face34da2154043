"""A pair of servers of a module's own, which may be killed: the program on it, and its processes."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from connecting_families.celery import app
from connecting_families.embedded import BASE_DIR, broker_url
from connecting_families.settings import database
from connecting_families.workers import BEAT, WORKER
from tests.deployment.by_http import Visitor
from tests.faults.test_embedded import User

SERVER = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
FOLDERS = {
    "CF_DATA_DIR": "data", "CF_OUTBOX": "outbox", "CF_UPLOADS": "uploads", "CF_ARCHIVE": "archive",
    "CF_ARCHIVE_KEYS": "archive-keys", "CF_DELIVERY_FOLDER": "delivered", "CF_CHECKPOINTS": "checkpoints",
    "CF_CHECKPOINT_KEY": "checkpoint-key.pem", "CF_JOURNAL": "journal",
}  # fmt: skip
PATIENCE = 60.0
LARGEST_FILE = 24 * 2**20
"""Bytes: a piece of the write-ahead log has 16 megabytes."""


class Apart:
    """The servers, where the program keeps its files, and what processes of it are told."""

    def __init__(self, user: User, folder: Path) -> None:
        self.user, self.folder = user, folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PGOPTIONS")}
        self.env |= {name: str(folder / path) for name, path in FOLDERS.items()}
        self.env |= {"DATABASE_URL": user.site, "DATABASE_OWNER_URL": user.owner, "REDIS_URL": user.broker,
                     "CF_TRAIL_KEY": settings.CF_TRAIL_KEY, "CF_SECRETS_KEY": settings.CF_SECRETS_KEY,
                     "SECRET_KEY": settings.SECRET_KEY}  # fmt: skip
        self.log = folder / "log"

    def kill(self, name: str) -> None:
        """Kill a server as a power cut does, every process of it; the keeper starts it anew."""
        server = self.user.server(name)
        tree = [server, *server.children(recursive=True)]
        for process in tree:
            with contextlib.suppress(Exception):
                process.send_signal(signal.SIGKILL)

    def owner(self) -> "psycopg.Connection[Any]":
        """As the role that owns the tables."""
        return psycopg.connect(self.user.owner, autocommit=True)

    @contextlib.contextmanager
    def process(self, words: list[str], **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A process of the program, killed at the end of the block."""
        with self.log.open("ab") as log:
            started = subprocess.Popen(words, cwd=BASE_DIR, env=self.env | more, stdout=log, stderr=log)
        try:
            yield started
        finally:
            started.kill()
            started.wait()

    @contextlib.contextmanager
    def worker(self, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A real worker."""
        with self.process(WORKER, **more) as started:
            yield started

    @contextlib.contextmanager
    def beat(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A real beat."""
        with self.process([*BEAT, "--schedule", str(self.folder / "beat")]) as started:
            yield started

    @contextlib.contextmanager
    def web(self, **more: str) -> Iterator[Visitor]:
        """A real site, and somebody at it who has signed in nowhere."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", "2", "--bind", f"127.0.0.1:{port}",
                 "connecting_families.wsgi"]  # fmt: skip
        with self.process(words, **more):
            visitor = Visitor(port, f"127.0.0.1:{port}")
            wait_until(lambda: _answers(visitor))
            yield visitor


def _answers(visitor: Visitor) -> bool:
    with contextlib.suppress(OSError):
        return visitor.ask("GET", "/healthz").status == 200
    return False


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Raises AssertionError where it does not within a minute."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "It did not come to pass."
        time.sleep(0.1)


@contextlib.contextmanager
def apart() -> Iterator[Apart]:
    """Inside, this process uses a pair of its own, with the program's tables and nothing in them."""
    site, queue = dict(connection.settings_dict), app.conf.broker_url
    with tempfile.TemporaryDirectory(prefix="cf-") as made:
        Path(made).chmod(0o755)
        # Where no file may grow, it is as if a disk were full; more than this only a test of that makes.
        limit = (LARGEST_FILE, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        user = User(Path(made, "pair"), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        folder = Path(made, "program")
        folder.mkdir(mode=0o700)
        here = Apart(user, folder)
        paths = {name: folder / path for name, path in FOLDERS.items()}
        try:
            with override_settings(**paths, REDIS_URL=user.broker, DATABASE_OWNER=database(user.owner)):
                connection.close()
                connection.settings_dict.update({name: database(user.site)[name] for name in SERVER})
                app.conf.broker_url = broker_url(user.broker)
                app._after_fork()
                call_command("migrate", verbosity=0)
                yield here
        finally:
            connection.close()
            connection.settings_dict.update(site)
            app.conf.broker_url = queue
            app._after_fork()
            user.end()
