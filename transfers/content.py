"""Content: the rows of a submission, streamed from the database in the recipient's order.

Everything is read in one pass by a server-side cursor: memory stays flat, and nothing is written anywhere.
"""

import base64
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from cohorts.models import Cohort
from cohorts.queries import IDENTIFIERS_SQL
from connecting_families.planning import over_whole_tables
from transfers import lines, package
from transfers.rules import extract
from transfers.rules.extract import IDENTIFIERS, PROGRAMME, Extract, IdentifiersRow, ProgrammeRow

BATCH = 5_000

IDENTIFIERS_ROWS = f"""
    SELECT r.reference AS submission_person_ref, d.given_name, d.middle_names, d.family_name, d.previous_family_names,
           d.date_of_birth, d.sex, d.line_1 AS address_line_1, d.line_2 AS address_line_2, d.line_3 AS address_line_3,
           d.line_4 AS address_line_4, d.line_5 AS address_line_5, d.postcode, d.nino, d.nhs_number, d.upn, d.uln,
           d.linkage_scope
    FROM ({IDENTIFIERS_SQL}) d
    JOIN transfers_personreference r ON r.person_id = d.id
"""
PROGRAMME_ROWS = """
    SELECT p.reference AS submission_person_ref, f.reference AS submission_family_ref, %(la_code)s AS la_code,
           d."group", d.programme_start, d.programme_end, d.relationship,
           string_to_array(d.problems, ';') AS headlines
    FROM cohorts_decision d
    JOIN transfers_personreference p ON p.person_id = d.person_id
    JOIN transfers_familyreference f ON f.family_id = d.family_id
    WHERE d.cohort_id = %(cohort)s AND d.included
"""


class Source(NamedTuple):
    """Where the rows of a file come from: a query that has its fields in order, and those it is sorted by."""

    rows: str
    order: tuple[str, ...]
    row: Any


SOURCES = {
    IDENTIFIERS.name: Source(IDENTIFIERS_ROWS, ("submission_person_ref",), IdentifiersRow),
    PROGRAMME.name: Source(PROGRAMME_ROWS, ("submission_family_ref", "submission_person_ref"), ProgrammeRow),
}


class Digests(NamedTuple):
    """What the content of a submission is, without being it."""

    identifiers: package.Content
    programme: package.Content

    @property
    def sha256(self) -> str:
        """The digest to which approval binds."""
        return package.content_sha256(self.identifiers.sha256, self.programme.sha256)


def table(which: Extract, cohort: Cohort) -> package.Table:
    """A file of this cohort, with the columns that its round's agreement allows, in the forms of `extract`."""
    names, source = columns(which, cohort), SOURCES[which.name]
    values = extract.values(which, names)
    sql = f"SELECT * FROM ({source.rows}) AS sent ORDER BY {', '.join(f'sent.{field}' for field in source.order)}"
    return package.Table(which.name, names, (values(source.row(*row)) for row in _rows(which.name, sql, cohort)))


def written(which: Extract, cohort: Cohort) -> package.Written:
    """The same as PostgreSQL writes it, five times as fast: for sealing, which holds it against what was approved."""
    names, source = columns(which, cohort), SOURCES[which.name]
    sql = lines.statement(which, names, rows=source.rows, order=source.order)
    return package.Written(which.name, names, lines.read(sql, _parameters(cohort)))


def digests(cohort: Cohort) -> Digests:
    """What would be sealed for this cohort from the records as they are in this transaction."""
    return Digests(package.digest(table(IDENTIFIERS, cohort)), package.digest(table(PROGRAMME, cohort)))


def draw_references(cohort: Cohort) -> None:
    """Give everyone in this cohort, and their families, a reference of the study where they have none yet.

    128 random bits in base32 without padding: nobody can compute it (spec/submission.md).
    """
    with connection.cursor() as cursor:
        # Whoever destroys a submission at this moment, and references with it, is waited for.
        cursor.execute("LOCK TABLE transfers_personreference, transfers_familyreference IN ROW EXCLUSIVE MODE")
    for kind in ("person", "family"):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT DISTINCT d.{kind}_id FROM cohorts_decision d
                LEFT JOIN transfers_{kind}reference r USING ({kind}_id)
                WHERE d.cohort_id = %s AND d.included AND r.id IS NULL
                """,
                [cohort.pk],
            )
            new = [row[0] for row in cursor.fetchall()]
            with cursor.copy(f"COPY transfers_{kind}reference ({kind}_id, reference) FROM STDIN") as copy:
                for key in new:
                    copy.write_row((key, _random_reference()))


def columns(which: Extract, cohort: Cohort) -> tuple[str, ...]:
    """The columns of a file for this cohort: the core, and what its round's agreement lists beside it."""
    return extract.columns_sent(which, cohort.round.agreement.fields)


def _parameters(cohort: Cohort) -> dict[str, Any]:
    return {"cohort": cohort.pk, "la_code": settings.CF_LA_CODE}


def _rows(name: str, sql: str, cohort: Cohort) -> Iterator[tuple[Any, ...]]:
    with connection.connection.cursor(name=name.partition(".")[0]) as cursor:
        with over_whole_tables():
            cursor.execute(sql, _parameters(cohort))
        while rows := cursor.fetchmany(BATCH):
            yield from rows


def _random_reference() -> str:
    return base64.b32encode(os.urandom(16)).decode().rstrip("=")


def counts(cohort: Cohort) -> dict[str, int]:
    """How many persons and families are sent, and how many persons are in each group."""
    sql = """
        SELECT count(DISTINCT person_id), count(DISTINCT family_id),
               count(DISTINCT person_id) FILTER (WHERE "group" = 'PROGRAMME'),
               count(DISTINCT person_id) FILTER (WHERE "group" = 'COMPARISON')
        FROM cohorts_decision WHERE cohort_id = %s AND included
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [cohort.pk])
        return dict(zip(("persons", "families", "programme", "comparison"), cursor.fetchone(), strict=True))


def masked_identifiers(cohort: Cohort, person_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """For these persons of a cohort: each column that would be sent, with its value masked."""
    names = columns(IDENTIFIERS, cohort)
    values = extract.values(IDENTIFIERS, names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({IDENTIFIERS_SQL}) d WHERE id = ANY(%(persons)s)",
            {"cohort": cohort.pk, "persons": list(person_ids)},
        )
        rows = cursor.fetchall()
    return {row[0]: {n: masked(v) for n, v in zip(names, values(("", *row[1:])), strict=True)} for row in rows}


def masked(value: str) -> str:
    """A value whose form shows and whose letters do not: the first letter, and marks for the others; digits as 9."""
    return value[:1] + "".join("9" if c.isdigit() else "•" if c.isalpha() else c for c in value[1:])
