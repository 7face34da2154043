"""make screens: writes docs/screens.md anew, and photographs of every screen below var/screens/."""

import os
import shutil
import sys
from pathlib import Path

from connecting_families import embedded

ROOT = Path(__file__).parents[2]


def main() -> int:
    """The list, and then the photographs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    os.environ.setdefault("CF_DATA_DIR", str(ROOT / "var" / "test"))
    os.environ["CF_SCREENS"] = str(ROOT / "var" / "screens")
    embedded.ensure(os.environ)
    import django
    import pytest

    django.setup()
    from tests.pages.places import screens

    (ROOT / "docs" / "screens.md").write_text(screens(), encoding="utf-8")
    for width in ("1280", "390"):
        shutil.rmtree(ROOT / "var" / "screens" / width, ignore_errors=True)
    return pytest.main(["-q", str(ROOT / "tests" / "pages" / "test_places_in_browser.py"), "-k", "sound"])


if __name__ == "__main__":
    sys.exit(main())
