"""make fuzz [ONLY=name,…] [MINUTES=10]: searches each door for a crash, a hang, or more than 300 MB of memory.

Prints a line for each, and ends with 1 where anything was found. What was found lies below var/fuzz/NAME/found: a case
that is mended goes to tests/fuzz/found/NAME, where every run of the tests tries it again.
"""

import argparse
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from connecting_families import embedded

ROOT = Path(__file__).parent.parent.parent
NAMES = ("package", "certificate", "receipt", "csv", "workbook", "loader")
ENDS = {0: "nothing found", 70: "A HANG", 71: "TOO MUCH MEMORY", 77: "A CRASH"}


def main() -> None:
    """Search one after the other."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    os.environ.setdefault("CF_DATA_DIR", str(ROOT / "var" / "fuzz"))
    parser = argparse.ArgumentParser(description=__doc__, prog="make fuzz")
    parser.add_argument("--only", default=",".join(NAMES), help="names, separated by commas")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each")
    asked = parser.parse_args()
    names = [name for name in asked.only.split(",") if name]
    if unknown := sorted(set(names) - set(NAMES)):
        sys.exit(f"There is no target {', '.join(unknown)}. Choose from {', '.join(NAMES)}.")
    embedded.ensure(os.environ)
    sys.exit(max([_search(name, int(60 * asked.minutes)) for name in names]))


def _search(name: str, seconds: int) -> int:
    folder = ROOT / "var" / "fuzz" / name
    with ExitStack() as opened:
        environment = dict(os.environ)
        if name == "loader":
            import django

            django.setup()
            from connecting_families.audit import trail
            from tests.benchmarks.council import database, environ
            from tests.stages.bulk import everything, load, write

            environment = environ(opened.enter_context(database()))
            with trail.correlated():
                report = load(write(ROOT / "var" / "fuzz" / "on-file", everything()))
            if report.errors:
                raise AssertionError("What is to be on file was refused.")
        folder.mkdir(parents=True, exist_ok=True)
        # A grandchild: whoever is started by this process directly has its memory counted as their own highest.
        words = [sys.executable, "-m", "tests.fuzz.one", name, str(folder), str(seconds)]
        words = ["sh", "-c", '"$@"; exit $?', "sh", *words]
        with (folder / "log").open("wb") as log:
            ended = subprocess.run(words, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False).returncode
    said = (folder / "log").read_text(errors="replace")
    figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", said))
    cases, memory = int(figures.get("number_of_executed_units", 0)), figures.get("peak_rss_mb", "?")
    outcome = ENDS.get(ended, f"ENDED WITH {ended}")
    when = datetime.now(UTC).strftime("%H:%M")
    sys.stdout.write(f"{when}  {name:<12} {cases:>10,} cases, at most {memory} MB: {outcome}\n")
    if ended:
        sys.stdout.write("".join(f"    {line}\n" for line in said.splitlines()[-40:]))
    sys.stdout.flush()
    return int(ended != 0)


if __name__ == "__main__":
    main()
