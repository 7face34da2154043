"""Planning: how PostgreSQL is to answer a question about everybody, whatever it guesses of how many there are.

What a run has just written is not in the statistics yet. Whoever believes that a cohort has one row looks each person
up by itself, or walks a list once for each of a million.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# Whole tables are joined by hash, with room for it, and days are written as ISO 8601 has them.
WHOLE_TABLES = {
    "enable_nestloop": "off",
    "enable_seqscan": "on",
    "plan_cache_mode": "auto",
    "jit": "off",
    "work_mem": "64MB",
    "datestyle": "ISO",
}

SET = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS asked (name, value)"


@contextmanager
def over_whole_tables() -> Iterator[None]:
    """Inside, questions are planned for whole tables; afterwards as before. A transaction is open.

    An exception leaves the settings to the end of the transaction: it is to be rolled back.
    """
    names, values = list(WHOLE_TABLES), list(WHOLE_TABLES.values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(current_setting(name)) FROM unnest(%s::text[]) AS asked (name)", [names])
        (before,) = cursor.fetchone()
        cursor.execute(SET, [names, values])
    yield
    with connection.cursor() as cursor:
        cursor.execute(SET, [names, before])
