"""Loaded before anything else of a test run: the database and the broker that the settings are read from."""

import os
from pathlib import Path

from connecting_families import embedded

os.environ.setdefault("CF_EMBEDDED_FAST", "1")
os.environ.setdefault("CF_DATA_DIR", str(Path(__file__).parent.parent / "var" / "test"))
embedded.ensure(os.environ)
