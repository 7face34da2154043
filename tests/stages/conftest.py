"""Walks to any act: each is walked once for a run of tests, and every test that starts there gets a copy of its own."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests import once
from tests.both_guards import both_guards
from tests.conftest import address_of, copy, drop, maintenance
from tests.stages.walk import ACTS, ORDER, Walk, make_keys

WalkTo = Callable[[str], Walk]
BEFORE = "before everything"
FOLDERS = ("outbox", "uploads", "delivered", "archive", "archive-keys")


class Stands:
    """Databases and folders as they are after each act, made when first asked for, one from another, and once for all
    processes of a run.

    `further`: acts that are none of the walk's own, each with the act after which it is done, and how.
    """

    def __init__(self, base: str, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.further: dict[str, tuple[str, Callable[[Walk], None]]] = {}
        folder.mkdir(exist_ok=True)
        self._noted, self._use = folder / "stands.json", once.Use(folder / "stands.used")
        with self.alone():
            if not (folder / "keys.made").exists():
                make_keys(folder / "keys")
                (folder / "keys.made").touch()

    def alone(self) -> AbstractContextManager[None]:
        """Among the processes of the run."""
        return once.alone(self.folder / "stands.lock")

    def after(self, act: str) -> tuple[str, int]:
        """A database that stands after this act, to which nobody is connected, and the minutes that the walk took."""
        with self.alone():
            made: dict[str, tuple[str, int]] = json.loads(self._noted.read_text()) if self._noted.exists() else {}
            try:
                return self._after(act, made)
            finally:
                self._noted.write_text(json.dumps(made))

    def _after(self, act: str, made: dict[str, tuple[str, int]]) -> tuple[str, int]:
        if act == BEFORE:
            return self.base, 0
        if act not in made:
            earlier, does = self._way(act)
            template, minutes = self._after(earlier, made)
            name, here = f"{self.base.rpartition('_')[0]}_after_{act.replace(' ', '_')}", self.folder / act
            self.copy(template, name)
            shutil.rmtree(here, ignore_errors=True)
            self.carry(earlier, here)
            walk = Walk(here, minutes=minutes)
            with connected_to(name), override_settings(**self.settings(here), PASSWORD_HASHERS=QUICK):
                does(walk)
            made[act] = name, walk.minutes
        return made[act]

    def _way(self, act: str) -> tuple[str, Callable[[Walk], None]]:
        """After which act this one is done, and how."""
        if act in self.further:
            return self.further[act]
        place = ORDER.index(act)
        return (ORDER[place - 1] if place else BEFORE), ACTS[act]

    def end(self) -> None:
        """This process asks no more; the last one clears all away."""
        with self.alone():
            if self._use.ends() and self._noted.exists():
                with maintenance() as server:
                    for name, _ in json.loads(self._noted.read_text()).values():
                        drop(server, name)
                self._noted.unlink()

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
        for name in FOLDERS:
            there = self.folder / act / name
            if there.is_dir():
                shutil.copytree(there, here / name)

    def copy(self, template: str, name: str) -> None:
        """A database like another one."""
        # A test that needed no copy of its own may have left the connection open, and nobody may be on a template.
        connection.close()
        with maintenance() as server:
            copy(server, template, name)

    def drop(self, name: str) -> None:
        """Away with a copy."""
        with maintenance() as server:
            drop(server, name)


MADE: dict[str, Stands] = {}
"""By the database from which they were made: one in a process."""
QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
        MADE[django_db_setup] = Stands(django_db_setup, once.folder_of(tmp_path_factory) / "walks")
    yield MADE[django_db_setup]
    if (made := MADE.pop(django_db_setup, None)) is not None:
        with django_db_blocker.unblock():
            made.end()


@pytest.fixture
def walk_to(
    stands: Stands, django_db_blocker: DjangoDbBlocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[WalkTo]:
    """`walk_to(act)`: a database and folders of this test's own, as they stand after that act; asked again, anew.

    Whenever the guard is asked on the way, it is asked of everybody as well.
    """
    name = f"{stands.base}_walk"
    here = tmp_path / "data"
    with django_db_blocker.unblock():
        inside = connected_to(name)

        def walk(act: str) -> Walk:
            if connection.settings_dict["NAME"] == name:
                inside.__exit__()
                shutil.rmtree(here)
            template, minutes = stands.after(act)
            stands.copy(template, name)
            stands.carry(act, here)
            for setting, value in stands.settings(here).items():
                setattr(settings, setting, value)
            inside.__enter__()
            monkeypatch.setenv("DATABASE_URL", address_of(name, connection.settings_dict))
            monkeypatch.setenv("DATABASE_OWNER_URL", address_of(name, configured.DATABASE_OWNER))
            monkeypatch.setenv("CF_UPLOADS", str(here / "uploads"))
            return Walk(here, minutes=minutes)

        try:
            with both_guards():
                yield walk
        finally:
            if connection.settings_dict["NAME"] == name:
                inside.__exit__()
            stands.drop(name)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """What is tried here is not how passwords are kept."""
    settings.PASSWORD_HASHERS = QUICK
