"""Every setting has a name; one that production lacks stops the start, and the message says which and what it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connecting_families.environment import HINTS, HINTS_WITH
from connecting_families.settings import database

HOME = Path(__file__).parent.parent.parent
WHOLE = {
    "CF_PRODUCTION": "1",
    "SECRET_KEY": "only-for-this-test-" * 4,
    "ALLOWED_HOSTS": "families.anytown.example,families2.anytown.example",
    "DATABASE_URL": "postgresql://site:secret@db.anytown.example/families",
    "REDIS_URL": "redis://broker.anytown.example:6379/0",
    "CF_LA_CODE": "E06999999",
    "CF_COUNCIL_NAME": "Anytown City Council",
    "CF_SIGNING_KEY": "signing.key",
    "CF_SIGNING_CERTIFICATE": "signing.pem",
    "CF_SECRETS_KEY": "only-for-that-test-" * 4,
    "CF_ARCHIVE_MASTER_KEY": "only-for-another-test-" * 3,
    "CF_ARCHIVE_KEYS": "archive-keys",
    "CF_CONTACT": "families@anytown.example",
    "CF_CHECKPOINT_KEY": "checkpoints.pem",
    "CF_CHECKPOINTS": "checkpoints",
    "CF_JOURNAL": "journal",
    "CF_TRAIL_KEY": "also-only-for-this-test-" * 3,
}
SAY = (
    "from connecting_families import settings as s; print(s.DEBUG, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE,"
    " s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0, len(s.ALLOWED_HOSTS), s.DATABASE_OWNER['USER'])"
)


def start(settings: dict[str, str], say: str = SAY) -> "subprocess.CompletedProcess[str]":
    """Read the settings in a process with this environment and no other."""
    environment = settings | {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", say], cwd=HOME, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, str]:
    return WHOLE | {"CF_DATA_DIR": str(tmp_path / "data")}


def test_production_starts_with_every_setting_and_is_closed(whole: dict[str, str]) -> None:
    started = start(whole)
    assert (started.stdout, started.returncode) == ("False True True True True 2 site\n", 0), started.stderr


def test_every_setting_that_production_needs_is_tried(whole: dict[str, str]) -> None:
    assert whole.keys() - {"CF_PRODUCTION"} == HINTS.keys()


@pytest.mark.parametrize("missing", HINTS)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_production_does_not_start_without_a_setting(whole: dict[str, str], missing: str, how: str) -> None:
    lacking = {name: value for name, value in whole.items() if name != missing}
    started = start(lacking if how == "absent" else lacking | {missing: ""})
    assert started.returncode == 1
    last = started.stderr.splitlines()[-1]
    assert f"The setting {missing} is missing. It is {HINTS[missing]}." in last


SFTP = {
    "CF_DELIVERY": "sftp",
    "CF_SFTP_HOST": "sftp.ons.example",
    "CF_SFTP_USER": "anytown",
    "CF_SFTP_KEY": "sftp.key",
    "CF_SFTP_HOST_KEY": f"SHA256:{'A' * 43}",
    "CF_SFTP_FOLDER": "inbox",
}


def test_production_delivers_over_sftp_with_every_setting(whole: dict[str, str]) -> None:
    say = "from connecting_families import settings as s; print(s.CF_SFTP_KEY, s.CF_SFTP_PORT, s.CF_SFTP_HOST_KEY[0])"
    started = start(whole | SFTP, say)
    assert started.stdout == f"sftp.key 22 {SFTP['CF_SFTP_HOST_KEY']}\n", started.stderr
    with_password = {name: value for name, value in SFTP.items() if name != "CF_SFTP_KEY"} | {"CF_SFTP_PASSWORD": "x"}
    assert start(whole | with_password, say).stdout.startswith("None 22")


@pytest.mark.parametrize("missing", [name for name in SFTP if name != "CF_DELIVERY"])
def test_delivery_over_sftp_does_not_start_without_a_setting(whole: dict[str, str], missing: str) -> None:
    started = start(whole | SFTP | {missing: ""})
    assert f"The setting {missing} is missing. It is {HINTS_WITH[missing]}." in started.stderr.splitlines()[-1]


@pytest.mark.parametrize(("name", "value"), [("CF_DELIVERY", "by pigeon"), ("CF_SFTP_HOST_KEY", "any host at all")])
def test_delivery_does_not_start_with_a_wrong_setting(whole: dict[str, str], name: str, value: str) -> None:
    last = start(whole | SFTP | {name: value}).stderr.splitlines()[-1]
    assert f"The setting {name} is wrong. It is " in last
    assert value not in last


def test_production_writes_no_key_of_its_own(whole: dict[str, str], tmp_path: Path) -> None:
    start({name: value for name, value in whole.items() if name != "SECRET_KEY"})
    start(whole)
    assert not (tmp_path / "data").exists()


def test_one_machine_starts_with_its_servers_alone_and_keeps_its_key(tmp_path: Path) -> None:
    alone = {name: WHOLE[name] for name in ("DATABASE_URL", "REDIS_URL")} | {"CF_DATA_DIR": str(tmp_path)}
    say = "from connecting_families import settings as s; print(s.SECRET_KEY, s.DEBUG, s.ALLOWED_HOSTS)"
    first, second = start(alone, say), start(alone, say)
    assert first.stdout == second.stdout
    key, debug, *hosts = first.stdout.split()
    assert (len(key) >= 50, debug) == (True, "False")
    assert "".join(hosts) == "['localhost','127.0.0.1','[::1]','testserver']"
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password"),
    [
        ("postgresql://site:secret@db.example:5433/families", "db.example", "5433", "site", "secret"),
        ("postgres://site@db.example/families", "db.example", "", "site", ""),
        ("postgresql://site@%2Frun%2Fpostgres/families", "/run/postgres", "", "site", ""),
        ("postgresql://site@%2FRun%2FPostgres/families", "/Run/Postgres", "", "site", ""),
        ("postgresql:///families?host=/run/postgres&user=site", "/run/postgres", "", "site", ""),
        ("postgresql://site@/families?host=/run/postgres&port=5433", "/run/postgres", "5433", "site", ""),
        ("postgresql://si%40te:p%2Fw%3A%25@db.example/families", "db.example", "", "si@te", "p/w:%"),
    ],
)
def test_an_address_of_a_database_is_read(url: str, host: str, port: str, user: str, password: str) -> None:
    read = database(url)
    assert (read["NAME"], read["HOST"], str(read["PORT"])) == ("families", host, port)
    assert (read["USER"], read["PASSWORD"]) == (user, password)
    assert read["ENGINE"] == "django.db.backends.postgresql"


def test_other_options_of_an_address_are_kept() -> None:
    assert database("postgresql://site@db.example/families?sslmode=verify-full")["OPTIONS"]["sslmode"] == "verify-full"


def test_a_secret_may_lie_in_a_file_whose_last_line_has_an_end(whole: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" of 50 characters #\n")
    (tmp_path / "address").write_text("postgresql://site:se%2Fcret@db.anytown.example/families\n")
    inside = {name: value for name, value in whole.items() if name not in ("SECRET_KEY", "DATABASE_URL")}
    inside |= {"SECRET_KEY_FILE": str(tmp_path / "key"), "DATABASE_URL_FILE": str(tmp_path / "address")}
    say = "from connecting_families import settings as s; print(repr(s.SECRET_KEY), s.DATABASES['default']['PASSWORD'])"
    assert start(inside, say).stdout == "' of 50 characters #' se/cret\n"


@pytest.mark.parametrize("how", ["both", "no such file"])
def test_a_secret_in_two_places_or_in_none_stops_the_start(whole: dict[str, str], tmp_path: Path, how: str) -> None:
    (tmp_path / "key").write_text("unspeakable" if how == "both" else "")
    wrong = whole | {"SECRET_KEY_FILE": str(tmp_path / ("key" if how == "both" else "none"))}
    if how != "both":
        del wrong["SECRET_KEY"]
    started = start(wrong)
    assert started.returncode == 1
    assert "SECRET_KEY_FILE" in started.stderr.splitlines()[-1]
    assert "unspeakable" not in started.stderr
