"""Journeys start where walks, readers and workers of other tests start."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.utils import timezone

from tests.faults.test_workers import queue  # noqa: F401 - a fixture
from tests.pages.conftest import (  # noqa: F401 - fixtures
    browse,
    chromium,
    nobody_is_left_on_the_database,
    serve,
    signed_in,
)
from tests.stages.conftest import stands, walk_to  # noqa: F401 - fixtures
from tests.stages.walk import Walk

ServeHere = Callable[[Walk], str]


class Quiet(WSGIRequestHandler):
    """Answers, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Not told."""


@pytest.fixture
def serve_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServeHere]:
    """`serve_here(walk)`: the site, served by this process, where it is the day of the walk and time goes on.

    An agreement of the walk is then in force, whatever day it is for the machine; and no other process starts.
    """
    serving: list[ThreadedWSGIServer] = []

    def start(walk: Walk) -> str:
        then, began = walk.now(), time.monotonic()
        monkeypatch.setattr(timezone, "now", lambda: then + timedelta(seconds=time.monotonic() - began))
        server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
        server.set_app(WSGIHandler())
        Thread(target=server.serve_forever, daemon=True).start()
        serving.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in serving:
        server.shutdown()
        server.server_close()
