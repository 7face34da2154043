"""Journeys start where walks, readers and workers of other tests start."""

from tests.faults.test_workers import queue  # noqa: F401 - a fixture
from tests.pages.conftest import (  # noqa: F401 - fixtures
    browse,
    chromium,
    nobody_is_left_on_the_database,
    serve,
    signed_in,
)
from tests.stages.conftest import stands, walk_to  # noqa: F401 - fixtures
