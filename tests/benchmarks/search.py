"""Searching at the size at which everything is measured: misspelt names of people on file, in the database.

Measured twice: among the invented families as they are (some fifty given and family names, so that a page is full of
namesakes), and with names of a whole city in their place (thousands, of which most are rare and many are near others).
"""

import csv
import random
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from cohorts import findable, loading, search
from cohorts.models import Person
from cohorts.search import Asked, Found
from connecting_families.audit import trail
from connecting_families.audit.trail import duty
from tests.benchmarks.council import cases, database, vacuum
from tests.benchmarks.measured import RUNS, Measured
from tests.benchmarks.misspelt import KINDS, Name, Pool

SEARCHES = 250
"""Of each run."""
BENCH = duty("bench")


class Timed(NamedTuple):
    """What one council's searches took, in milliseconds: by run; of the whole call; and of the smallest question."""

    pool: str
    runs: list[list[float]]
    whole: list[float]
    floor: list[float]
    asked: Counter[str]
    found: Counter[str]

    @property
    def times(self) -> list[float]:
        """Of all runs."""
        return [each for run in self.runs for each in run]

    @property
    def missed(self) -> float:
        """The share of names that were not on the first page."""
        return 1 - self.found.total() / self.asked.total()

    def lines(self) -> str:
        """What is behind the figure."""
        by_kind = ", ".join(f"{kind} {self.found[kind] / count:.1%}" for kind, count in self.asked.items())
        return (
            f"  {self.pool}: median {statistics.median(self.times):.1f} ms, 95th percentile {_p95(self.times):.1f} ms,"
            f" longest {max(self.times):.1f} ms in the database ({_p95(self.whole):.1f} ms with Python;"
            f" the floor of one question {_p95(self.floor):.2f} ms)\n"
            f"  found on the first page {1 - self.missed:.1%} of {self.asked.total()}: {by_kind}\n"
        )


def search_p95(families: int) -> Measured:
    """The 95th percentile of a search with a misspelt name, in the database: at most 30 ms."""
    measured = _measured(families)
    worst = max(measured, key=lambda timed: _p95(timed.times))
    return _figure("search_p95", _p95(worst.times), "ms", 30.0, [_p95(run) for run in worst.runs], families)


def search_median(families: int) -> Measured:
    """The median of the same."""
    worst = max(_measured(families), key=lambda timed: statistics.median(timed.times))
    runs = [statistics.median(run) for run in worst.runs]
    return _figure("search_median", statistics.median(worst.times), "ms", 30.0, runs, families)


def search_missed(families: int) -> Measured:
    """How many of a hundred misspelt names are not on the first page: at most 5."""
    shares = [100 * timed.missed for timed in _measured(families)]
    return _figure("search_missed", max(shares), "of 100", 5.0, shares, families)


def _figure(name: str, figure: float, unit: str, limit: float, ours: list[float], families: int) -> Measured:
    return Measured(
        name=name, figure=figure, unit=unit, limit=limit, ours=[round(run, 2) for run in ours], peer=[], peer_is="",
        families=families,
    )  # fmt: skip


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


@cache
def _measured(families: int) -> list[Timed]:
    found = []
    for pool, folder in (("names of the generator", cases(families)), ("names of a city", _renamed(families))):
        with database(), trail.correlated():
            report = loading.load_directory(folder, by=BENCH, at=datetime.now(UTC))
            if report.errors:
                raise AssertionError("The files of the benchmark were refused.")
            findable.take_in_what_is_written()
            vacuum()
            found.append(_searched(pool))
        sys.stdout.write(found[-1].lines())
    return found


def _renamed(families: int) -> Path:
    """The same families with other names."""
    plain, folder = cases(families), cases(families).with_name(f"cases-{families}-renamed")
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(plain, folder, ignore=shutil.ignore_patterns("people.csv", "whole"))
        with (
            (plain / "people.csv").open(newline="", encoding="utf-8") as read,
            (folder / "people.csv").open("w", newline="", encoding="utf-8") as written,
        ):
            rows = csv.DictReader(read)
            renamed = csv.DictWriter(written, rows.fieldnames or [], lineterminator="\n")
            renamed.writeheader()
            pool = Pool(seed=7)
            for row in rows:
                name = pool.name()
                middle = pool.name().given if row["middle_names"] else ""
                renamed.writerow(row | {"given_name": name.given, "family_name": name.family, "middle_names": middle})
        (folder / "whole").touch()
    return folder


def _searched(pool: str) -> Timed:
    """Search for people on file under names with one slip."""
    draw = random.Random(11)
    names = _names_on_file(draw, SEARCHES * RUNS)
    timed = Timed(pool, [], [], [], Counter(), Counter())
    for run in range(RUNS):
        timed.runs.append([])
        for name in names[run * SEARCHES : (run + 1) * SEARCHES]:
            kind = draw.choice(list(KINDS))
            typed = KINDS[kind](name, draw)
            began = time.perf_counter()
            with _in_the_database() as spent:
                results = search.search(asked=Asked(typed), by=BENCH, at=datetime.now(UTC))
            timed.whole.append(1000 * (time.perf_counter() - began))
            timed.runs[-1].append(sum(spent))
            timed.asked[kind] += 1
            timed.found[kind] += any(_is(name, row) for row in results.found)
            with _in_the_database() as spent, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            timed.floor.extend(spent)
    return timed


def _names_on_file(draw: random.Random, count: int) -> list[Name]:
    """The names of so many people with both names; the same ones each time."""
    of_all = Person.objects.filter(family_name__regex=r"^\w..", given_name__regex=r"^\w..").order_by("id")
    ids = draw.sample(list(of_all.values_list("id", flat=True)), count)
    people = Person.objects.in_bulk(ids)
    return [Name(people[each].given_name, people[each].family_name) for each in ids]


def _is(name: Name, row: Found) -> bool:
    return (row.person.given_name, row.person.family_name) == name


@contextmanager
def _in_the_database() -> Iterator[list[float]]:
    """The milliseconds of each statement inside."""
    spent: list[float] = []

    def clocked(execute: Any, *args: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*args)
        finally:
            spent.append(1000 * (time.perf_counter() - began))

    with connection.execute_wrapper(clocked):
        yield spent
