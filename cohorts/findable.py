"""Keeping people findable: what bulk files wrote is taken into the search piece by piece (migration 0005)."""

from django.db import OperationalError, connection, transaction

# Whoever saves a person meanwhile goes first: a piece that meets them is tried again at the next look.
PATIENCE = "SELECT set_config('lock_timeout', '200ms', true)"


def take_in_what_is_written() -> int:
    """Take in everyone whom bulk files wrote, a range of people at a time; how many ranges. Others may do so beside."""
    taken = 0
    try:
        while _take_in_some():
            taken += 1
    except OperationalError:
        return taken
    return taken


def _take_in_some() -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        cursor.execute("SELECT cohorts_take_in_some()")
        return bool(cursor.fetchone()[0])


def forget_words() -> int:
    """Away with the words of names that nobody on file has any more; how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT cohorts_forget_words()")
        return int(cursor.fetchone()[0])
