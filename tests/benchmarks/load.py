"""Fifty people over the pages of casework, on the server that production has; and the same while a cohort assembles.

What they do is in staff_at_work.py. The machine's own floor is asked in between, by the same people of the same server.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from django.db import connection

from cohorts import findable
from cohorts.models import Round
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts, factors
from connecting_families.workers import child
from tests.benchmarks.assembly import ask_the_workers, council, goes_on, workers
from tests.benchmarks.council import ROOT, environ, vacuum
from tests.benchmarks.measured import RUNS, Measured
from tests.benchmarks.served import free_port, until_it_answers
from tests.signing_in import secret_of
from tests.stages.walk import PASSWORD

STAFF = 50
OWN = 40
"""Families of each member of staff that nobody else of them changes."""
PAUSE = (1.0, 5.0)
"""Seconds between two pages of one person: a page every three, where people at work take one in a minute."""
SECONDS = 60.0
SETTLE = 5.0
FLOOR = "floor"
SERVED = [
    sys.executable,
    "-m",
    "gunicorn",
    "--config",
    "python:connecting_families.serving",
    "connecting_families.wsgi",
]
THEIR_OWN = """
SELECT f.team, f.reference, array_agg(p.reference) FROM cohorts_family f
JOIN cohorts_membership m ON m.family_id = f.id AND m.left_on IS NULL
JOIN cohorts_person p ON p.id = m.person_id AND p.merged_into_id IS NULL
WHERE f.id %% %(every)s = 0 GROUP BY f.id ORDER BY f.id
"""
NAMES = """
SELECT given_name || ' ' || family_name || ' ' || extract(year FROM date_of_birth) FROM cohorts_person
WHERE id %% %(every)s = 0 AND given_name <> '' AND family_name <> '' AND date_of_birth IS NOT NULL
"""


class Council(NamedTuple):
    """A council of which fifty are at work: its round, and what each of them is told."""

    round: Round
    plan: dict[str, Any]


Times = dict[str, list[tuple[float, float]]]


def page_p95(families: int, seconds: float = SECONDS) -> Measured:
    """The 95th percentile of every page of fifty people: at most 300 ms, and no error."""
    with council_at_work(families) as made, _served(made.plan) as plan:
        times = _at_work(plan, lambda: time.sleep(seconds))
    return _measured("page_p95", 300.0, times, families)


def page_p95_assembling(families: int) -> Measured:
    """The same for as long as two workers assemble a cohort of all families: at most 600 ms."""
    with council_at_work(families) as made, _served(made.plan) as plan, workers(2):

        def assembled() -> None:
            cohort = ask_the_workers(made.round)
            while goes_on(cohort):
                time.sleep(0.2)

        times = _at_work(plan, assembled)
    return _measured("page_p95_assembling", 600.0, times, families)


def _measured(name: str, limit: float, times: Times, families: int) -> Measured:
    floor = times.pop(FLOOR)
    for page, found in sorted(times.items(), key=lambda item: -_p95(item[1])):
        _say(page, found)
    _say("the floor: /healthz", floor)
    pages = sorted(each for found in times.values() for each in found)
    return Measured(
        name=name, figure=_p95(pages), unit="ms", limit=limit, ours=_stretches(pages), peer=_stretches(sorted(floor)),
        peer_is="the machine's own floor: /healthz, asked in between", families=families,
    )  # fmt: skip


def _say(page: str, found: list[tuple[float, float]]) -> None:
    took = [each for _, each in found]
    sys.stdout.write(
        f"  {page:<26} {len(took):>6} answers: median {statistics.median(took):7.1f} ms, p95 {_p95(found):7.1f},"
        f" longest {max(took):7.1f}\n"
    )


def _p95(found: list[tuple[float, float]]) -> float:
    return sorted(took for _, took in found)[int(len(found) * 0.95)]


def _stretches(found: list[tuple[float, float]]) -> list[float]:
    """The 95th percentile of each of as many stretches of time as other benchmarks have runs."""
    length = len(found) // RUNS
    return [round(_p95(found[part * length : (part + 1) * length]), 1) for part in range(RUNS)]


@contextmanager
def council_at_work(families: int) -> Iterator[Council]:
    """A council of so many families, whose staff can sign in; whatever is started inside uses its database."""
    with council(families) as (round_, address):
        findable.take_in_what_is_written()
        plan = {"staff": _staff(families), "password": PASSWORD, "pause": PAUSE, "settle": SETTLE}
        with connection.cursor() as cursor:
            cursor.execute(NAMES, {"every": max(families // 500, 1)})
            plan["searches"] = [name for (name,) in cursor.fetchall()]
        plan["names"] = ["", "Bracken", "Fern", "Heather", "Juniper"]
        vacuum()
        with patch.dict("os.environ", environ(address)):
            yield Council(round_, plan)


def _staff(families: int) -> list[dict[str, Any]]:
    """Early Help as it is: most in teams, some who answer for all; each with families of their own."""
    with connection.cursor() as cursor:
        cursor.execute(THEIR_OWN, {"every": max(families // (STAFF * OWN * 2), 1)})
        of_team: dict[str, list[Any]] = {}
        for team, family, people in cursor.fetchall():
            of_team.setdefault(team, []).append((family, people))
    teams, staff, at = sorted(of_team), [], datetime.now(UTC)
    for number in range(STAFF):
        name, team = f"bench{number:02}", teams[number % len(teams)]
        role = "early_help_manager" if number % 10 == 0 else "early_help_worker"
        user = accounts.add(username=name, role=role, team=team, password=PASSWORD, by=duty("bench"), at=at)
        factors.set_up(user=user, secret=secret_of(name), by=user.who(), at=at)
        own = [of_team[team].pop() for _ in range(min(OWN, len(of_team[team]) // (STAFF // len(teams) + 1)))]
        staff.append({"name": name, "secret": secret_of(name), "families": own})
    random.Random(3).shuffle(staff)
    return staff


@contextmanager
def _served(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The site by gunicorn as production has it."""
    port = free_port()
    with patch.dict("os.environ", {"CF_BIND": f"127.0.0.1:{port}"}), child(SERVED):
        until_it_answers(port)
        yield plan | {"site": f"http://127.0.0.1:{port}"}


def _at_work(plan: dict[str, Any], meanwhile: Callable[[], object]) -> Times:
    """When each answer came and what it took, by page. Raises AssertionError where any page answered otherwise."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        (folder / "plan.json").write_text(json.dumps(plan))
        words = [
            sys.executable,
            "-m",
            "tests.benchmarks.staff_at_work",
            str(folder / "plan.json"),
            str(folder / "times.json"),
        ]
        staff = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        opened.callback(staff.kill)
        if staff.stdout is None or staff.stdout.readline() != b"at work\n":
            raise AssertionError("Nobody came to work.")
        meanwhile()
        staff.communicate(timeout=120)
        said = json.loads((folder / "times.json").read_text())
    if said["wrong"]:
        raise AssertionError(f"{len(said['wrong'])} answers were wrong: {'; '.join(sorted(set(said['wrong']))[:5])}")
    times: Times = {name: [(when, took) for when, took in found] for name, found in said["times"].items()}
    return times
