"""A council that sent a submission and keeps every promise, and whoever owns its database and can break them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from cohorts import answers, reviewing
from cohorts.models import Agreement, NoticeVersion, Objection
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.walk import RUN, Walk
from transfers import receipt

DAY = timedelta(days=1)
SetClock = Callable[[datetime], None]


class Owner:
    """Whoever owns the database, and may do what the site may not."""

    def __init__(self, name: str) -> None:
        self.connection: psycopg.Connection[Any] = psycopg.connect(
            address_of(name, configured.DATABASE_OWNER), autocommit=True
        )

    def does(self, table: str, statement: str, *values: object) -> None:
        """A statement about a table, whose triggers are switched off while it runs."""
        self.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        self.connection.execute(statement.encode(), values or None)
        self.connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())

    def asks(self, question: str) -> list[tuple[Any, ...]]:
        """What a question is answered."""
        return self.connection.execute(question.encode()).fetchall()


class Council:
    """A council that sent a submission and keeps every promise: its walk, and the owner of its database."""

    def __init__(self, walk: Walk, owner: Owner) -> None:
        self.walk, self.owner = walk, owner
        self.nights = 0

    def night(self) -> datetime:
        """Three in the next night."""
        self.nights += 1
        return RUN.replace(hour=3) + self.nights * DAY


def prepared(walk: Walk) -> None:
    """What governance does before it may say that everything is kept."""
    by = walk.who("govern")
    receipt.take_in(data=receipt_of(walk, ("P1", "NINO")), by=walk.who("prepare"), at=walk.now())
    asked: dict[str, Any] = {"legal_reference": "Article 6(1)(e) UK GDPR", "next_on": date(2027, 6, 1)}
    for version in NoticeVersion.objects.all():
        reviewing.record(of=version, contact="The data team, 01632 960000", **asked, by=by, at=walk.now())
    for agreement in Agreement.objects.all():
        reviewing.record(of=agreement, **asked, by=by, at=walk.now())
    answers.uphold(objection=Objection.objects.get(), by=by, at=walk.now())


@contextmanager
def changed(council: Council, table: str, where: str = "TRUE", *, key: str = "id", **to: str) -> Iterator[None]:
    """Columns to which the owner gives other values (as SQL), and later those that they had."""
    names = ", ".join(f"{name}::text" for name in to)
    was = council.owner.asks(f"SELECT {key}::text, {names} FROM {table} WHERE {where}")
    kinds = dict(council.owner.asks(
        f"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{table}'::regclass"
    ))  # fmt: skip
    assert was, "Nobody is there to change."
    council.owner.does(
        table, f"UPDATE {table} SET {', '.join(f'{name} = {it}' for name, it in to.items())} WHERE {where}"
    )
    try:
        yield
    finally:
        back = ", ".join(f"{name} = %s::{kinds[name]}" for name in to)
        for row, *values in was:
            council.owner.does(table, f"UPDATE {table} SET {back} WHERE {key}::text = %s", *values, row)


@contextmanager
def added(council: Council, table: str, **values: object) -> Iterator[None]:
    """A row that no stage would have made, and that is later gone again."""
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    council.owner.does(table, f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())
    ((row,),) = council.owner.asks(f"SELECT max(id) FROM {table}")
    try:
        yield
    finally:
        council.owner.does(table, f"DELETE FROM {table} WHERE id = {row}")


@pytest.fixture
def council(walk_to: WalkTo, settings: Any) -> Iterator[Council]:
    """One that keeps every promise."""
    # The nights of these tests end before our own copy is to be gone.
    settings.CF_BACKUP_DAYS = 7
    walk = walk_to("deliver")
    prepared(walk)
    owner = Owner(str(connection.settings_dict["NAME"]))
    yield Council(walk, owner)
    owner.connection.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """`clock(at)`: what tasks and pages read from the clock."""

    def set_to(at: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to
