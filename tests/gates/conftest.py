"""Where the gates are tried: copies of the stages' walk."""

from tests.stages.conftest import stands as stands
from tests.stages.conftest import walk_to as walk_to
