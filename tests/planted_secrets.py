"""What looks like a secret in the files of this repository, and is not in .secrets.baseline: a part of make check.

The baseline holds hashes of what looks like one and is none: alphabets, digests, addresses of examples. On which line
it stands does not matter. What is new goes in by `python -m tests.planted_secrets --accept`, once somebody looked at
it. Keys of tests are made when they are needed, and are in no file.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection

ROOT = Path(__file__).parents[1]
BASELINE = ".secrets.baseline"


def look(files: Iterable[str], root: Path = ROOT) -> tuple[SecretsCollection, list[tuple[str, int, str]]]:
    """What is found in these files, and what of it is not in the baseline: file, line and kind. Nothing is asked over
    the network.
    """
    known = baseline.load(json.loads((ROOT / BASELINE).read_text(encoding="utf-8")), BASELINE)
    found = SecretsCollection(root=str(root))
    found.scan_files(*files)
    accepted = {(name, each.secret_hash, each.type) for name, each in known}
    new = [(n, each.line_number, each.type) for n, each in found if (n, each.secret_hash, each.type) not in accepted]
    return found, new


def main(*words: str) -> int:
    """Look through all that git keeps; 1 where something is new, and said where."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found, new = look([name for name in listed.stdout.split("\0") if (ROOT / name).is_file() and name != BASELINE])
    if words == ("--accept",):
        for name, each in found:
            each.filename = name
        baseline.save_to_file(found, str(ROOT / BASELINE))
        return 0
    for name, line, kind in new:
        sys.stderr.write(f"{name}:{line}: {kind}. Make it at run time, or keep it elsewhere.\n")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
