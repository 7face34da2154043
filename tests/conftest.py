"""What every test stands on: a real PostgreSQL and a real broker, the embedded pair unless two settings name others.

The test database belongs to the owner's role and is used as the site's role. `committed` gives a test a database of
its own, copied from it, where what is committed stays: for workers, commands and whatever looks from outside.
"""

import atexit
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.template import Context, Template
from django.test.signals import template_rendered
from hypothesis import HealthCheck
from hypothesis import settings as examples
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests import once

# How long an example takes says something of the machine, and nothing of the program.
examples.register_profile("on any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("on any machine")


def address_of(name: str, role: dict[str, Any]) -> str:
    """The address of a database, as DATABASE_URL has it."""
    password = f":{quote(role['PASSWORD'], safe='')}" if role["PASSWORD"] else ""
    port = f":{role['PORT']}" if role["PORT"] else ""
    return f"postgresql://{quote(role['USER'], safe='')}{password}@{quote(role['HOST'], safe='')}{port}/{name}"


def _become(role: dict[str, Any]) -> None:
    """From here on, this connection is opened as another role."""
    connection.close()
    connection.settings_dict.update({name: role[name] for name in ("USER", "PASSWORD", "HOST", "PORT")})


@cache
def _server() -> "psycopg.Connection[Any]":
    owner = settings.DATABASE_OWNER
    server = psycopg.connect(address_of(owner["NAME"], owner), autocommit=True)
    atexit.register(server.close)
    return server


@contextmanager
def maintenance() -> Iterator["psycopg.Connection[Any]"]:
    """This process's one connection as the owner, away from every database of a test."""
    yield _server()


def copy(server: "psycopg.Connection[Any]", template: str, name: str) -> None:
    """A database like another one, to which nobody may be connected."""
    drop(server, name)
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    server.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def drop(maintenance: "psycopg.Connection[Any]", name: str) -> None:
    """Drop a database, once whoever was killed in it is gone: the server notices within moments."""
    until = time.monotonic() + 30
    while True:
        try:
            maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def pytest_collection_finish() -> None:
    """What was loaded by now stays: it is not gone through again each time that Python looks for what is left over."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def pages_keep_what_they_were_drawn_with(django_test_environment: None) -> None:
    """Django's tests keep a copy of what each part of a page was drawn with; here only pages do, not their parts."""
    inside = threading.local()

    def drawn(template: Any, context: Context) -> Any:
        if getattr(inside, "a_page", False):
            return template.nodelist.render(context)
        inside.a_page = True
        try:
            template_rendered.send(sender=template, template=template, context=context)
            return template.nodelist.render(context)
        finally:
            inside.a_page = False

    setattr(Template, "_render", drawn)  # noqa: B010 - it is no part of its types


@pytest.fixture(scope="session", autouse=True)
def the_same_key_is_checked_once() -> None:
    """To find that a key of 3072 bits is sound takes a tenth of a second each time that the same file is read."""
    setattr(serialization, "load_pem_private_key", cache(serialization.load_pem_private_key))  # noqa: B010 - not of its type


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Made as the owner, used as the site's role: one database for each process of the run, migrated once for all."""
    site, real = dict(connection.settings_dict), connection.settings_dict["NAME"]
    name = f"test_{real}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    whole, there = f"test_{real}_whole", once.folder_of(tmp_path_factory) / "database"
    use = once.Use(there.with_suffix(".used"))
    with django_db_blocker.unblock():
        with once.alone(there.with_suffix(".lock")):
            if not there.exists():
                _migrate(site, whole)
                there.touch()
            with maintenance() as server:
                copy(server, whole, name)
        connection.settings_dict["NAME"] = name
    yield name
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = real
        with once.alone(there.with_suffix(".lock")), maintenance() as server:
            drop(server, name)
            if use.ends():
                drop(server, whole)
                there.unlink()


def _migrate(site: dict[str, Any], name: str) -> None:
    """A database of this name, with every table, and with what the site's role may do."""
    real, connection.settings_dict["TEST"]["NAME"] = connection.settings_dict["NAME"], name
    _become(settings.DATABASE_OWNER)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    _become(site)
    # Everything is there; this grants the site's role what it may do, as on any machine.
    call_command("migrate", verbosity=0)
    connection.close()
    connection.settings_dict["NAME"] = real


@pytest.fixture
def committed(
    django_db_setup: str, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a database of this test's own, where what is committed stays; also for processes it starts."""
    name = f"{django_db_setup}_own"
    with django_db_blocker.unblock(), maintenance() as server:
        connection.close()
        copy(server, django_db_setup, name)
        connection.settings_dict["NAME"] = name
        monkeypatch.setenv("DATABASE_URL", address_of(name, connection.settings_dict))
        monkeypatch.setenv("DATABASE_OWNER_URL", address_of(name, settings.DATABASE_OWNER))
        try:
            yield name
        finally:
            connection.close()
            connection.settings_dict["NAME"] = django_db_setup
            drop(server, name)


@pytest.fixture
def folders(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of this test's own, for sealed packages and what is delivered."""
    settings.CF_DATA_DIR = tmp_path
    settings.CF_OUTBOX, settings.CF_DELIVERY_FOLDER = tmp_path / "outbox", tmp_path / "delivered"
    settings.CF_UPLOADS = tmp_path / "uploads"
    settings.CF_ARCHIVE, settings.CF_ARCHIVE_KEYS = tmp_path / "archive", tmp_path / "archive-keys"
    monkeypatch.setenv("CF_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("CF_ARCHIVE_KEYS", str(tmp_path / "archive-keys"))
    monkeypatch.setenv("CF_OUTBOX", str(tmp_path / "outbox"))
    monkeypatch.setenv("CF_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setenv("CF_DELIVERY_FOLDER", str(tmp_path / "delivered"))
    return tmp_path
