"""The pages of a long trail, as information governance opens them: each kind of filter, near the end and far back."""

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.test import Client, override_settings
from django.utils.http import urlencode

from connecting_families.audit import trail
from connecting_families.audit.keyed import keyed
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.benchmarks.council import database, vacuum
from tests.benchmarks.measured import RUNS, Measured
from tests.signing_in import sign_in
from tests.stages.walk import PASSWORD

ENTRIES_OF_A_FAMILY = 10
STAFF, PEOPLE_OF_ONE = 400, 20
"""Members of staff, and how many entries tell of one person."""
DAYS = 3_000
OPENED_OF_A_KIND = 8
"""Pages of each kind, in each run."""
NAMES = 5_000
#: event -> of a thousand entries how many
EVENTS = {
    "WISHES_VIEWED": 400, "FAMILIES_SEARCHED": 250, "PERSON_CHANGED": 120, "SIGNED_IN": 100,
    "RECORD_CHANGED_BY_FILE": 60, "TRAIL_VIEWED": 30, "OTHER_TEAMS_FAMILY_OPENED": 30, "OBJECTION_RECEIVED": 9,
    "SUBMISSION_SEALED": 1,
}  # fmt: skip
# A member of staff does much or little; each act comes a moment after the one before.
WRITTEN = """
INSERT INTO audit_entry (object_pk, object_repr, action, changes_text, event, record, reference, who, role, reason,
    timestamp, cid, remote_addr, changes, additional_data)
SELECT n, 'x', CASE WHEN e.event ~ '^(PERSON|RECORD|OBJ|SUB)' THEN 1 ELSE 3 END, '', e.event,
    CASE WHEN e.event ~ 'SEARCHED' THEN 'search' WHEN e.event ~ 'WISHES|OTHER' THEN 'cohorts.family'
        ELSE 'cohorts.person' END,
    CASE WHEN e.event ~ 'SEARCHED' THEN '' WHEN e.event ~ 'WISHES|OTHER' THEN 'F' || drawn.person / 4
        ELSE 'P' || drawn.person END,
    CASE WHEN e.event ~ 'FILE|SEALED' THEN 'system:load' ELSE 'staff' || drawn.staff END, 'early_help_worker',
    CASE WHEN e.event ~ 'OTHER|OBJ' THEN (ARRAY['Asked by the school to look at the attendance.',
        'The duty team asked for the family''s worker.', 'A letter from the family court came.',
        'Covering for a colleague on leave.'])[1 + n %% 4]
        || CASE WHEN n %% 1000 = 7 THEN ' Ombudsman.' ELSE '' END ELSE '' END,
    now() - (%(entries)s - n)::float8 / %(entries)s * %(days)s * interval '1 day', md5(n::text), '192.0.2.7',
    CASE WHEN e.event ~ 'CHANGED' THEN jsonb_build_array(jsonb_build_object('record', 'cohorts.person', 'reference',
        'P' || drawn.person, 'act', 'changed', 'fields', jsonb_build_object('given_name',
        jsonb_build_array('changed', 'changed')))) END,
    CASE WHEN e.event ~ 'SEARCHED' THEN jsonb_build_object('terms', jsonb_build_array(
        (%(names)s::text[])[1 + drawn.name], (%(names)s::text[])[1 + (drawn.name * 7) %% %(named)s]),
        'found', 9, 'page', 1, 'people', (SELECT jsonb_agg('P' || (drawn.person + 31 * m) %% %(people)s)
        FROM generate_series(0, 8) m)) END
FROM generate_series(%(first)s, %(last)s) n
CROSS JOIN LATERAL (SELECT floor(%(staff)s * random() ^ 3)::int staff, floor(%(people)s * random())::int person,
    floor(%(named)s * random() ^ 2)::int name, floor(1000 * random())::int event, n AS each) drawn
JOIN unnest(%(events)s::text[], %(from)s::int[], %(to)s::int[]) e (event, a, z)
    ON drawn.event >= e.a AND drawn.event < e.z
"""
AT_ONCE = 100_000
FLOOR = "the floor: one's own account"
QUICK = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}


class Kind(NamedTuple):
    """What is opened, and how an address of it is drawn."""

    name: str
    address: Callable[[], str]


def trail_pages(families: int) -> Measured:
    """The 95th percentile of a page of the trail: at most 300 ms. FAMILIES=100000 measures a million entries."""
    entries = families * ENTRIES_OF_A_FAMILY
    with database(), trail.correlated(), override_settings(ALLOWED_HOSTS=["testserver"], **QUICK):
        who = accounts.add(
            username="govern", role="information_governance", password=PASSWORD, by=duty("bench"), at=datetime.now(UTC)
        )
        _write(entries)
        vacuum()
        client = Client()
        sign_in(client, who.username, PASSWORD)
        runs, by_kind = _opened(client, entries)
    slowest = sorted(by_kind.items(), key=lambda item: -_p95(item[1]))
    for name, times in slowest:
        figures = f"median {statistics.median(times):6.1f} ms, p95 {_p95(times):6.1f}, longest {max(times):6.1f}"
        sys.stdout.write(f"  {name:<34} {figures}\n")
    everything = [each for run in runs for each in run]
    return Measured(
        name="trail_pages", figure=_p95(everything), unit="ms", limit=300.0,
        ours=[round(_p95(run), 1) for run in runs], peer=[], peer_is="", families=families,
    )  # fmt: skip


def _write(entries: int) -> None:
    """Entries of many years, in the order of their time."""
    places, at = [0], 0
    for share in EVENTS.values():
        at += share
        places.append(at)
    names = [keyed(f"name{number}") for number in range(NAMES)]
    given: dict[str, Any] = {
        "entries": entries, "days": DAYS, "names": names, "named": NAMES, "people": entries // PEOPLE_OF_ONE,
        "staff": STAFF, "events": list(EVENTS), "from": places[:-1], "to": places[1:],
    }  # fmt: skip
    for first in range(1, entries + 1, AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(WRITTEN, given | {"first": first, "last": min(first + AT_ONCE - 1, entries)})


def _kinds(client: Client, entries: int, draw: random.Random) -> Iterator[Kind]:
    ids = list(Entry.objects.filter(who__startswith="staff").order_by("id").values_list("id", flat=True)[::997])
    people = entries // PEOPLE_OF_ONE
    today = datetime.now(UTC).date()

    def days(length: int) -> dict[str, Any]:
        since = today - timedelta(days=draw.randrange(length, DAYS))
        return _boxes("since", since) | _boxes("until", since + timedelta(days=length))

    def at(**asked: Any) -> str:
        return f"/trail/?{urlencode(asked)}"

    def posted(**asked: Any) -> str:
        return str(client.post("/trail/", asked)["Location"])

    def person() -> str:
        asked = {"reference": f"P{draw.randrange(people)}", "reason": "Asked."}
        return str(client.post("/trail/person/", asked)["Location"])

    def name() -> str:
        return str(client.post("/trail/name/", {"name": f"name{draw.randrange(99)}", "reason": "Asked."})["Location"])

    def busy() -> str:
        return f"staff{draw.randrange(3)}"

    yield Kind("the newest", lambda: "/trail/")
    yield Kind("far back", lambda: at(older=draw.choice(ids)))
    yield Kind("far back, newer", lambda: at(newer=draw.choice(ids)))
    yield Kind("a frequent event, far back", lambda: at(event="WISHES_VIEWED", older=draw.choice(ids)))
    yield Kind("a rare event, far back", lambda: at(event="SUBMISSION_SEALED", older=draw.choice(ids)))
    yield Kind("an event that never was", lambda: at(event="CERTIFICATE_ADDED"))
    yield Kind("who does much, far back", lambda: at(who=busy(), older=draw.choice(ids)))
    yield Kind("who does little", lambda: at(who=f"staff{draw.randrange(300, STAFF)}"))
    yield Kind("a person", lambda: at(reference=f"P{draw.randrange(people)}"))
    yield Kind("a week", lambda: at(**days(7)))
    yield Kind("a year, far back in it", lambda: at(**days(365), older=draw.choice(ids)))
    yield Kind("event and who", lambda: at(event="PERSON_CHANGED", who=f"staff{draw.randrange(STAFF)}"))
    yield Kind("rare event and who does much", lambda: at(event="OBJECTION_RECEIVED", who=busy()))
    yield Kind("event and who never meet", lambda: at(event="WISHES_VIEWED", who="system:load"))
    yield Kind("event, who and a week", lambda: at(event="SIGNED_IN", who=busy(), **days(7)))
    yield Kind("person and event", lambda: at(reference=f"P{draw.randrange(people)}", event="PERSON_CHANGED"))
    yield Kind("a frequent word", lambda: posted(words="family"))
    yield Kind("a rare word", lambda: posted(words="ombudsman"))
    yield Kind("a word that never was", lambda: posted(words="quango"))
    yield Kind("a frequent word and who", lambda: posted(words="leave", who=busy()))
    yield Kind("a rare word and a year", lambda: posted(words="ombudsman", **days(365)))
    yield Kind("an entry", lambda: f"/trail/{draw.choice(ids)}/")
    yield Kind("who looked at a person", person)
    yield Kind("who searched for a name", name)


def _boxes(name: str, day: date) -> dict[str, Any]:
    return {f"{name}_{box}": getattr(day, box) for box in ("day", "month", "year")}


def _opened(client: Client, entries: int) -> tuple[list[list[float]], dict[str, list[float]]]:
    """The milliseconds of every page, by run and by kind."""
    draw = random.Random(5)
    kinds = list(_kinds(client, entries, draw))
    runs: list[list[float]] = []
    by_kind: dict[str, list[float]] = {name: [] for name in (FLOOR, *(kind.name for kind in kinds))}
    for _ in range(RUNS):
        runs.append([])
        for kind in kinds * OPENED_OF_A_KIND:
            address = kind.address()
            began = time.perf_counter()
            answer = client.get(address)
            runs[-1].append(1000 * (time.perf_counter() - began))
            by_kind[kind.name].append(runs[-1][-1])
            if answer.status_code != 200:
                raise AssertionError(f"{kind.name}: {address} was answered with {answer.status_code}.")
            by_kind[FLOOR].append(_floor(client))
    return runs, by_kind


def _floor(client: Client) -> float:
    """The milliseconds of a page that asks the database for nothing but who is signed in."""
    began = time.perf_counter()
    client.get("/account/")
    return 1000 * (time.perf_counter() - began)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
