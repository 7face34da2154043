"""One target, led by what its code does: python -m tests.fuzz.one NAME FOLDER SECONDS. Ends as libFuzzer does.

Settings and the addresses of the servers come from whoever starts it (__main__.py).
"""

import os
import sys
from pathlib import Path

import atheris
import django

HANG = 30
"""Seconds for one case, beside whatever else the machine does."""
MEMORY = 300
"""MB of the process, at any time."""
LONGEST = 1 << 16
"""Bytes of a case: what is wrong with a file shows in a small one."""


def main(name: str, folder: Path, seconds: int) -> None:
    """Search; libFuzzer writes what it finds into the folder and ends the process."""
    with atheris.instrument_imports(include=["transfers", "cohorts", "pyasn1", "openpyxl"]):
        django.setup()
        from tests.fuzz.targets import TARGETS

        if name == "loader":
            from tests.fuzz.loaded import take_a_file
    inputs, found = folder / "inputs", folder / "found"
    for each in (inputs, found):
        each.mkdir(parents=True, exist_ok=True)
    words = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}"]
    words += [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=1", "-close_fd_mask=1"]
    if name == "loader":
        take = take_a_file.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    else:
        target = TARGETS[name]
        take = target.take
        for number, example in enumerate(target.examples()):
            (inputs / f"example-{number}").write_bytes(example)
        (folder / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        words.append(f"-dict={folder / 'words'}")
    atheris.Setup([sys.argv[0], *words, str(inputs)], take)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
