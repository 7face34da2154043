"""SFTP with OpenSSH's own server: what arrives is whole, the host is the pinned one, and trouble has its name."""

import base64
import hashlib
import logging
import random
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import paramiko
import pytest

from connecting_families.host_key import pin
from tests.transfers.far_host import FarHost, free_port, line, make_key, running
from transfers.channels import sftp_session
from transfers.channels.channel import Failed, Lost, Sent, Stopped, Trouble
from transfers.channels.sftp import Sftp

LARGE = 3_000_017
"""Bytes: several rounds of requests, the last one not full."""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarHost]:
    with running(tmp_path_factory.mktemp("far")) as host:
        yield host


@pytest.fixture(autouse=True)
def empty(far: FarHost) -> None:
    for path in far.folder.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    (far.home / "full").unlink(missing_ok=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "CF-E06999999-2026-0001-identifiers.zip.p7m"
    path.write_bytes(random.Random(7).randbytes(LARGE))
    return path


def sent(source: Path) -> Sent:
    data = source.read_bytes()
    return Sent(source.name, len(data), hashlib.sha256(data).hexdigest())


def put(channel: Sftp, source: Path, told: Callable[[int], None] = lambda _: None) -> str:
    """Lay it there; how it was compared."""
    with channel.open() as folder:
        folder.put(source, sent(source), told)
        return folder.checked


def has_arrived(channel: Sftp, source: Path) -> bool:
    with channel.open() as folder:
        return folder.has_arrived(sent(source))


def test_a_file_arrives_whole_and_is_read_back(far: FarHost, source: Path) -> None:
    told: list[int] = []
    assert not has_arrived(far.channel(), source)
    (far.folder / f"{source.name}.0badf00d.part").write_bytes(b"left by an earlier attempt")
    assert put(far.channel(), source, told.append) == "sha256"
    assert far.lies_there() == {source.name: source.read_bytes()}
    assert has_arrived(far.channel(), source)
    assert (told, told[-1]) == (sorted(told), LARGE)
    assert len(told) == 6


def test_another_file_of_that_name_is_not_taken_for_it_and_gives_way(far: FarHost, source: Path) -> None:
    data = source.read_bytes()
    for other in (data[:-1], b"?" + data[1:]):
        (far.folder / source.name).write_bytes(other)
        assert not has_arrived(far.channel(), source)
    put(far.channel(), source)
    assert far.lies_there() == {source.name: data}


def test_the_host_is_known_by_its_line_its_key_and_its_fingerprint(far: FarHost, source: Path) -> None:
    fingerprint = paramiko.PKey.from_type_string(*_typed(far.public)).fingerprint
    for text in (far.public, f"{far.public} a comment", f"sftp.ons.example,127.0.0.1 {far.public}", fingerprint):
        assert pin(text).fingerprint == fingerprint
        assert not has_arrived(far.channel(pin=pin(text)), source)


def _typed(public: str) -> tuple[str, bytes]:
    kind, key = public.split()[:2]
    return kind, base64.b64decode(key)


@pytest.mark.parametrize(
    "text", ["", "SHA256:short", "ssh-ed25519 AAAA", "MD5:aa:bb", "@revoked host ssh-ed25519 AAAA", "ons.example"]
)
def test_what_is_no_host_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no host key"):
        pin(text)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_host_with_another_key_is_sent_nothing_not_even_who_we_are(
    far: FarHost, source: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_key(tmp_path / "other.key", kind=kind)
    tried: list[str] = []
    for way in ("auth_publickey", "auth_password"):
        monkeypatch.setattr(paramiko.Transport, way, lambda *_: tried.append("signed in"))
    for text in (other, pin(other).fingerprint):
        assert trouble(partial(put, far.channel(pin=pin(text)), source)) == (Stopped, "WRONG_HOST_KEY")
    assert (far.names(), tried) == ([], [])


def trouble(act: Callable[[], object]) -> tuple[type[Trouble], str]:
    """What stood in the way."""
    with pytest.raises(Trouble) as raised:
        act()
    return type(raised.value), raised.value.why.code


def test_a_key_under_a_passphrase_and_one_that_cannot_be_opened(far: FarHost, source: Path, tmp_path: Path) -> None:
    authorized = far.home / "authorized"
    was = authorized.read_text()
    for kind in ("ecdsa", "rsa"):
        public = make_key(tmp_path / kind, "marl and osier", kind)
        authorized.write_text(f"{was}{public}\n")
        assert not has_arrived(far.channel(key=tmp_path / kind, passphrase="marl and osier"), source)
        for passphrase in ("", "another one"):
            channel = far.channel(key=tmp_path / kind, passphrase=passphrase)
            assert trouble(partial(put, channel, source)) == (Stopped, "NO_KEY")
    authorized.write_text(was)
    stranger = tmp_path / "stranger"
    make_key(stranger)
    assert trouble(lambda: put(far.channel(key=stranger), source)) == (Stopped, "SIGN_IN_REFUSED")
    assert trouble(lambda: put(far.channel(key=None, password="guessed"), source)) == (Stopped, "SIGN_IN_REFUSED")


def test_nobody_there(source: Path, far: FarHost) -> None:
    assert trouble(lambda: put(far.channel(port=free_port()), source)) == (Failed, "NOT_REACHED")
    assert trouble(lambda: put(far.channel(name="no..name"), source)) == (Failed, "NOT_REACHED")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert trouble(lambda: put(far.channel(port=port, patience=0.4), source)) == (Failed, "NOT_REACHED")


def test_a_line_that_is_cut_mid_file_leaves_no_file_of_that_name(far: FarHost, source: Path) -> None:
    with line(far.port) as bad:
        bad.cut = lambda: any(part.stat().st_size > 1_000_000 for part in far.parts())
        assert trouble(lambda: put(far.channel(port=bad.port), source)) == (Lost, "CONNECTION_LOST")
        assert len(far.names()) == len(far.parts()) == 1
        bad.cut = lambda: False
        assert not has_arrived(far.channel(port=bad.port), source)
        put(far.channel(port=bad.port), source)
    assert far.names() == [source.name]


@pytest.mark.parametrize("size", [0, 1_000_000])
def test_a_line_on_which_nothing_gets_on_is_given_up(far: FarHost, source: Path, size: int) -> None:
    with line(far.port) as slow:
        slow.stall = lambda: any(part.stat().st_size >= size for part in far.parts())
        assert trouble(lambda: put(far.channel(port=slow.port, patience=1.0), source)) == (Lost, "CONNECTION_LOST")
        assert source.name not in far.names()


def test_a_slow_line_is_not_a_dead_one(far: FarHost, source: Path) -> None:
    source.write_bytes(source.read_bytes()[:700_000])
    with line(far.port) as slow:
        slow.pause = 0.04
        began = time.monotonic()
        put(far.channel(port=slow.port, patience=0.8), source)
        assert time.monotonic() - began > 0.8
    assert far.names() == [source.name]


def test_a_full_disk_is_noticed_and_nothing_of_the_file_is_left(far: FarHost, source: Path) -> None:
    (far.home / "full").write_text("2000")
    assert trouble(lambda: put(far.channel(), source)) == (Failed, "FILE_REFUSED")
    assert far.names() == []


def test_a_folder_that_is_not_there(far: FarHost, source: Path) -> None:
    assert trouble(lambda: put(far.channel(folder="elsewhere"), source)) == (Failed, "FILE_REFUSED")


def test_a_name_that_is_refused_leaves_nothing_half_named(far: FarHost, source: Path) -> None:
    (far.folder / source.name).mkdir()
    assert trouble(lambda: put(far.channel(), source)) == (Failed, "RENAME_REFUSED")
    assert far.names() == [source.name]
    assert list((far.folder / source.name).iterdir()) == []


def test_a_file_that_is_not_the_sealed_one_gets_no_name(far: FarHost, source: Path) -> None:
    file = sent(source)
    source.write_bytes(source.read_bytes()[:-1] + b"?")
    with far.channel().open() as folder:
        assert trouble(lambda: folder.put(source, file, lambda _: None)) == (Stopped, "PACKAGE_CHANGED")
        source.unlink()
        assert trouble(lambda: folder.put(source, file, lambda _: None)) == (Stopped, "PACKAGE_CHANGED")
    assert far.names() == []


def test_what_changed_at_the_far_end_gets_no_name(far: FarHost, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = sftp_session.Session.upload

    def upload_and_change(session: sftp_session.Session, *arguments: object) -> str:
        sha256 = upload(session, *arguments)  # type: ignore[arg-type]
        (part,) = far.parts()
        part.write_bytes(part.read_bytes()[:-1] + b"?")
        return sha256

    monkeypatch.setattr(sftp_session.Session, "upload", upload_and_change)
    assert trouble(lambda: put(far.channel(), source)) == (Failed, "DIFFERENT_THERE")
    assert far.names() == []


@pytest.mark.parametrize(
    ("forbidden", "compared"),
    [("realpath", "sha256"), ("read,opendir,readdir", "size"), ("fsync,posix-rename", "sha256")],
)
def test_hosts_that_allow_less(tmp_path: Path, source: Path, forbidden: str, compared: str) -> None:
    with running(tmp_path, options=f"-P {forbidden}") as narrow:
        assert put(narrow.channel(), source) == compared
        assert narrow.names() == [source.name]
        assert has_arrived(narrow.channel(), source)


def test_a_host_that_hides_what_lies_there_is_sent_nothing(tmp_path: Path, source: Path) -> None:
    with running(tmp_path, options="-P stat,lstat,fstat") as hiding:
        assert trouble(lambda: has_arrived(hiding.channel(), source)) == (Stopped, "CANNOT_LOOK")


def test_nothing_is_said_of_hosts_and_files_in_the_log(
    far: FarHost, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        put(far.channel(), source)
        trouble(lambda: put(far.channel(port=free_port()), source))
    finally:
        logging.getLogger().setLevel(logging.WARNING)
    assert [record.name for record in caplog.records if record.name.startswith("paramiko")] == []
