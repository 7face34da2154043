"""Walks to any act: each is walked once for a run of tests, and every test that starts there gets a copy of its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import override_settings
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests.conftest import address_of, drop
from tests.stages.walk import ORDER, Walk, make_keys

WalkTo = Callable[[str], Walk]
BEFORE = "before everything"
FOLDERS = ("outbox", "delivered", "archive", "archive-keys")


class Stands:
    """Databases and folders as they are after each act, made when first asked for, one from another."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.minutes = {BEFORE: 0}
        self.copies: list[str] = []
        make_keys(folder / "keys")
        self.names = {BEFORE: base}

    def after(self, act: str) -> str:
        """The name of a database that stands after this act; nobody is connected to it."""
        if act not in self.names:
            place = ORDER.index(act)
            earlier = ORDER[place - 1] if place else BEFORE
            minutes = self.minutes.get(earlier, 0) if self.after(earlier) else 0
            name, here = f"{self.base}_{self.folder.name}_{place}", self.folder / f"after-{place}"
            self.copy(self.names[earlier], name)
            self.carry(earlier, here)
            walk = Walk(here, minutes=self.minutes.get(earlier, minutes))
            with connected_to(name), override_settings(**self.settings(here), PASSWORD_HASHERS=QUICK):
                walk.do(act)
            self.names[act], self.minutes[act] = name, walk.minutes
        return self.names[act]

    def settings(self, here: Path) -> dict[str, Any]:
        """The settings of a walk in this folder."""
        return {
            "CF_DATA_DIR": here,
            "CF_OUTBOX": here / "outbox",
            "CF_UPLOADS": here / "uploads",
            "CF_JOURNAL": here / "journal",
            "CF_ARCHIVE": here / "archive",
            "CF_ARCHIVE_KEYS": here / "archive-keys",
            "CF_DELIVERY_FOLDER": here / "delivered",
            "CF_SIGNING_KEY": self.folder / "keys" / "council-signing.key",
            "CF_OPENPGP_SIGNING_KEY": str(self.folder / "keys" / "council-openpgp.key"),
            "CF_SIGNING_CERTIFICATE": self.folder / "keys" / "council-signing.pem",
        }

    def carry(self, act: str, here: Path) -> None:
        """What lay in the folders after this act, into another folder."""
        here.mkdir(exist_ok=True)
        for name in FOLDERS if act in ORDER else ():
            there = self.folder / f"after-{ORDER.index(act)}" / name
            if there.is_dir():
                shutil.copytree(there, here / name)

    def copy(self, template: str, name: str) -> None:
        """A database like another one."""
        # A test that needed no copy of its own may have left the connection open, and nobody may be on a template.
        connection.close()
        self.drop(name)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        with maintenance() as server:
            server.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        self.copies.append(name)

    def drop(self, name: str) -> None:
        """Away with a copy."""
        with maintenance() as server:
            drop(server, name)


MADE: dict[str, Stands] = {}
"""By the database from which they were made: one in a process."""
QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def maintenance() -> "psycopg.Connection[Any]":
    """A connection of the owner, away from every database of a test."""
    owner = configured.DATABASE_OWNER
    return psycopg.connect(address_of(owner["NAME"], owner), autocommit=True)


class connected_to:  # noqa: N801 - reads as what it does
    """Inside, the connection leads to another database."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        connection.close()
        self.outer, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], self.name

    def __exit__(self, *_: object) -> None:
        connection.close()
        connection.settings_dict["NAME"] = self.outer


@pytest.fixture(scope="session")
def stands(
    django_db_setup: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stands]:
    """Where tests may start: the same for every folder of tests into which this is imported."""
    if django_db_setup not in MADE:
        MADE[django_db_setup] = Stands(django_db_setup, tmp_path_factory.mktemp("walks"))
    yield MADE[django_db_setup]
    if (made := MADE.pop(django_db_setup, None)) is not None:
        with django_db_blocker.unblock():
            for name in set(made.copies):
                made.drop(name)


@pytest.fixture
def walk_to(
    stands: Stands, django_db_blocker: DjangoDbBlocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[WalkTo]:
    """`walk_to(act)`: a database and folders of this test's own, as they stand after that act."""
    name = f"{stands.base}_{stands.folder.name}_walk"
    here = tmp_path / "data"
    with django_db_blocker.unblock():
        inside = connected_to(name)

        def walk(act: str) -> Walk:
            stands.copy(stands.after(act), name)
            stands.carry(act, here)
            for setting, value in stands.settings(here).items():
                setattr(settings, setting, value)
            inside.__enter__()
            monkeypatch.setenv("DATABASE_URL", address_of(name, connection.settings_dict))
            monkeypatch.setenv("DATABASE_OWNER_URL", address_of(name, configured.DATABASE_OWNER))
            monkeypatch.setenv("CF_UPLOADS", str(here / "uploads"))
            return Walk(here, minutes=stands.minutes[act])

        try:
            yield walk
        finally:
            if connection.settings_dict["NAME"] == name:
                inside.__exit__()
            stands.drop(name)
