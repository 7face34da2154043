"""Early Help at work, for Locust: python -m tests.benchmarks.staff_at_work PLAN.json TIMES.json.

Fifty people sign in as people do, each from an address of their own, and then search, open families and people, give
notices and change details, with the pauses of somebody who reads fast. Each also asks the machine's own floor: the
smallest page that the same server has. A process of its own, because Locust replaces the sockets of its process.
"""

# First of all: it replaces the sockets of this process, and whoever is imported before keeps the old ones.
import locust

# isort: split
import base64
import hashlib
import hmac
import itertools
import json
import random
import re
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import gevent
import gevent.os
import requests
from locust.env import Environment
from locust.log import setup_logging
from requests.adapters import HTTPAdapter

FLOOR = "floor"
SIGN_INS = 5
"""In a second."""
PATIENCE = 60
"""Seconds for an answer."""
OK, LED_ON = 200, 302
ERROR = re.compile(r'<a href="#[^"]*">([^<]*)</a>')
"""What a form says of itself."""


def code_of(secret: str) -> str:
    """What the app of this secret shows now (RFC 6238)."""
    counter = int(time.time() // 30).to_bytes(8)
    mac = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    place = mac[-1] & 15
    return f"{(int.from_bytes(mac[place : place + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


class Forms(HTMLParser):
    """The forms of a page, each as what a browser would send of it unchanged."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._select, self._text = "", ""
        self.feed(html)

    def of(self, field: str) -> dict[str, str]:
        """The form that has this field. Raises LookupError where no form has it."""
        for form in self.forms:
            if field in form:
                return form
        raise LookupError(field)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form, or one of its fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
        elif self.forms and (name := given.get("name", self._select)):
            fields, kind = self.forms[-1], given.get("type")
            if tag == "input" and (kind not in ("radio", "checkbox", "submit") or "checked" in given):
                fields[name] = given.get("value", "")
            elif tag == "input" and kind in ("radio", "checkbox"):
                fields.setdefault(name, "")
            elif tag == "select":
                self._select = name
                fields[name] = ""
            elif tag == "option" and ("selected" in given or not fields[name]):
                fields[name] = given.get("value", "")
            elif tag == "textarea":
                fields[name], self._text = "", name

    def handle_endtag(self, tag: str) -> None:
        """A field ends."""
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        """What stands in a larger field."""
        if self._text:
            self.forms[-1][self._text] += data


class From(HTTPAdapter):
    """Asks from one address of this machine, as each of the staff sits at a machine of their own."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Where the pool of connections is made."""
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


class Wrong(Exception):
    """A page answered otherwise than it should."""


class Member(locust.HttpUser):
    """One of the staff, with the families that are theirs to change."""

    plan: ClassVar[dict[str, Any]] = {}
    numbers: ClassVar[Any] = itertools.count()
    signed_in: ClassVar[int] = 0

    def on_start(self) -> None:
        """Sign in: password, code."""
        mine = next(Member.numbers)
        self.me = self.plan["staff"][mine]
        self.draw = random.Random(mine)
        # As a proxy asks for them: a connection for each request.
        self.client.headers["Connection"] = "close"
        self.client.mount("http://", From(f"127.0.1.{mine + 1}"))
        self._sign_in("/account/login/", "login", lambda: self.me["name"], password=self.plan["password"])
        # The code is that of the moment at which it is sent.
        self._sign_in("/account/login/code/", "code", lambda: code_of(self.me["secret"]))
        Member.signed_in += 1

    def _sign_in(self, page: str, field: str, typed: Callable[[], str], **also: str) -> None:
        form = Forms(self.see(page, "sign-in")).of(field)
        self.send(page, "sign-in", form | also | {field: typed()})

    def see(self, page: str, name: str) -> str:
        """Open a page, which must answer."""
        return str(self._ask("GET", page, name, OK).text)

    def send(self, page: str, name: str, fields: dict[str, str]) -> str:
        """Send a form, which must lead on; where to."""
        return str(self._ask("POST", page, f"{name}, sent", LED_ON, fields).headers["Location"])

    def _ask(self, method: str, page: str, name: str, wanted: int, fields: Any = None) -> requests.Response:
        with self.client.request(
            method, page, name=name, data=fields, allow_redirects=False, timeout=PATIENCE, catch_response=True
        ) as answer:
            if answer.status_code != wanted:
                why = answer.error or ", ".join(ERROR.findall(answer.text))
                answer.failure(Wrong(f"{method} {page}: {answer.status_code} for {wanted} ({why})"))
                raise Wrong(page)
            return answer

    def family(self) -> tuple[str, str]:
        """One of the own families, and somebody in it."""
        family, people = self.draw.choice(self.me["families"])
        return f"/families/{family}/", str(self.draw.choice(people))

    @locust.task(6)
    def open_a_family(self) -> None:
        """The page of a family."""
        self.see(self.family()[0], "family")

    @locust.task(3)
    def open_a_person(self) -> None:
        """Somebody in it."""
        family, person = self.family()
        self.see(f"{family}people/{person}/", "person")

    @locust.task(2)
    def read_notices(self) -> None:
        """What a family was told."""
        self.see(f"{self.family()[0]}notices/", "notices")

    @locust.task(2)
    def give_a_notice(self) -> None:
        """Record that a family was told."""
        page = f"{self.family()[0]}notices/give/"
        form = Forms(self.see(page, "give a notice")).of("channel")
        self.see(self.send(page, "give a notice", form | {"person": "family", "channel": "in_person"}), "notices")

    @locust.task(2)
    def change_a_person(self) -> None:
        """Mend a name."""
        family, person = self.family()
        page = f"{family}people/{person}/change/"
        form = Forms(self.see(page, "change a person")).of("middle_names")
        form |= {"middle_names": self.draw.choice(self.plan["names"]), "sex": form["sex"] or "9"}
        self.see(self.send(page, "change a person", form), "person")

    @locust.task(4)
    def search(self) -> None:
        """Look for somebody, by a name and most of the year of birth."""
        form = Forms(self.see("/find/", "search")).of("terms")
        results = self.send("/find/", "search", form | {"terms": self.draw.choice(self.plan["searches"])})
        self.see(results, "results")

    @locust.task(1)
    def go_home(self) -> None:
        """What waits for them."""
        self.see("/", "home")

    @locust.task(3)
    def ask_the_floor(self) -> None:
        """The smallest page of this server."""
        self.see("/healthz", FLOOR)


def main(plan: Path, times: Path) -> None:
    """Sign everybody in and work until our input ends; write when each answer came and its milliseconds, by name."""
    Member.plan = json.loads(plan.read_text())
    Member.wait_time = locust.between(*Member.plan["pause"])
    measured: dict[str, list[tuple[float, float]]] = {}
    wrong: list[str] = []
    began = [0.0]
    environment = Environment(user_classes=[Member], host=Member.plan["site"])

    def answered(name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
        if exception is not None:
            wrong.append(f"{name}: {exception}")
        elif began[0]:
            measured.setdefault(name, []).append((time.monotonic() - began[0], response_time))

    def broke(exception: Exception, **_: Any) -> None:
        wrong.append(f"{type(exception).__name__} {exception}")

    environment.events.request.add_listener(answered)
    environment.events.user_error.add_listener(broke)
    runner = environment.create_local_runner()
    staff = len(Member.plan["staff"])
    runner.start(staff, spawn_rate=SIGN_INS)
    # Whoever is still signing in is not at work.
    while Member.signed_in < staff and not wrong:
        gevent.sleep(0.5)
    gevent.sleep(Member.plan["settle"])
    began[0] = time.monotonic()
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    gevent.os.tp_read(sys.stdin.fileno(), 1)
    began[0] = 0.0
    runner.quit()
    times.write_text(json.dumps({"times": measured, "wrong": wrong}))


if __name__ == "__main__":
    setup_logging("ERROR")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
