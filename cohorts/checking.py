"""The rows of a bulk file, read as what they mean, and what is wrong with them: in the database, a whole file at once.

    file_rows      the text of the file: the line, and a column each (loading.py puts it there)
    file_records   the same; beside it each value as its kind (empty where it cannot be read), the ids of the records
                   that it names, its `ordinal` among rows of the same key, and as `held_id` the record on file
    file_errors    what is wrong, by line

All three are temporary: they are gone when the transaction ends.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import models
from psycopg import sql

from cohorts import erased
from cohorts.bulk_errors import LISTED, Errors
from cohorts.bulk_files import BulkFile, Column, Kind, file_of

MOST_OF_ONE_KEY = 32767

# The years are those that every date can have, in the database and in Python, in London and in UTC. A date that reads
# as it was written, in ten characters, was written in the ISO form: asked so in half the time of a regular expression.
READ_AS = {
    Kind.DATE: "CASE WHEN length({text}) = 10 AND pg_input_is_valid({text}, 'date') AND {text}::date::text = {text}"
    " THEN {text}::date END",
    Kind.INSTANT: r"CASE WHEN {text} ~ '^\d\d\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'"
    " AND pg_input_is_valid({text}, 'timestamptz')"
    " THEN CASE WHEN {text}::timestamptz BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN {text}::timestamptz END END",
    Kind.BOOLEAN: "({text} = 'true')",
    Kind.CODES: "CASE WHEN {text} = '' THEN '{{}}'::varchar[] ELSE ARRAY("
    "SELECT btrim(code) FROM string_to_table({text}, ';') WITH ORDINALITY AS part (code, place)"
    " WHERE btrim(code) <> '' GROUP BY 1 ORDER BY min(place))::varchar[] END",
    Kind.RECORD: "{named}.id",
}

RECORDS = sql.SQL("""
    CREATE TEMPORARY TABLE file_records ON COMMIT DROP AS
    WITH read AS (SELECT file_rows.* {values} FROM file_rows {named_records}),
    -- OFFSET 0: each value is read once, and not again for the join.
    numbered AS (SELECT *, {ordinal} AS ordinal FROM read OFFSET 0)
    SELECT numbered.*, held.id AS held_id FROM numbered LEFT JOIN {table} held ON {same_key}
""")

NUMBERED = sql.SQL("row_number() OVER (PARTITION BY {key} ORDER BY line)")

ERRORS = sql.SQL("""
    CREATE TEMPORARY TABLE file_errors ON COMMIT DROP AS
    SELECT line, place, value
    FROM file_records CROSS JOIN LATERAL (VALUES {checks}) AS checked (place, value, wrong)
    WHERE ({any_wrong}) AND wrong
""")

# What people decided here about merges, a file does not know: where it names none, a merge made here stands; and two
# that were parted here stay apart, whatever it names.
MERGED_HERE = """
    UPDATE file_rows SET merged_into = kept.reference
    FROM cohorts_person held JOIN cohorts_person kept ON kept.id = held.merged_into_id
    JOIN cohorts_merge merge ON merge.merged_id = held.id AND merge.undone_at IS NULL AND merge.pair_id IS NOT NULL
    WHERE held.reference = file_rows.person_ref AND file_rows.merged_into = ''
"""
PARTED_HERE = """
    UPDATE file_rows SET merged_into = ''
    FROM cohorts_person held JOIN cohorts_merge merge ON merge.merged_id = held.id AND merge.undone_at IS NOT NULL
    JOIN cohorts_person kept ON kept.id = merge.kept_id
    WHERE held.merged_into_id IS NULL AND held.reference = file_rows.person_ref
    AND kept.reference = file_rows.merged_into
"""
MERGES = "SELECT line, person_ref, merged_into FROM file_rows WHERE merged_into NOT IN ('', person_ref) ORDER BY line"
MERGES_HELD = """
    SELECT held.reference, survivor.reference
    FROM cohorts_person held JOIN cohorts_person survivor ON survivor.id = held.merged_into_id
"""
IN_FILE = "SELECT person_ref FROM file_rows WHERE person_ref = ANY (%s)"
HELD = "SELECT reference FROM cohorts_person WHERE reference = ANY (%s)"


class Check(NamedTuple):
    """What would be wrong with a column, as a condition over file_records, and what is then said of it."""

    code: str
    column: str
    wrong: sql.Composable
    message: str


def check_header(file: BulkFile, names: list[str], errors: Errors) -> None:
    """Every column of the file is named once, in any order, and nothing else."""
    known = [column.name for column in file.columns]
    columns = f"The columns of {file.file_name} are {', '.join(known)}."
    for name in known:
        if name not in names:
            errors.add("MISSING_COLUMN", f"This column is missing. {columns}", column=name)
    for place, name in enumerate(names):
        if name not in known:
            errors.add("UNKNOWN_COLUMN", f"There is no such column. {columns}", column=name, value=name)
        elif name in names[:place]:
            errors.add("DUPLICATE_COLUMN", f"This column is named twice. {columns}", column=name, value=name)


def keep_what_was_decided(cursor: Any, file: BulkFile) -> None:
    """Make file_rows say of merges what people decided here, where they did."""
    if file.own_reference:
        cursor.execute(MERGED_HERE)
        cursor.execute(PARTED_HERE)


def read_records(cursor: Any, file: BulkFile, *, numbered: bool) -> None:
    """Make file_records from file_rows; not `numbered`, each row is taken for the only one of its key."""
    values = [_value(column, file) for column in file.columns if column.kind is not Kind.TEXT]
    named = [column for column in file.columns if column.refers_to and column is not file.own_reference]
    cursor.execute(
        RECORDS.format(
            values=sql.SQL("").join(sql.SQL(", ") + value for value in values),
            named_records=sql.SQL(" ").join(map(_named_record, named)),
            ordinal=NUMBERED.format(key=sql.SQL(", ").join(map(_ordered, file.key)))
            if numbered
            else sql.SQL("1::bigint"),
            table=sql.Identifier(file.model._meta.db_table),
            same_key=_same_key(file),
        )
    )


def _value(column: Column, file: BulkFile) -> sql.Composable:
    """The value of a column, read as its kind. Records of the same file have no id yet."""
    read = "NULL::bigint" if column is file.own_reference else READ_AS[column.kind]
    return sql.SQL(read + " AS {value}").format(
        text=sql.Identifier("file_rows", column.name),
        named=sql.Identifier(f"named_{column.name}"),
        value=sql.Identifier(column.value),
    )


def _named_record(column: Column) -> sql.Composable:
    """The record that a column names, by its reference."""
    table, reference = _table_of(column.refers_to)
    return sql.SQL("LEFT JOIN {table} {named} ON {named}.{reference} = file_rows.{text}").format(
        table=table, reference=reference, named=sql.Identifier(f"named_{column.name}"), text=sql.Identifier(column.name)
    )


def _table_of(model: type[models.Model] | None) -> tuple[sql.Identifier, sql.Identifier]:
    """The table of a model, and its column of references."""
    if model is None:
        raise TypeError("This column names no record.")
    return sql.Identifier(model._meta.db_table), sql.Identifier(file_of(model).key[0].attribute)


def _ordered(column: Column) -> sql.Composable:
    """A part of the key, to sort by: text by code point, which is the fastest and the same everywhere."""
    by_code_point = sql.SQL(' COLLATE "C"') if column.kind is Kind.TEXT else sql.SQL("")
    return sql.Identifier(column.value) + by_code_point


def _same_key(file: BulkFile) -> sql.Composable:
    pairs = [(column.attribute, column.value) for column in file.key]
    if file.key_may_repeat:
        pairs.append(("ordinal", "ordinal"))
    return sql.SQL(" AND ").join(
        sql.SQL("held.{} = numbered.{}").format(sql.Identifier(held), sql.Identifier(row)) for held, row in pairs
    )


def find_errors(cursor: Any, file: BulkFile, errors: Errors) -> None:
    """Add everything that is wrong with file_records to `errors`."""
    checks = [*_checks_of_key(file), *(check for column in file.columns for check in _checks_of(column, file))]
    checks += [Check(rule.code, rule.column, sql.SQL(rule.broken), rule.message) for rule in file.rules]
    cursor.execute(
        ERRORS.format(
            checks=sql.SQL(", ").join(
                sql.SQL("({}, {}, {})").format(sql.Literal(place), sql.Identifier(check.column), check.wrong)
                for place, check in enumerate(checks)
            ),
            any_wrong=sql.SQL(" OR ").join(check.wrong for check in checks),
        )
    )
    cursor.execute("SELECT place, count(*) FROM file_errors GROUP BY place")
    for place, count in cursor.fetchall():
        errors.counts[checks[place].code] += count
    cursor.execute("SELECT line, place, value FROM file_errors ORDER BY line, place LIMIT %s", [LISTED])
    for line, place, value in cursor.fetchall():
        check = checks[place]
        errors.keep(check.code, check.message, line=line, column=check.column, value=value)
    if file.own_reference:
        _find_wrong_merges(cursor, errors)


def _checks_of_key(file: BulkFile) -> Iterator[Check]:
    last = file.key[-1].name
    if file.own_reference and (gone := erased.references()):
        yield Check(
            "ERASED",
            last,
            sql.SQL("{} = ANY ({}::text[])").format(sql.Identifier(last), gone),
            "This record was erased, as the person asked, and no file brings it back. Take the row out, there where the"
            " file comes from too. If the person came to us anew, they have a record with another reference.",
        )
    if file.key_may_repeat:
        yield Check(
            "REPEATED_TOO_OFTEN",
            last,
            sql.SQL("ordinal > {}").format(MOST_OF_ONE_KEY),
            f"At most {MOST_OF_ONE_KEY} rows may be alike in {', '.join(column.name for column in file.key)}.",
        )
    else:
        yield Check(
            "DUPLICATE_REFERENCE",
            last,
            sql.SQL("ordinal > 1 AND {} <> ''").format(sql.Identifier(last)),
            "An earlier line has this reference too. Each record has a reference of its own.",
        )


def _checks_of(column: Column, file: BulkFile) -> Iterator[Check]:
    text, value = sql.Identifier(column.name), sql.Identifier(column.value)
    accepted = list(column.accepted.values()) if column.accepted else []

    def check(code: str, message: str, wrong: str) -> Check:
        made = sql.SQL(wrong).format(text=text, value=value, longest=column.longest, accepted=accepted)
        return Check(code, column.name, made, message)

    if column.required:
        yield check("REQUIRED", "This may not be empty.", "{text} = ''")
    unread = f"This is not {column.kind.value}."
    these = f"Accepted here: {', '.join(accepted)}."
    too_long = f"At most {column.longest} characters fit here."
    match column.kind:
        case Kind.TEXT if column.accepted:
            yield check(column.accepted.unknown, these, "{text} <> '' AND {text} <> ALL ({accepted}::text[])")
        case Kind.TEXT:
            yield check("TOO_LONG", too_long, "length({text}) > {longest}")
        case Kind.DATE:
            yield check("NOT_A_DATE", unread, "{text} <> '' AND {value} IS NULL")
        case Kind.INSTANT:
            yield check("NOT_AN_INSTANT", unread, "{text} <> '' AND {value} IS NULL")
        case Kind.BOOLEAN:
            yield check("NOT_TRUE_OR_FALSE", unread, "{text} NOT IN ('', 'true', 'false')")
        case Kind.CODES:
            yield check(
                "TOO_LONG",
                f"{too_long[:-1]} for each code.",
                "EXISTS (SELECT FROM unnest({value}) code WHERE length(code) > {longest})",
            )
            if column.accepted:
                yield check(column.accepted.unknown, these, "NOT {value} <@ {accepted}::varchar[]")
        case Kind.RECORD if column.refers_to and column is not file.own_reference:
            yield check("UNKNOWN_REFERENCE", _unknown(column), "{text} <> '' AND {value} IS NULL")


def _unknown(column: Column) -> str:
    if column.refers_to is None:
        raise TypeError("This column names no record.")
    kind, file = column.refers_to._meta.verbose_name, file_of(column.refers_to)
    return f"No {kind} on file has this reference. Load it with {file.file_name} first."


def _find_wrong_merges(cursor: Any, errors: Errors) -> None:
    """Every record is merged into one that exists, and following the merges ends at a record that is merged no more.

    The merges are held in memory: they are few, and a circle may run through records that the file does not name.
    """
    cursor.execute(MERGES)
    merges = cursor.fetchall()
    if not merges:
        return
    survivors = list({survivor for _, _, survivor in merges})
    there = _references(cursor, IN_FILE, survivors) | _references(cursor, HELD, survivors)
    for line, _, survivor in merges:
        if survivor not in there:
            errors.add(
                "UNKNOWN_REFERENCE",
                "No person has this reference, on file or in this file.",
                line=line,
                column="merged_into",
                value=survivor,
            )
    lines = {reference: line for line, reference, _ in merges}
    cursor.execute(MERGES_HELD)
    into = dict(cursor.fetchall())
    # What the file says of a record stands in place of what is held of it.
    for reference in _references(cursor, IN_FILE, list(into)):
        del into[reference]
    into |= {reference: survivor for _, reference, survivor in merges}
    for reference in _on_a_circle(into) & lines.keys():
        errors.add(
            "MERGED_IN_A_CIRCLE",
            "Following merged_into from this record leads back to it. One record of the circle is not merged.",
            line=lines[reference],
            column="merged_into",
            value=into[reference],
        )


def _references(cursor: Any, query: str, references: list[str]) -> set[str]:
    cursor.execute(query, [references])
    return {row[0] for row in cursor.fetchall()}


def _on_a_circle(into: dict[str, str]) -> set[str]:
    """The references from which following `into` leads back to them."""
    circles: set[str] = set()
    settled: set[str] = set()
    for start in into:
        path: dict[str, None] = {}
        at = start
        while at in into and at not in settled and at not in path:
            path[at] = None
            at = into[at]
        if at in path:
            walked = list(path)
            circles.update(walked[walked.index(at) :])
        settled.update(path)
    return circles
