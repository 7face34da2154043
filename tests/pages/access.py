"""Who is answered what: every address of the site, asked by every role and by nobody, in every way.

Each is asked for something that is there, also by a worker of another team than the one whose it is; a family's page
also for what belongs to another family than the one in the address; and every address that names something, for what
there is not. Whatever an answer changes is taken back. docs/access.md is written from this, and a test compares: a new
address, or another answer than yesterday's, is seen there before it is anywhere else.
"""

import contextlib
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

from django.core.cache import cache
from django.db import connection, transaction
from django.http import QueryDict
from django.template.backends.django import Template
from django.test import Client
from django.urls import URLPattern, resolve, reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

import manage
from connecting_families import settings
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from connecting_families.staff.roles import ROLES, roles_permitting
from tests.pages.council import signs_in_as
from tests.pages.places import GROUPS, patterns, roles_of
from tests.pages.visits import NOBODY, Visit, Visits
from tests.stages.commands import ACTS, OF_THE_MACHINE
from tests.stages.walk import PASSWORD

THERE, OF_ANOTHER_FAMILY, GUESSED = "there", "of another family", "not there"
WAYS = ("GET", "HEAD", "POST", "PUT", "DELETE")
OF_ANOTHER_TEAM = "worker of another team"
ANOTHER_FAMILY = "F7"
"""Of the same team as the families of the walk, with people of its own."""
REFUSED_WORDS = ("Your role may not", "This is a family of another team", "Another team follows this request")
NOT_THERE = {
    "code": "NONE", "number": 999_999, "cohort": 999_999, "replay": 999_999, "family": "NONE", "person": "NONE",
    "name": "NONE", "key": "none", "month": "1999-01",
}  # fmt: skip
WHERE = (
    ("/account/login/", "sign in"),
    ("/account/reauthenticate/", "confirm"),
    (r"/families/[^/]+/open/", "reason"),
    (r".*", "302"),
)
"""Where an answer leads on to, in a word."""


class Asked(NamedTuple):
    """What is asked for: the name of its address, what stands in it, and the address."""

    route: str
    what: str
    address: str


class Answer(NamedTuple):
    """What somebody was answered: the status, where it leads, which ways it allows, and what the trail got by it.

    `says_why`: whether a refusal says who may.
    """

    status: int
    leads: str
    allow: str
    recorded: tuple[tuple[str, str], ...] = ()
    """Of each new entry the event and who is named in it."""
    says_why: bool = False

    @property
    def said(self) -> str:
        """As the table has it."""
        return self.leads or str(self.status)


Answers = dict[Asked, dict[str, dict[str, Answer]]]
"""By what was asked for, by role, by way."""


def every_address(visits: Visits) -> Iterator[Asked]:
    """Each address of the site with what is there, found on the walk through the site; and with the rest."""
    named = {str(pattern.name): pattern for pattern in patterns()}
    for route in (route for group in GROUPS.values() for route in group):
        names = named[route].pattern.converters
        own = _there(visits, named[route]) if names else {}
        yield Asked(route, THERE, reverse(route, kwargs=own))
        if "family" in names and len(names) > 1:
            yield Asked(route, OF_ANOTHER_FAMILY, reverse(route, kwargs=own | {"family": ANOTHER_FAMILY}))
        if names:
            yield Asked(route, GUESSED, reverse(route, kwargs={name: NOT_THERE[name] for name in names}))


def _there(visits: Visits, pattern: URLPattern) -> dict[str, Any]:
    """What stood in an address where somebody was first answered by it, best with a page.

    Where nobody was, what stood in an address beside it that names the same.
    """
    answered = [visit for visit in visits.seen if visit.route and visit.status not in (403, 404)]
    found = [visit for visit in answered if visit.route == pattern.name]
    if not found:
        beside = written(pattern).rpartition(">")[0]
        found = [visit for visit in answered if _pattern_of(visit).startswith(f"{beside}>/")]
    first = min(found, key=lambda visit: visit.status not in (200, 302))
    kwargs = resolve(urlsplit(first.address).path).kwargs
    return {name: kwargs[name] for name in pattern.pattern.converters}


def _pattern_of(visit: Visit) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", resolve(urlsplit(visit.address).path).route)


def ask(visits: Visits, client_of: Callable[[str], Client]) -> Answers:
    """Ask for all of it. In `client_of` somebody is signed in."""
    cache.clear()
    west: dict[str, Any] = {"username": "west", "role": "early_help_worker", "team": "West"}
    accounts.add(**west, password=PASSWORD, by=duty("test"), at=timezone.now())  # noqa: TID251 - the walk's time
    clients = {NOBODY: Client()} | {role: client_of(signs_in_as(role)) for role in ROLES}
    clients[OF_ANOTHER_TEAM] = client_of("west")
    for client in clients.values():
        client.raise_request_exception = False
    with nothing_drawn():
        return {
            asked: {role: dict(_answers(client, role, asked)) for role, client in clients.items()}
            for asked in every_address(visits)
        }


@contextlib.contextmanager
def nothing_drawn() -> Iterator[None]:
    """Inside, no page is drawn: what is asked is how a view answers, and drawing takes most of the time.

    On the walk every page was drawn for every role. Of a refusal what it says is kept.
    """

    def said(_template: Template, context: Any = None, request: Any = None) -> SafeString:
        return mark_safe(str((context or {}).get("exception", "")))  # noqa: S308 - no browser reads it

    with patch.object(Template, "render", said):
        yield


def _answers(client: Client, role: str, asked: Asked) -> Iterator[tuple[str, Answer]]:
    """PUT, DELETE and HEAD are asked for what is there alone, HEAD by one who may open it and by nobody.

    No page learns of them: the guard answers the first two, and a middleware has made GET of the third.
    """
    opens = roles_of(next(each for each in patterns() if each.name == asked.route))[:1]
    for way in WAYS if asked.what == THERE else ("GET", "POST"):
        if way != "HEAD" or role in (NOBODY, *opens):
            yield way, _answer(client, way, asked.address)


def _answer(client: Client, way: str, address: str) -> Answer:
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        newest = _newest()
        answer: Any = client.generic(way, address, **_form(way))
        if answer.streaming:
            answer.close()
        found = Entry.objects.filter(pk__gt=newest).order_by("pk").values_list("event", "who")
        recorded = tuple(found) if answer.status_code >= 400 else ()
        transaction.set_rollback(True)
    client.cookies = cookies
    why = answer.status_code == 403 and any(words in answer.content.decode() for words in REFUSED_WORDS)
    return Answer(answer.status_code, _leads(answer), answer.get("Allow", ""), recorded, why)


def _form(way: str) -> dict[str, Any]:
    """An empty form is what is sent."""
    return (
        {"data": QueryDict().urlencode(), "content_type": "application/x-www-form-urlencoded"} if way == "POST" else {}
    )


def _newest() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM audit_entry")
        return int(cursor.fetchone()[0])


def _leads(answer: Any) -> str:
    if answer.status_code not in (301, 302, 303):
        return ""
    path = urlsplit(answer["Location"]).path
    return next(word for start, word in WHERE if re.match(start, path))


# The page ---------------------------------------------------------------------------------------------------------

HEAD = """# Who is answered what

Written by `make access` from the running program, and compared by a test: every address of the site, asked by every
role and by nobody. An address that is not in it fails the test by its name.

A cell says what GET is answered and, where it is something else, what POST (of an empty form) is answered; of a button
(`POST /…`, where GET is answered 405) what pressing it is answered; of what is only read (`GET /…`, where POST is
answered 405 to everybody) what GET is answered. HEAD is answered as GET is, everywhere, and PUT and DELETE are answered
405 with the ways that are open: that is not repeated.

| in a cell | means |
|---|---|
| 200 | a page, a download, or a form that says what is missing |
| sign in | led to the page where one signs in |
| confirm | led to the page where a password or a code is given once more, before a grave act |
| reason | led to the page that takes the reason why a family of another team is opened |
| 302 | led on to another page |
| 204 | done, and nothing to show |
| 403 | refused with the reason, and recorded on the trail |
| 404 | there is no such thing, or not for who asks |
| 405 | not in this way: what is asked for is read, and not sent to |
| 409 | refused with the reasons, as it stands |

*there* is something that is there: of families, one of the worker's own team, and so of no team of the worker in the
next column. *of another family* is something of one family in the address of another one, *not there* a number or a
name that nothing has.
"""
PROMPT = """## At the prompt

Each asks `--by USERNAME`, and refuses everybody whose role is not named here. That it was given stands on the trail
first: in whose name, and under which account of the machine ([why](decisions/0066-a-command-says-who-gives-it.md)).
`CF_COMMANDS_WITHOUT_A_NAME` ([settings](settings.md)) says which of the last column's are open.

| command | whose role may | without a name |
|---|---|---|"""
COLUMNS = {
    NOBODY: "nobody",
    "early_help_worker": "worker",
    OF_ANOTHER_TEAM: "of another team",
    "early_help_manager": "manager",
    "data_preparer": "preparer",
    "data_approver": "approver",
    "information_governance": "governance",
    "administrator": "administrator",
}


def page(answers: Answers) -> str:
    """docs/access.md, as it must be."""
    named = {str(pattern.name): pattern for pattern in patterns()}
    lines = [HEAD]
    for title, group in GROUPS.items():
        lines += [f"## {title}\n", f"| address | what is asked for | {' | '.join(COLUMNS.values())} |"]
        lines.append("|---|---|" + "---|" * len(COLUMNS))
        for asked, of in answers.items():
            if asked.route in group:
                pressed = all(ways["GET"].status == 405 for ways in of.values())
                read = all(ways["POST"].status == 405 for ways in of.values())
                only = "POST" if pressed else "GET" if read else ""
                cells = " | ".join(of[role][only].said if only else _cell(of[role]) for role in COLUMNS)
                address = f"{only} {written(named[asked.route])}".lstrip()
                lines.append(f"| `{address}` | {asked.what} | {cells} |")
        lines.append("")
    return "\n".join([*lines, *_at_the_prompt()])


def _at_the_prompt() -> Iterator[str]:
    """What roles may do by commands, and which may be given without a name."""
    yield PROMPT
    for name, command in ACTS.items():
        for act, permission in command.permissions.items():
            roles = ", ".join(roles_permitting(permission))
            nameless = "yes, as `system:" + command.duty + "`" if name in settings.NAMELESS else "no"
            nameless = "until there is an administrator" if name == "add_staff" else nameless
            yield f"| `{name}{f' {act}' if act else ''}` | {roles} | {nameless} |"
    yield from ("", "These ask nobody:", "")
    yield from (f"- `{name}` {why}." for name, why in sorted(OF_THE_MACHINE.items()))
    yield from (
        f"- `{name}` is Django's own, and shows and changes no record." for name in sorted(manage.OTHERS_IN_PRODUCTION)
    )
    yield from ("", "In production there are no others.", "")


def _cell(answers: dict[str, Answer]) -> str:
    got, posted = answers["GET"].said, answers["POST"].said
    return got if got == posted else f"{got}, POST {posted}"


def written(pattern: URLPattern) -> str:
    """An address as it is written in the program, without the kinds of its parts."""
    return "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", str(pattern.pattern))


def in_the_page(text: str) -> set[str]:
    """The addresses that a page of answers has."""
    return set(re.findall(r"^\| `(?:POST |GET )?(/[^`]*)`", text, re.MULTILINE))
