"""The council that is measured: invented families as files, and a database of its own."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from connecting_families import invented
from tests.conftest import address_of

ROOT = Path(__file__).parent.parent.parent
GENERATOR = ROOT.parent / "shared" / "tools" / "make_cases.py"
NAME = "connecting_families_bench"


def cases(families: int) -> Path:
    """The bulk files of so many families; written once, by the shared generator if it is there."""
    folder = Path(settings.CF_DATA_DIR) / f"cases-{families}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        if GENERATOR.exists():
            found = importlib.util.spec_from_file_location("make_cases", GENERATOR)
            if found is None or found.loader is None:
                sys.exit(f"{GENERATOR} cannot be read.")
            generator = importlib.util.module_from_spec(found)
            found.loader.exec_module(generator)
            with redirect_stdout(StringIO()):
                generator.write(folder, families, seed=1, edges=False)
        else:
            invented.write(folder, families)
        (folder / "whole").touch()
    return folder


@contextmanager
def database() -> Iterator[str]:
    """A new database with tables and nothing in them; dropped at the end. Its address, for other processes."""
    owner, site = settings.DATABASE_OWNER, dict(connection.settings_dict)
    connection.close()
    with psycopg.connect(address_of(owner["NAME"], owner), autocommit=True) as maintenance:
        maintenance.execute(f'DROP DATABASE IF EXISTS "{NAME}"')
        maintenance.execute(f'CREATE DATABASE "{NAME}"')
        connection.settings_dict["NAME"] = NAME
        try:
            call_command("migrate", verbosity=0)
            yield address_of(NAME, connection.settings_dict)
        finally:
            connection.close()
            connection.settings_dict.update(site)
            maintenance.execute(f'DROP DATABASE IF EXISTS "{NAME}"')


def as_owner() -> "psycopg.Connection[tuple[object, ...]]":
    """A connection of its own to the measured database, in the role that may make tables."""
    return psycopg.connect(address_of(NAME, settings.DATABASE_OWNER), autocommit=True)


def vacuum() -> None:
    """Statistics, as a database has them that autovacuum has visited."""
    with as_owner() as owner:
        owner.execute("VACUUM ANALYZE")


def environ(address: str) -> dict[str, str]:
    """The environment of a process that uses the measured database."""
    return os.environ | {"DATABASE_URL": address}
