"""The oracle: every decision of a round, by hand-written SQL over the same tables.

It is the second statement of spec/rules.md, written without a look at the first, so that a misreading has to happen
twice to pass; and it is the peer that the benchmarks measure a run against. The SQL files run in the order of their
names and leave the view `oracle_outcome`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent

DECISIONS = """
COPY (SELECT family_ref, person_ref, CASE WHEN included THEN 'included' ELSE 'excluded' END AS decision,
             nullif(reasons, '') AS reasons, nullif("group", '') AS "group", programme_start, programme_end,
             nullif(linkage_scope, '') AS linkage_scope
        FROM oracle_outcome
       ORDER BY family_ref COLLATE "C", person_ref COLLATE "C") TO STDOUT (FORMAT csv, HEADER)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """What counts as a problem: an indicator's code, its headline problem, its look-back in months (None: no end)."""

    minimum: int
    unit: str
    indicators: tuple[tuple[str, str, int | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked: the settings of the round, and the moment of the run (with its offset).

    `scope` is honoured or all-or-nothing; `datasets` are in the round's order; without a framework it is TF.
    """

    cut_off: date
    run_at: datetime
    datasets: tuple[str, ...]
    recipients: tuple[str, ...]
    notice_days: int = 28
    scope: str = "honoured"
    framework: Framework | None = None


def decisions(connection: Any, asked: Asked) -> bytes:
    """The decisions file of spec/submission.md, byte for byte. `connection` is psycopg's or Django's."""
    with _judged(connection, asked) as cursor, cursor.copy(DECISIONS) as rows:
        return b"".join(rows)


def findings(connection: Any, asked: Asked) -> list[tuple[str, ...]]:
    """Every finding as (family, person, code, field, value), sorted; of spec/data.md, all."""
    with _judged(connection, asked) as cursor:
        cursor.execute(_text("8_findings.sql"), _days(cursor, asked))
        cursor.execute("SELECT family_ref, person_ref, code, field, value FROM oracle_finding")
        return sorted(cursor.fetchall())


def insert(connection: Any, cohort_id: int, asked: Asked) -> tuple[int, int]:
    """Write the decisions and findings as this cohort's, as a run does, and say how many of each.

    Inside the caller's transaction the caller commits or rolls back; outside one they are committed here.
    """
    written = []
    with _judged(connection, asked) as cursor:
        given = _days(cursor, asked) | {"cohort_id": cohort_id}
        for files in (("8_digest.sql", "9_insert.sql"), ("8_findings.sql", "9_insert_findings.sql")):
            for file in files:
                cursor.execute(_text(file), given)
            written.append(cursor.rowcount)
    return written[0], written[1]


@contextmanager
def _judged(connection: Any, asked: Asked) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in a transaction where the view oracle_outcome answers; nothing but what it inserts is left behind."""
    if not isinstance(connection, psycopg.Connection):
        connection.ensure_connection()
        connection = connection.connection
    # Tables are made from queries, and those take no parameters from outside: they are written in here.
    with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_text("0_session.sql"))
        parameters = _parameters(cursor, asked)
        for file in ("3_people.sql", "4_permission.sql", "5_candidates.sql", "6_families.sql", "7_outcome.sql"):
            cursor.execute(_text(file), parameters)
        yield cursor
        cursor.execute(_text("99_clear.sql"))


def _days(cursor: psycopg.Cursor[Any], asked: Asked) -> dict[str, Any]:
    """What is asked, and the days by which it is read."""
    given = {
        "cut_off": asked.cut_off,
        "run_at": asked.run_at,
        "datasets": list(asked.datasets),
        "recipients": list(asked.recipients),
        "notice_days": asked.notice_days,
        "scope": asked.scope,
    }
    days = cursor.execute(_text("1_days.sql"), given)
    names = [column.name for column in days.description or ()]
    return given | dict(zip(names, days.fetchone() or (), strict=True))


def _parameters(cursor: psycopg.Cursor[Any], asked: Asked) -> dict[str, Any]:
    given = _days(cursor, asked)
    framework = asked.framework or _troubled_families(cursor)
    codes, headlines, months = zip(*framework.indicators, strict=True)
    return given | {
        "minimum": framework.minimum,
        "unit": framework.unit,
        "indicators": list(codes),
        "headlines": list(headlines),
        "months": list(months),
    }


def _troubled_families(cursor: psycopg.Cursor[Any]) -> Framework:
    indicators = cursor.execute(_text("2_tf.sql")).fetchall()
    return Framework(minimum=2, unit="headline", indicators=tuple(indicators))


def _text(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")
