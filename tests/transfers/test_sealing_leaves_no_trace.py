"""Plaintext never touches a disk, memory stays flat, and files appear whole or not at all."""

import base64
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.transfers.conftest import table
from transfers.package import UNFINISHED, Wrapping, digest, remove_unfinished, seal, written_together

STEM = "CF-E06000031-2026A-0001-identifiers"
SUBMISSION = "CF-E06000031-2026A-0001"
MEGABYTE = 1 << 20
MARKER = "Qvzj-Mårkęr-7741-Xylophone"


def files_under(*folders: Path) -> set[Path]:
    """Every file there."""
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def open_for_writing() -> set[str]:
    """The files that this process holds open for writing, deleted ones included."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
            flags = Path(f"/proc/self/fdinfo/{descriptor.name}").read_text().split("flags:")[1].split()[0]
        except FileNotFoundError:
            continue
        if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY and target.startswith("/") and not target.startswith("/dev/"):
            found.add(target)
    return found


def test_no_plaintext_touches_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapping: Wrapping) -> None:
    folder, elsewhere, here = tmp_path / "sealed", tmp_path / "temporary", tmp_path / "here"
    for path in (folder, elsewhere, here):
        path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.chdir(here)
    seen: list[set[Path]] = []
    held: list[set[str]] = []
    before = open_for_writing() if sys.platform == "linux" else set()

    def rows(count: int) -> Iterator[tuple[str, str, str]]:
        for number in range(count):
            if number % 5_000 == 4_999:
                seen.append(files_under(tmp_path))
                held.append((open_for_writing() if sys.platform == "linux" else set()) - before)
                assert not any(MARKER.encode() in path.read_bytes() for path in seen[-1])
            yield f"{number:026}", MARKER, hashlib.sha256(str(number).encode()).hexdigest()

    approved = digest(table(rows(20_000)))
    assert seen == [set()] * 4, "the digest writes nothing"
    assert held == [set()] * 4
    del seen[:], held[:]

    with written_together(folder) as create:
        sealed = seal(table(rows(20_000)), wrapping, stem=STEM, approved=approved, create=create)
    assert len(seen) == 4
    for files in seen:
        assert [path.parent for path in files] == [folder]
        assert all(path.name.endswith(UNFINISHED) for path in files)
    if sys.platform == "linux":
        assert [len(names) for names in held] == [1] * 4
        assert all(name.endswith(UNFINISHED) for names in held for name in names)

    assert files_under(tmp_path) == {folder / sealed[0].name}
    assert MARKER.encode() not in (folder / sealed[0].name).read_bytes()


def test_memory_stays_flat(tmp_path: Path, wrapping: Wrapping) -> None:
    """More than 100 MB of names that hardly pack, in less than 64 MB more than before."""
    process, peak = psutil.Process(), 0
    noise = [base64.b64encode(hashlib.shake_256(str(seed).encode()).digest(1_100)).decode() for seed in range(997)]

    def rows() -> Iterator[tuple[str, str, str]]:
        nonlocal peak
        for number in range(75_000):
            if number % 2_000 == 0:
                peak = max(peak, process.memory_info().rss)
            yield f"{number:026}", noise[number % 997], noise[number % 991][:40]

    approved = digest(table(rows()))
    assert approved.size > 110_000_000
    before, peak = process.memory_info().rss, 0
    with written_together(tmp_path) as create:
        sealed = seal(table(rows()), wrapping, stem=STEM, approved=approved, create=create)
    assert sealed[0].size > 80 * MEGABYTE
    assert peak - before < 64 * MEGABYTE
    (tmp_path / sealed[0].name).unlink()


def test_files_appear_together_when_all_are_whole(tmp_path: Path) -> None:
    with written_together(tmp_path) as create:
        for name in ("X-identifiers.zip.p7m", "X-programme.zip.p7m"):
            create(name).write(name.encode())
        assert all(path.name.endswith(UNFINISHED) for path in tmp_path.iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "X-identifiers.zip.p7m": b"X-identifiers.zip.p7m",
        "X-programme.zip.p7m": b"X-programme.zip.p7m",
    }


def test_files_are_synced_before_they_are_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        acts.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        assert os.fstat(descriptor).st_size > 0
        fsync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        acts.append(f"rename {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    with written_together(tmp_path) as create:
        create("one").write(b"1")
        create("two").write(b"2")
    assert acts == ["sync file", "sync file", "rename one", "rename two", "sync folder"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_after_an_exception_no_file_is_left(error: type[BaseException], tmp_path: Path) -> None:
    def fail() -> None:
        with written_together(tmp_path) as create:
            create("one").write(b"1")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_full_disk_at_the_very_end_leaves_no_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    fsync, replace = os.fsync, Path.replace

    def second_time() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")

    def failing_fsync(descriptor: int) -> None:
        second_time()
        fsync(descriptor)

    def failing_replace(self: Path, target: Path) -> Path:
        second_time()
        return replace(self, target)

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", failing_fsync)
    else:
        monkeypatch.setattr(Path, "replace", failing_replace)

    def write_two() -> None:
        with written_together(tmp_path) as create:
            create("one").write(b"1")
            create("two").write(b"2")

    with pytest.raises(OSError, match="No space left"):
        write_two()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_known_and_removed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from transfers.package import written_together\n"
        "with written_together(pathlib.Path(sys.argv[1])) as create:\n"
        "    create(sys.argv[2]).write(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), f"{STEM}.zip.p7m"],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    # The name of a round may be the name of a submission.
    kept = [
        f".{SUBMISSION}0-identifiers.zip.p7m.abc{UNFINISHED}",
        f".{SUBMISSION}-0001-identifiers.zip.p7m.abc{UNFINISHED}",
        f"{STEM}.zip.p7m",
        f"{STEM}{UNFINISHED}",
    ]
    part = tmp_path / f".{STEM}-2.zip.p7m.abc{UNFINISHED}"
    part.write_bytes(b"")
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    assert remove_unfinished(tmp_path, [STEM]) == sorted([left.name, part.name])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
