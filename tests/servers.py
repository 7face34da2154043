"""Loaded before anything else of a test run: the database and the broker that the settings are read from.

A run copies some hundred databases of a thousand small files each. In memory that takes a twentieth of the time it
takes on a disk; so the files of a run lie in memory where there is room, and are gone with it. Where CF_DATA_DIR is
set, or without such a place, they lie in that folder or below var/, and stay.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from connecting_families import embedded

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a name drawn at random, and is the run's own
ENOUGH = 4 * 2**30
"""Bytes that must be free there: a container's usual 64 MB would not do."""
PREFIX = "connecting-families-tests-"


def in_memory() -> Path | None:
    """A folder of this run's own in memory, for itself and the processes it starts; nothing where there is no room."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ENOUGH:
        return None
    for left in MEMORY.glob(f"{PREFIX}*-*"):
        if not Path("/proc", left.name.removeprefix(PREFIX).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    # PostgreSQL runs as another user where root runs the tests: it must get through, and sees no names.
    folder.chmod(0o711)
    # At the end of the program the servers stop first.
    atexit.register(_forget, folder, os.getpid())
    return folder


def _forget(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


os.environ.setdefault("CF_EMBEDDED_FAST", "1")
if not {"CF_DATA_DIR", *embedded.NEEDED} & os.environ.keys() and (chosen := in_memory()):
    os.environ["CF_DATA_DIR"] = str(chosen)
os.environ.setdefault("CF_DATA_DIR", str(Path(__file__).parent.parent / "var" / "test"))
embedded.ensure(os.environ)
