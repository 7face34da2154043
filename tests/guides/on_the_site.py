"""What people and machines do on the site between two guides, over HTTP alone."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.deployment.by_http import Visitor
from tests.deployment.compose import Services
from tests.guides.furnished import PASSWORD
from tests.signing_in import code_of


def until(holds: Callable[[], object], what: Callable[[], str], seconds: float = 120.0) -> None:
    """Wait for it. Raises AssertionError with `what` where it takes too long."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.3)


def sign_in(port: int, site: str, name: str) -> Visitor:
    """With the password, then with a code, as the proxy passes it on; what is not so is refused."""
    visitor = Visitor(port, site)
    redirected = visitor.ask("GET", "/", tls=False)
    assert (redirected.status, redirected.headers["Location"]) == (301, f"https://{site}/")
    assert Visitor(port, "elsewhere.example").ask("GET", "/account/login/").status == 400
    visitor.ask("GET", "/account/login/")
    assert visitor.send("/account/login/", login=name, password=PASSWORD).status == 302
    visitor.ask("GET", "/account/login/code/")
    assert visitor.send("/account/login/code/", code=code_of(name)).status == 302
    for cookie in ("__Host-sessionid", "__Host-csrftoken"):
        given = visitor.cookies[cookie]
        assert (given["secure"], given["samesite"]) == (True, "Lax"), cookie
    assert visitor.cookies["__Host-sessionid"]["httponly"] is True
    return visitor


def seal(visitor: Visitor, submission: str, outbox: Path, said: Callable[[], str]) -> None:
    """By the page and its button; until a worker has laid the packages down."""
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
    until(lambda: len(list(outbox.glob(f"{submission}-*"))) == 4, said)
    assert "Sealed" in visitor.ask("GET", f"/submissions/{submission}/").text


def nothing_of_anybody_is_told_beside(services: Services, submission: str) -> None:
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
        assert "petra" not in text
