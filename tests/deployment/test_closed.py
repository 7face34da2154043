"""What production is, beside the settings that it needs: Django's own check has nothing to say against it."""

import json
import logging
import subprocess
import sys
from pathlib import Path

from connecting_families import log
from connecting_families.audit import trail
from tests.architecture.test_settings import HOME, WHOLE, start


def test_djangos_check_for_deployment_finds_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"]
    environment = WHOLE | {"CF_DATA_DIR": str(tmp_path), "PATH": ""}
    environment["SECRET_KEY"] = "qW3-nor_this-is-One.of7those+50characters~that=arerandom"
    done = subprocess.run(words, cwd=HOME, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "no issues" in done.stdout) == (0, True), done.stderr


def test_production_says_so_in_its_cookies_and_to_every_browser(tmp_path: Path) -> None:
    say = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "connecting_families.settings"
import django
django.setup()
from django.conf import settings as s
from django.test import Client
print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.CSRF_COOKIE_HTTPONLY, s.MESSAGE_STORAGE.rpartition(".")[2])
print(s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SECURE, s.DEBUG)
asked = Client(HTTP_HOST="families.anytown.example")
print(asked.get("/account/login/")["Location"], asked.get("/healthz").status_code)
answer = asked.get("/healthz", secure=True)
for name in ("Strict-Transport-Security", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
             "X-Frame-Options", "Content-Security-Policy"):
    print(answer[name].partition(";")[0] if "default-src 'none'" not in answer[name] else "policy")
"""
    said = start(WHOLE | {"CF_DATA_DIR": str(tmp_path)}, say)
    assert said.stdout.splitlines() == [
        "__Host-sessionid __Host-csrftoken True SessionStorage",
        "True True Lax True False",
        "https://families.anytown.example/account/login/ 200",
        "max-age=31536000",
        "nosniff",
        "same-origin",
        "same-origin",
        "DENY",
        "policy",
    ], said.stderr


def test_a_line_of_the_log_has_the_trails_own_id_and_no_words_of_an_error() -> None:
    # A traceback quotes the line of the program: what the error says comes from elsewhere.
    words = "Zebulonia Quillfeather"
    try:
        raise ValueError(words)
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    said = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s: at 10%%", (caught[1],), caught)
    with trail.correlated() as drawn:
        line = log.Json().format(said)
    found = json.loads(line)
    assert (found["correlation"], found["message"], "\n" in line) == (drawn, "ValueError: at 10%", False)
    assert found["error"].endswith("builtins.ValueError")
    assert "Zebulonia" not in line
