"""The program as the oracle sees it: files go in by one command, a decisions file comes out of another.

Whatever the commands are called or ask for, it is said here and nowhere else.
"""

import tomllib
from datetime import datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from cohorts import frameworks
from cohorts.models import Cohort, Finding
from tests.beside import ENTRY
from tests.conftest import address_of
from tests.oracle.oracle import Asked, Framework

ROUND = "ORACLE"
AGREEMENT = "DSA"  # as families.py writes it


def framework(code: str) -> Framework:
    """The newest framework of this code, read from its data file."""
    folder = Path(frameworks.__file__).parent
    data = tomllib.loads(max(folder.glob(f"{code}-*.toml")).read_text(encoding="utf-8"))
    indicators = tuple(
        (indicator["code"], headline, indicator.get("look_back_months"))
        for headline, content in data["headlines"].items()
        for indicator in content["indicators"]
    )
    return Framework(minimum=data["minimum"], unit=data["counting_unit"], indicators=indicators)


def load(directory: Path) -> None:
    """Load the bulk files of a directory. Raises SystemExit where one is refused."""
    report = StringIO()
    try:
        call_command("load_cases", str(directory), stdout=report)
    except SystemExit:
        raise AssertionError(f"The bulk files were refused: {report.getvalue()}") from None


def open_round(asked: Asked, *, agreement: str = AGREEMENT, code: str = ROUND) -> None:
    """Open a round with the settings that the oracle is asked with; its recipients come with the agreement."""
    call_command(
        "open_round",
        code,
        cut_off=asked.cut_off,
        framework="SF" if asked.framework else "TF",
        datasets=";".join(asked.datasets),
        agreement=agreement,
        notice_days=asked.notice_days,
        scope=asked.scope,
        stdout=StringIO(),
    )


def decisions(run_at: datetime, code: str = ROUND) -> bytes:
    """Assemble a cohort of the round as at this instant, and read its decisions file."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "decisions.csv"
        call_command("assemble", code, at=run_at, decisions=file, stdout=StringIO())
        return file.read_bytes()


def findings() -> list[tuple[str, ...]]:
    """The findings of the cohort that was assembled last: family, person, code, field, value; sorted."""
    rows = Finding.objects.filter(cohort=Cohort.objects.latest("id"))
    return sorted(rows.values_list("family_ref", "person_ref", "code", "field", "value"))


def forget() -> None:
    """Empty every table of cases, rounds and cohorts, but for what came with the program.

    Triggers refuse that to everybody: the owner lays them aside.
    """
    name = connection.settings_dict["NAME"]
    with psycopg.connect(address_of(name, settings.DATABASE_OWNER)) as database:
        tables = [
            row[0]
            for row in database.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename ~ '^(cohorts|transfers)_' AND tablename <> 'cohorts_dataset'"
            )
        ]
        database.execute("CREATE TEMPORARY TABLE in_use AS TABLE cohorts_frameworkinuse")
        for table in tables:
            database.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        database.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY")
        for table in tables:
            database.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        database.execute(ENTRY)
        database.execute("INSERT INTO cohorts_frameworkinuse OVERRIDING SYSTEM VALUE TABLE in_use")
