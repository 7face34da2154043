"""Journeys start where walks, readers and workers of other tests start."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.faults.test_workers import queue  # noqa: F401 - a fixture
from tests.pages.conftest import (  # noqa: F401 - fixtures
    Serve,
    browse,
    chromium,
    nobody_is_left_on_the_database,
    serve,
    serve_apart,
    signed_in,
)
from tests.stages.conftest import stands, walk_to  # noqa: F401 - fixtures
from tests.stages.walk import Walk

ServeHere = Callable[[Walk], str]


@pytest.fixture
def serve_here(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> ServeHere:  # noqa: F811
    """`serve_here(walk)`: the site, served by this process, where it is the day of the walk and time goes on.

    An agreement of the walk is then in force, whatever day it is for the machine.
    """

    def start(walk: Walk) -> str:
        then, began = walk.now(), time.monotonic()
        monkeypatch.setattr(timezone, "now", lambda: then + timedelta(seconds=time.monotonic() - began))
        return serve()

    return start
