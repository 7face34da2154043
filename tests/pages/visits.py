"""A walk through the whole site as every role, without a browser: each page that a link leads to, each form sent.

Every form is sent empty, and filled with what is personal, inside a transaction that is taken back; what would be
handed to the workers and what was logged is kept. Everything that is asserted of pages is asserted of these visits.
"""

import contextlib
import copy
import hashlib
import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from celery.app.task import Task
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import Resolver404, resolve

from cohorts.models import Objection, RightsRequest
from connecting_families.audit.models import Entry
from tests.pages.council import TYPED, planted, signs_in_as
from tests.pages.links_and_forms import Form, Read
from tests.pages.markup import read
from tests.pages.place import Screen
from tests.pages.places import PLACES, patterns, roles_of

NOBODY = "nobody"
REDIRECTS = 4
REFUSED = ("/rounds/open/", "/submissions/")
"""Of these each role that may not open one is told why."""


class Visit(NamedTuple):
    """What somebody was answered: where, and how they came there (a link, a button, a form sent empty or filled)."""

    role: str
    route: str
    address: str
    how: str
    status: int
    headers: dict[str, str]
    body: str
    events: tuple[str, ...] = ()
    """Of the entries that the trail got by it."""

    @property
    def is_page(self) -> bool:
        """Whether it is HTML that somebody reads."""
        return self.status not in (301, 302) and self.headers.get("Content-Type", "").startswith("text/html")

    @property
    def where(self) -> str:
        """What a failing test says of it."""
        return f"{self.role}, {self.how}: {self.address} ({self.route})"

    @property
    def is_wrong(self) -> bool:
        """Whether the page says what is to be mended."""
        return 'class="govuk-error-summary"' in self.body

    @property
    def shape(self) -> str:
        """The same for two pages whose main parts are made of the same; the home page of each role is like no other."""
        own = self.role if self.route == "home" else ""
        return own + hashlib.sha256(repr(sorted(self.made_of)).encode()).hexdigest()

    @property
    def made_of(self) -> frozenset[tuple[str, ...]]:
        """The kinds of elements of its main part, with their classes."""
        main = self.body[self.body.find("<main") : self.body.find("</main>")]
        tokens = [(token[0], *(part for part in token[1:] if part.startswith("class="))) for token in read(main)]
        return frozenset(token for token in tokens if token[0][0] == "<")

    @property
    def title(self) -> str:
        """What the browser's tab and its history say."""
        found = re.search("<title>(.*?)</title>", self.body, re.DOTALL)
        return " ".join(found.group(1).split()) if found else ""


class Visits:
    """Everything that was seen, said and handed over on a walk through the site."""

    def __init__(self) -> None:
        self.seen: list[Visit] = []
        self.logged: list[str] = []
        self.handed: list[str] = []
        self.went: list[str] = []
        self.forms: dict[tuple[str, str, tuple[str, ...]], tuple[str, Form]] = {}
        self.newest = 0
        self.answers: Any = None
        """Who is answered what (access.py), asked when the walk is over."""

    def recorded(self) -> tuple[str, ...]:
        """The events of entries that came since this was asked last, also of those that will be taken back."""
        found = list(Entry.objects.filter(pk__gt=self.newest).order_by("pk").values_list("pk", "event"))
        self.newest = max([self.newest, *(key for key, _ in found)])
        return tuple(event for _, event in found)

    @property
    def pages(self) -> list[Visit]:
        """The pages among them."""
        return [visit for visit in self.seen if visit.is_page]

    @property
    def shapes(self) -> list[Visit]:
        """One page of each shape."""
        return list({visit.shape: visit for visit in reversed(self.pages)}.values())

    @property
    def richest(self) -> list[Visit]:
        """Of these all but those whose parts are every one on another page of the same place."""
        parts = [(visit.made_of, visit) for visit in self.shapes]
        found: dict[str, list[tuple[frozenset[tuple[str, ...]], Visit]]] = {}
        for made_of, visit in sorted(parts, key=lambda part: -len(part[0])):
            there = found.setdefault(visit.role if visit.route == "home" else visit.route, [])
            if not any(made_of <= other for other, _ in there):
                there.append((made_of, visit))
        return [visit for there in found.values() for _, visit in there]

    @property
    def of_each_place(self) -> list[Visit]:
        """One page of each place."""
        return list({visit.route: visit for visit in self.shapes}.values())

    def opened(self, role: str, route: str) -> bool:
        """Whether this role was answered by this place: it followed a link, or a form that was sent led there."""
        mine = (v for v in self.seen if v.role == role and v.route == route and v.status == 200)
        return any(v.how == "link" or v.how.endswith(", then") for v in mine)


class Visitor:
    """Somebody of one role who goes everywhere."""

    def __init__(self, role: str, client: Client, visits: Visits) -> None:
        self.role, self.client, self.visits = role, client, visits
        self.done: set[str] = set()
        self.counts: dict[tuple[str, bool], int] = {}
        self.sent: set[tuple[str, str, tuple[str, ...]]] = set()

    def walk(self, starts: list[str]) -> None:
        """Open these addresses and all to which they lead; then send every form that was found."""
        waiting, forms = list(starts), list[Form]()
        while waiting:
            address = waiting.pop(0)
            if self._may_be_skipped(address):
                continue
            answer = self._answer(self.client.get(address), address, "link")
            if answer.status in (301, 302):
                waiting.append(urljoin(address, answer.headers["Location"]))
            elif answer.is_page:
                page = Read(address, answer.body)
                waiting += [link for link in page.links if link.startswith("/")]
                forms += page.forms
        for form in forms:
            self._send(form)

    def _may_be_skipped(self, address: str) -> bool:
        if address in self.done or address.startswith("/static/"):
            return True
        self.done.add(address)
        route, place = _place(address)
        asked = bool(urlsplit(address).query) and not urlsplit(address).query.startswith("family=")
        many = 2 if asked else getattr(place, "many", 1)
        self.counts[route, asked] = self.counts.get((route, asked), 0) + 1
        return self.counts[route, asked] > many

    def _send(self, form: Form) -> None:
        key = (_place(form.action)[0], _place(form.page)[0], tuple(sorted({c.name for c in form.controls})))
        few = key if form.visible else (form.action, "", key[2])
        if key[0] == "account_reauthenticate":
            # What it leads to differs, and is reached by it alone.
            few = (*key[:2], tuple(c.value for c in form.controls if c.kind == "hidden"))
        if few in self.sent:
            return
        self.sent.add(few)
        if form.method == "get":
            wrong = {c.name: "40" for c in form.visible if c.kind == "text"}
            address = f"{form.action}?{urlencode(wrong)}"
            self._answer(self.client.get(address), address, "wrong filter")
            return
        if form.texts:
            self.visits.forms.setdefault(key, (self.role, form))
        self._post(form, form.empty(), "empty" if form.visible else "pressed")
        if form.visible:
            # A form that takes no more than a name leads on with a name.
            for words in (TYPED, planted()[0]):
                if not self._post(form, form.filled(words), "filled").is_wrong:
                    break

    def _post(self, form: Form, given: dict[str, Any], how: str) -> Visit:
        with taken_back(self.client, self.visits):
            address = form.action
            answer = self._answer(self.client.post(address, given), address, how)
            for _ in range(REDIRECTS):
                if answer.status not in (301, 302):
                    break
                address = urljoin(address, answer.headers["Location"])
                answer = self._answer(self.client.get(address), address, f"{how}, then")
                if answer.is_page and (asks := asks_who_it_is(address, answer.body)):
                    answer = self._answer(self.client.post(asks.action, asks.filled("")), asks.action, f"{how}, sure")
        return answer

    def _answer(self, answer: Any, address: str, how: str) -> Visit:
        cache.clear()
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        # Django keeps what is set as a cookie apart from the other headers.
        headers = dict(answer.headers) | ({"Set-Cookie": answer.cookies.output(header="")} if answer.cookies else {})
        self.visits.went += [address, headers.get("Location", "")]
        route = _place(address)[0]
        text, events = body.decode("utf-8", "replace"), self.visits.recorded()
        visit = Visit(self.role, route, address, how, answer.status_code, headers, text, events)
        self.visits.seen.append(visit)
        return visit


def asks_who_it_is(address: str, body: str) -> Form | None:
    """The form in which a fresh password is given."""
    if _place(address)[0] != "account_reauthenticate":
        return None
    return next((f for f in Read(address, body).forms if any(c.kind == "password" for c in f.controls)), None)


def _place(address: str) -> tuple[str, Any]:
    try:
        route = str(resolve(urlsplit(address).path).url_name)
    except Resolver404:
        return "", None
    return route, PLACES.get(route)


@contextlib.contextmanager
def taken_back(client: Client, visits: Visits | None = None) -> Iterator[None]:
    """What is done inside is seen inside alone; what would be handed to the workers at its end is noted."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        yield
        for waiting in list(connection.run_on_commit):
            waiting[1]()
        transaction.set_rollback(True)
    client.cookies = cookies


class Listening(logging.Handler):
    """Keeps every line that any logger says, as it would be written, and what an exception says of itself."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(f"{record.name}: {self.format(record)}")


@contextlib.contextmanager
def overheard(visits: Visits) -> Iterator[None]:
    """Inside, all is written that CF_LOG_LEVEL=DEBUG writes, as it writes it; and nothing reaches a queue."""
    root, handler = logging.getLogger(), Listening(visits.logged)
    handler.setFormatter(next(h.formatter for h in root.handlers if h.name == "console"))
    level, hand_over = root.level, Task.apply_async

    def note(task: Any, *args: Any, **options: Any) -> None:
        visits.handed.append(f"{task.name} {args} {options}")

    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    Task.apply_async = note
    try:
        yield
    finally:
        Task.apply_async = hand_over
        root.removeHandler(handler)
        root.setLevel(level)


def starts_of(role: str) -> list[str]:
    """Where somebody of a role begins: at home, and where no link leads."""
    if role == NOBODY:
        return [at for place in PLACES.values() if isinstance(place, Screen) and place.alone for at in place.at]
    mine = {str(pattern.name) for pattern in patterns() if role in roles_of(pattern)}
    numbers = dict(Objection.objects.values_list("reference", "pk"))
    numbers |= dict(RightsRequest.objects.values_list("reference", "pk"))
    return [
        at.format_map(numbers)
        for name, place in PLACES.items()
        if isinstance(place, Screen) and name in mine and not place.alone
        for at in place.at
        if name != "account_logout"
    ] + ["/account/logout/"]


def visit_everything(roles: list[str], client_of: Any) -> Visits:
    """Go everywhere as each of these roles, and as nobody; then to what only others found a link to."""
    visits = Visits()
    with overheard(visits):
        visitors = {NOBODY: Visitor(NOBODY, Client(), visits)}
        visitors |= {role: Visitor(role, client_of(signs_in_as(role)), visits) for role in roles}
        visits.recorded()
        for role, visitor in visitors.items():
            visitor.walk(starts_of(role))
        found = {v.route: v.address for v in visits.seen if v.how == "link" and v.status == 200}
        for role in roles:
            mine = {str(pattern.name) for pattern in patterns() if role in roles_of(pattern)}
            visitors[role].walk([at for route, at in found.items() if route in mine and not visits.opened(role, route)])
            visitors[role].walk([*REFUSED, "/nowhere/"])
    return visits


def query_of(address: str) -> list[str]:
    """The values that an address carries behind its question mark."""
    return [value for values in parse_qs(urlsplit(address).query).values() for value in values]
