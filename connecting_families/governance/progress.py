"""How far long work is: whoever is at it says so as the name of its session, and whoever looks reads it there.

A transaction that goes on, or only reads, can write down nothing that others see; and what a killed session said is
gone with it. Names end with a hyphen, so that none begins another.
"""

from typing import NamedTuple

from django.db import connection

SAY = "SELECT set_config('application_name', %s, true)"
SAID = """
SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, %s)
"""


class Progress(NamedTuple):
    """How much of the work is done by now."""

    done: int
    total: int


def say_progress(work: str, done: int, total: int) -> None:
    """Say how far the work of this name is, until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(SAY, [f"{work}{done}/{total}"])


def progress_said(work: str) -> Progress | None:
    """How far the work of this name is; None while nobody is at it."""
    with connection.cursor() as cursor:
        cursor.execute(SAID, [work])
        found = cursor.fetchone()
    if found is None:
        return None
    done, _, total = found[0].removeprefix(work).partition("/")
    return Progress(int(done), int(total))
