"""What every test stands on: a real PostgreSQL and a real broker, the embedded pair unless two settings name others.

The test database belongs to the owner's role and is used as the site's role. `committed` gives a test a database of
its own, copied from it, where what is committed stays: for workers, commands and whatever looks from outside.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as examples
from pytest_django import DjangoDbBlocker

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


def drop(maintenance: "psycopg.Connection[Any]", name: str) -> None:
    """Drop a database, once whoever was killed in it is gone: the server notices within moments."""
    until = time.monotonic() + 30
    while True:
        try:
            maintenance.execute(f'DROP DATABASE IF EXISTS "{name}"')
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Made as the owner, used as the site's role; one database for each process of the run."""
    site, real = dict(connection.settings_dict), connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"test_{real}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock():
        _become(settings.DATABASE_OWNER)
        name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        _become(site)
        # Everything is there; this grants the site's role what it may do, as on any machine.
        call_command("migrate", verbosity=0)
    yield name
    with django_db_blocker.unblock():
        _become(settings.DATABASE_OWNER)
        connection.creation.destroy_test_db(real, verbosity=0)
        _become(site)


@pytest.fixture
def committed(
    django_db_setup: str, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a database of this test's own, where what is committed stays; also for processes it starts."""
    name = f"{django_db_setup}_own"
    owner = settings.DATABASE_OWNER
    with django_db_blocker.unblock():
        connection.close()
        with psycopg.connect(address_of(owner["NAME"], owner), autocommit=True) as maintenance:
            drop(maintenance, name)
            maintenance.execute(f'CREATE DATABASE "{name}" TEMPLATE "{django_db_setup}" STRATEGY FILE_COPY')
            connection.settings_dict["NAME"] = name
            monkeypatch.setenv("DATABASE_URL", address_of(name, connection.settings_dict))
            monkeypatch.setenv("DATABASE_OWNER_URL", address_of(name, owner))
            try:
                yield name
            finally:
                connection.close()
                connection.settings_dict["NAME"] = django_db_setup
                drop(maintenance, name)


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
