"""No secret setting is ever said: not in the log, an error page, what machines are told, nor by a start that fails."""

from pathlib import Path

import pytest

from tests.architecture.test_settings import SFTP, WHOLE, start

MARK = "Tr0wel"
"""Part of every secret that is planted here, and of nothing else."""
SECRETS = {
    name: f"{MARK}-{name}-{'x' * 50}"
    for name in (
        "SECRET_KEY", "CF_TRAIL_KEY", "CF_SECRETS_KEY", "CF_ARCHIVE_MASTER_KEY", "CF_SIGNING_PASSPHRASE",
        "CF_OPENPGP_SIGNING_PASSPHRASE", "CF_CHECKPOINT_PASSPHRASE", "CF_SFTP_PASSWORD", "CF_SFTP_KEY_PASSPHRASE",
        "CF_OIDC_CLIENT_SECRET", "CF_BACKUP_KEY",
    )
}  # fmt: skip
ADDRESSES = {
    "DATABASE_URL": f"postgresql://site:{MARK}-site@127.0.0.1:9/families",
    "DATABASE_OWNER_URL": f"postgresql://owner:{MARK}-owner@127.0.0.1:9/families",
    "REDIS_URL": f"redis://:{MARK}-broker@127.0.0.1:9/0",
    "CF_MAIL_URL": f"smtp+tls://user:{MARK}-mail@127.0.0.1:9",
}
OIDC = {"CF_OIDC_ISSUER": "https://127.0.0.1:9", "CF_OIDC_CLIENT_ID": "families"}
NOISE = """
import logging, os, sys, traceback
os.environ["DJANGO_SETTINGS_MODULE"] = "connecting_families.settings"
import django
django.setup()
from django.conf import settings
from django.core.mail import send_mail
from django.core.management import call_command
from django.test import Client, override_settings
from prometheus_client import generate_latest
from connecting_families import celery
from connecting_families.home import home

plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
override_settings(STORAGES=settings.STORAGES | plain).enable()
heard = logging.getLogger("heard")
secrets = [str(getattr(settings, name)) for name in %(names)r]
assert all(%(mark)r in each for each in secrets)
try:
    raise ValueError(*secrets) from RuntimeError(settings.DATABASES["default"]["PASSWORD"])
except ValueError as error:
    heard.exception("It failed: %%s", error)
    heard.error("Once more", exc_info=True)

site = Client(raise_request_exception=False, HTTP_HOST="families.anytown.example")
sign_on = "/account/council/sign-on/login/"
for path in ("/", "/account/login/", "/healthz", "/readyz", "/readyz?all", "/nowhere/", sign_on):
    for answer in (site.get(path, secure=True), site.post(path, secure=True)):
        print(path, answer.status_code, answer.content.decode(), dict(answer.headers), answer.cookies.output())
print(generate_latest().decode())
for fails in (
    lambda: celery.app.send_task("nothing", retry=False),
    lambda: send_mail("a", "b", "c@anytown.example", ["d@anytown.example"]),
    lambda: call_command("verify_trail"),
    lambda: call_command("check"),
):
    try:
        fails()
    except BaseException as error:
        heard.exception("A piece of work failed: %%s", error)
        traceback.print_exc()
print("the end")
"""


def test_whatever_fails_says_no_secret(tmp_path: Path) -> None:
    given = WHOLE | SFTP | SECRETS | ADDRESSES | OIDC | {"CF_DATA_DIR": str(tmp_path), "CF_LOG_LEVEL": "DEBUG"}
    noise = NOISE % {"names": tuple(SECRETS), "mark": MARK}
    for form in ("json", "plain"):
        done = start(given | {"CF_LOG_FORMAT": form}, noise)
        assert done.stdout.endswith("the end\n"), done.stderr[-3000:]
        assert "/account/login/ 503" in done.stdout
        assert "/readyz 503" in done.stdout
        assert "OperationalError" in done.stderr
        assert "It failed: ValueError" in done.stderr
        said = [line for line in (done.stdout + done.stderr).splitlines() if MARK in line]
        assert said == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"postgresql://site:{MARK}@db.anytown.example:port/families"),
        ("DATABASE_URL", f"{MARK} is no address"),
        ("REDIS_URL", f"carrier-pigeon://:{MARK}@broker.anytown.example:6379/0"),
        ("CF_MAIL_URL", f"smtp+tls://user:{MARK}@mail.anytown.example:port"),
        ("CF_MAIL_URL", f"pigeon://user:{MARK}@mail.anytown.example"),
    ],
)
def test_a_start_that_fails_says_no_secret(name: str, value: str, tmp_path: Path) -> None:
    said = start(WHOLE | {"CF_DATA_DIR": str(tmp_path), name: value}, "import connecting_families.settings")
    assert MARK not in said.stdout + said.stderr
