"""Each guide, followed from its first command to its last, on one server: installed, used, upgraded, and given up."""

import json
import re
import shutil
from pathlib import Path

import psutil
import pytest
import redis

from connecting_families import pulse
from tests.deployment.by_http import Visitor
from tests.deployment.compose import described
from tests.guides import on_the_site
from tests.guides.conftest import SITE, Server
from tests.guides.docker import STARTED
from tests.guides.guide import HOME, blocks

FOLLOWED = (
    "installing", "configuring", "packages", "wrong-send", "upgrading", "rotating-keys", "end-of-study", "destruction",
)  # fmt: skip
"""Also by tests/transfers: packages, of which the chain is tried with every kind of package."""
TYPED = re.compile(r"^```(\w*)$", re.MULTILINE)


def test_every_block_that_is_typed_belongs_to_a_page_that_is_followed() -> None:
    for page in (HOME / "docs").glob("*.md"):
        marks = TYPED.findall(page.read_text(encoding="utf-8"))
        kinds = set(marks[::2])
        assert kinds <= {"sh", "mermaid"}, page.name
        assert ("sh" in kinds) == (page.stem in FOLLOWED), page.name


def test_the_guides_lead_from_an_empty_server_to_the_end_of_a_study(server: Server) -> None:
    reader = server.reader
    _install(server)
    _configure(server)
    submission, fingerprint = server.people_do("approved", str(server.others.recipient_certificate))
    reader.type(f"export SUBMISSION={submission} FINGERPRINT={fingerprint}")
    _seal_and_deliver(server, submission)
    _open_what_was_sent(server, submission)
    _upgrade(server)
    _rotate(server)
    _answer_for_a_wrong_send(server, submission)
    _end_the_study(server, submission)
    _end_in_order(server)


def _states(server: Server) -> dict[str, str]:
    """What /readyz says."""
    answer = Visitor(server.port, SITE).ask("GET", "/readyz?all", tls=False)
    return {name: said["state"] for name, said in json.loads(answer.text)["checks"].items()}


def _numbers(server: Server) -> dict[str, int]:
    machine = server.machine()
    return {name: machine.number(name) for name in STARTED}


def _install(server: Server) -> None:
    printed = server.reader.follow(
        "installing",
        {
            "openssl genpkey -algorithm ed25519": server.in_the_network,
            "openssl x509 -in signing_certificate": lambda: server.certify("signing_certificate"),
        },
    )
    secrets = {path.name for path in (server.folder / "secrets").iterdir()}
    assert secrets == {*described()["secrets"], "council.env"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (server.folder / "secrets").iterdir())
    assert "exited" not in printed.of("docker compose ps")
    states = _states(server)
    assert {name for name, state in states.items() if state != "ok"} <= {"worker", "beat", "backup"}, states


def _configure(server: Server) -> None:
    before = _numbers(server)
    printed = server.reader.follow("configuring")
    loading = printed.of("load_cases")
    first, second = (json.loads(line) for line in loading.splitlines() if line.startswith("{"))
    assert first == second
    assert second["errors"] == []
    after = _numbers(server)
    assert {name for name in STARTED if before[name] != after[name]} == {"web", "worker", "beat"}
    environment = psutil.Process(after["web"]).environ()
    assert environment["CF_IDLE_MINUTES"] == "20"


def _seal_and_deliver(server: Server, submission: str) -> None:
    """On the page and by a worker; then at the prompt. Whoever watches learns that it was done, and nothing of it."""
    services = server.services("worker")
    broker = server.secret("redis_url").read_text().strip()
    assert pulse.broker(broker).ping()
    with pytest.raises(redis.AuthenticationError):
        pulse.broker(re.sub(":[^:@]*@", ":wrong@", broker)).ping()
    for name in ("web", "worker", "beat"):
        on_the_site.until(lambda n=name: services.healthy(n), lambda n=name: services.said(n))  # type: ignore[misc]
    petra = on_the_site.sign_in(server.port, SITE, "petra")
    on_the_site.seal(petra, submission, server.folder / "outbox", lambda: services.said("worker"))
    states = _states(server)
    assert {name for name, state in states.items() if state != "ok"} == {"backup"}, states
    on_the_site.nothing_of_anybody_is_told_beside(services, submission)
    server.reader.type('docker compose run --rm -T worker python manage.py submission deliver "$SUBMISSION" --by petra')


def _end_in_order(server: Server) -> None:
    """Each ends with 0, and leaves no process."""
    tree = [psutil.Process(number) for number in _numbers(server).values()]
    tree += [child for process in tree for child in process.children(recursive=True)]
    server.reader.type("docker compose down")
    said = {name: server.services(name).said(name) for name in STARTED}
    assert {name: (server.folder / f"{name}.ended").read_text() for name in STARTED} == dict.fromkeys(STARTED, "0")
    assert [process for process in tree if process.is_running()] == []
    assert not server.services("web").healthy("web")
    assert "Traceback" not in "".join(said.values())


def _open_what_was_sent(server: Server, submission: str) -> None:
    """As the recipient does it, at their own desk."""
    desk = server.folder / "desk"
    server.reader.type(f"cd {desk}")
    for name in ("ons.pem", "ons.key", "council-ca.pem"):
        shutil.copy(server.folder / "others" / name, desk)
    (package,) = (server.folder / "delivered").glob(f"{submission}-identifiers.zip.p7m")
    shutil.copy(package, desk / "X.zip.p7m")
    cms, _ = blocks("packages")
    assert "OK" in server.reader.type(cms, "packages")
    server.reader.type('cd "$program"')


def _upgrade(server: Server) -> None:
    before = _numbers(server)
    server.reader.follow("upgrading")
    after = _numbers(server)
    assert {name for name in STARTED if before[name] != after[name]} == {"web", "worker", "beat"}
    states = _states(server)
    assert {state for name, state in states.items() if name not in ("worker", "beat")} == {"ok"}, states
    assert list((server.folder / "backups").iterdir())


def _rotate(server: Server) -> None:
    old = server.secret("signing_certificate").read_bytes()
    server.reader.follow(
        "rotating-keys",
        {"openssl x509 -in signing_certificate.new": lambda: server.certify("signing_certificate.new")},
    )
    assert server.secret("signing_certificate.old").read_bytes() == old
    assert not server.secret("signing_key.old").exists()
    assert server.secret("council-openpgp.key").read_text().startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----")
    given = server.folder / "desk" / "council-openpgp.asc"
    assert given.read_text().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")


def _answer_for_a_wrong_send(server: Server, submission: str) -> None:
    delivered = server.folder / "delivered"

    def nobody_sends() -> None:
        assert [name for name, number in _numbers(server).items() if not number] == ["worker", "beat"]
        assert list(delivered.glob(f"{submission}-W*")) == []

    def objects() -> None:
        server.people_do("objected", submission)

    printed = server.reader.follow("wrong-send", {"verify_trail": nobody_sends, "submission withdraw": objects})
    said = json.loads(printed.of("submission withdraw").splitlines()[-1])
    assert len(said["withdrawals"]) == 1
    # Signed with the key that was made since, and sealed for the certificate that is left.
    assert list(delivered.glob(f"{said['withdrawals'][0]}*.p7m"))
    assert all(_numbers(server).values())
    (exported,) = (server.folder / "desk").glob("incident-*")
    assert {path.name for path in exported.iterdir()} >= {"entries.jsonl", "checkpoints.txt", "vkey.txt"}


def _end_the_study(server: Server, submission: str) -> None:
    desk = server.folder / "desk"

    def download() -> None:
        greta = on_the_site.sign_in(server.port, SITE, "greta")
        answer = greta.ask("GET", f"/retention/{submission}/certificate.zip")
        assert answer.status == 200
        (desk / f"{submission}-destruction.zip").write_bytes(answer.body)

    server.reader.follow("end-of-study", {"openssl cms -verify": download})
    server.reader.type(f"cd {desk}")
    server.reader.follow("destruction")
    said = json.loads((desk / "certificate.json").read_text())
    assert said["submission"] == submission
    assert [path.name for path in (server.folder / "archive-keys").iterdir()] == [f"{submission}.destroyed"]
    assert list(Path(desk, "after-the-study").iterdir())


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_says_that_it_is_tried_and_types_nothing_dangerous(page: str) -> None:
    text = "".join(blocks(page))
    assert text
    assert "sudo" not in text
    assert re.search(r"rm -rf? /", text) is None
