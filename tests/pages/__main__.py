"""make screens: writes docs/screens.md anew, and photographs of every screen below var/screens/.

make access: writes docs/access.md anew, from what every role is answered.
"""

import os
import shutil
import sys
from pathlib import Path

from connecting_families import embedded

ROOT = Path(__file__).parents[2]


def main(what: str = "screens") -> int:
    """The list, and then the photographs; or who is answered what."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    if what == "access":
        import pytest

        os.environ["CF_ACCESS"] = "1"
        return pytest.main(["-q", str(ROOT / "tests" / "pages" / "test_access.py")])
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
    sys.exit(main(*sys.argv[1:]))
