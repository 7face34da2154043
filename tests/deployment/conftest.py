"""What goes on around the program starts where walks start."""

from tests.stages.conftest import stands, walk_to  # noqa: F401 - fixtures
