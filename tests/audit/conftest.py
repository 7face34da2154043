"""The walks of tests/stages, whose acts the trail tells of."""

from tests.stages.conftest import stands, walk_to

__all__ = ["stands", "walk_to"]
