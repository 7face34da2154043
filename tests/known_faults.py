"""make audit: which of the locked libraries have known faults, as the package index's own list says today.

Ends with 0 (none), 1 (some, each named with where it is mended) or 3: it could not be asked, and nothing is known.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKED = ("requirements.txt", "requirements-backup.txt", "requirements-dev.txt")
AUDITOR = "requirements-audit.txt"
INSTALLED = Path(sys.prefix) / "auditor"
"""A copy of what was installed, once all of it was."""
NONE, SOME, NOT_KNOWN = 0, 1, 3


def ask(command: list[str]) -> int:
    """Ask by this command (pip-audit), and say what came of it; how that ends."""
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        libraries = json.loads(said.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (said.stderr.strip().splitlines() or ["nothing was said"])[-1]
        sys.stderr.write(
            f"The list of known faults could not be asked: nothing is known of any library.\n{last[:300]}\n"
        )
        return NOT_KNOWN
    left_out = [each["name"] for each in libraries if "skip_reason" in each]
    faults = [(each, fault) for each in libraries for fault in each.get("vulns", ())]
    for each, fault in faults:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        sys.stdout.write(f"{each['name']} {each['version']}: {fault['id']}; mended in {mended}\n")
    if left_out or not libraries:
        of = "any library" if len(left_out) == len(libraries) else ", ".join(left_out)
        sys.stderr.write(f"The list of known faults could not be asked: nothing is known of {of}.\n")
    sys.stdout.write(f"Asked about {len(libraries) - len(left_out)} libraries; known faults: {len(faults)}.\n")
    return SOME if faults else NOT_KNOWN if left_out or not libraries else NONE


def main() -> int:
    """Ask about everything that is locked."""
    if not _installed():
        sys.stderr.write("pip-audit could not be installed: nothing is known of any library.\n")
        return NOT_KNOWN
    command = [str(Path(sys.executable).with_name("pip-audit")), "--format", "json", "--progress-spinner", "off"]
    command += ["--no-deps", "--disable-pip", "--timeout", "10"]
    return ask([*command, *(word for name in LOCKED for word in ("--requirement", name))])


def _installed() -> bool:
    """Whether pip-audit is there, as it is locked; it comes when it is first asked for."""
    wanted = (ROOT / AUDITOR).read_bytes()
    if INSTALLED.exists() and INSTALLED.read_bytes() == wanted:
        return True
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--require-hashes", "-r", AUDITOR], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0:
        INSTALLED.write_bytes(wanted)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
