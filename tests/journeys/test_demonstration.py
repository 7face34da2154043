"""The demonstration, as somebody gives the command: it ends well, says what it did, and leaves no process behind."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connecting_families import invented

ROOT = Path(__file__).parent.parent.parent
GENERATOR = ROOT.parent / "shared" / "tools" / "make_cases.py"


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory that others may enter, and an environment without servers."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def give(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Give a command on a machine that has no servers."""
    environ = {k: v for k, v in os.environ.items() if not k.endswith("_URL") and k != "CF_EMBEDDED_BY"}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environ | {"CF_DATA_DIR": str(data), "CF_EMBEDDED_FAST": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def left(data: Path) -> list[str]:
    """What still runs for this data directory."""
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if str(data) in command]


@pytest.mark.skipif(shutil.which("openssl") is None and not os.environ.get("CI"), reason="openssl is not installed.")
def test_the_journey_ends_in_a_submission_that_the_recipient_opens_and_can_be_walked_again(data: Path) -> None:
    ended = give(data, "demo", "--no-serve", "--families", "60")
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout
    assert "refused: You prepared, edited or explained this submission. Somebody else must approve it." in said
    assert "is void" in said
    assert said.count("signature good, sums good") == 2
    assert "refused: A legal hold stands." in said
    assert "DEMO-2-0001 is destroyed" in said
    assert "What was sent was destroyed, and its certificate signed" in said
    assert [path.name.rpartition("-DEMO-2-")[2] for path in (data / "archive-keys").glob("*DEMO-2*")] == [
        "0001.destroyed"
    ]
    sealed = sorted(path.name.split("-0002-")[1] for path in (data / "outbox").iterdir())
    assert sealed == ["identifiers.zip.p7m", "programme.zip.p7m", "transmittal.json", "transmittal.json.p7s"]
    assert {"ons.pem", "ons.key", "council-ca.pem"} <= {path.name for path in (data / "demo-keys").iterdir()}
    assert "13 of 13 are kept" in said
    assert not left(data)
    again = give(data, "demo", "--no-serve", "--families", "40")
    assert again.returncode == 0, again.stderr
    assert "DEMO-4" in again.stdout
    assert "13 of 13 are kept" in again.stdout


@pytest.mark.skipif(not GENERATOR.exists(), reason="The shared generator is not beside this checkout.")
@pytest.mark.parametrize("edges", [False, True])
def test_our_invented_families_are_those_of_the_shared_generator(tmp_path: Path, edges: bool) -> None:  # noqa: FBT001
    found = importlib.util.spec_from_file_location("make_cases", GENERATOR)
    assert found is not None
    assert found.loader is not None
    generator = importlib.util.module_from_spec(found)
    found.loader.exec_module(generator)
    generator.write(tmp_path / "theirs", 80, seed=5, edges=edges)
    invented.write(tmp_path / "ours", 80, seed=5, edges=edges)
    for file in (tmp_path / "theirs").iterdir():
        assert file.read_bytes() == (tmp_path / "ours" / file.name).read_bytes()
