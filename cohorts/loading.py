"""Loading: bulk files of the case system become records (spec/data.md, "Bulk files").

A file is one act: all of it is loaded, or nothing. Its rows go by COPY into a temporary table, are read and checked
there (checking.py), and become records by a few statements over the whole file. Two loads of one file queue.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, models, transaction
from psycopg import sql

from cohorts import brought, checking, reading, remembered
from cohorts.bulk_errors import BulkError, Errors
from cohorts.bulk_files import FILES, BulkFile, Column, Kind
from cohorts.load_report import Loaded, LoadReport
from connecting_families.audit import trail
from connecting_families.audit.classified import CLASSIFIED
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Who

# For this transaction alone: files are sorted in memory, and a date in a message reads as it does in a file.
SETTINGS = "SELECT set_config('work_mem', '128MB', true), set_config('datestyle', 'ISO', true)"
LANES = 2
# For a connection that loads one file: what is in temporary tables stays in memory, up to this.
ROOM = "SET temp_buffers = '192MB'"
BY_INDEX = "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
BY_ANY_PLAN = "SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)"
FORGET = "DROP TABLE IF EXISTS pg_temp.file_rows, pg_temp.file_records, pg_temp.file_errors"

COPY = sql.SQL("COPY file_rows (line, {columns}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL *, ENCODING 'UTF8')")
LOCK = sql.SQL("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
# The order of the lines is the order of the ids, which tells what was entered later.
CREATE = sql.SQL("""
    INSERT INTO {table} ({attributes}) SELECT {values} FROM file_records WHERE held_id IS NULL ORDER BY line
""")
NAME_OWN = sql.SQL("""
    UPDATE file_records SET {value} = named.id FROM {table} named WHERE {text} <> '' AND named.{reference} = {text}
""")
REFER_TO_OWN = sql.SQL("""
    UPDATE {table} held SET {attribute} = {value} FROM file_records
    WHERE held_id IS NULL AND {value} IS NOT NULL AND held.{reference} = {key}
""")
CHANGE = sql.SQL("UPDATE {table} held SET {changes} FROM file_records WHERE held.id = held_id AND {differs}")

# The merges that this file made.
MERGED = """
    INSERT INTO cohorts_merge (kept_id, merged_id, merged_at, merged_by, reason, undone_by, undo_reason)
    SELECT merged_into_id, id, %s, %s, 'A bulk file merged them.', '', '' FROM cohorts_person
    WHERE merged_into_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM cohorts_merge WHERE merged_id = cohorts_person.id AND undone_at IS NULL)
"""

# The columns are filled as trail.record fills them.
RECORD = sql.SQL("""
    INSERT INTO {entries} (
        event, action, content_type_id, object_pk, object_id, object_repr, record, reference, changes, changes_text,
        additional_data, actor_id, who, role, remote_addr, cid, timestamp, reason
    )
    SELECT
        {event}, {action}, {content_type}, id::text, id, reference, {record}, reference,
        jsonb_build_array(jsonb_build_object(
            'record', {record}::text, 'reference', reference, 'act', 'changed', 'fields', fields
        )), '',
        jsonb_build_object('file', {file}::text, 'line', line), {actor}::bigint, {who}, {role}, {address}::inet, {cid},
        {at}, ''
    FROM (
        SELECT line, held.id, concat_ws('/', {key}) AS reference,
            jsonb_strip_nulls(jsonb_build_object({fields})) AS fields
        FROM file_records JOIN {table} held ON held.id = held_id
        WHERE {differs}
    ) AS changed
    ORDER BY line
""")

# As django-auditlog writes a value: text, None for what is not known, instants in UTC.
AS_RECORDED = {
    Kind.TEXT: "{}::text",
    Kind.DATE: "coalesce({}::text, 'None')",
    Kind.INSTANT: "coalesce(({} AT TIME ZONE 'UTC')::text, 'None')",
    Kind.BOOLEAN: "initcap({}::text)",
    Kind.CODES: "array_to_string({}, ';')",
    Kind.RECORD: "coalesce({}::text, 'None')",
}


class NothingToLoad(Exception):
    """There is no such directory, or no bulk file in it."""


class _Wrong(Exception):
    """The file has errors: the act is rolled back, and the report tells them."""


Outcome = Loaded | list[BulkError]
Written = tuple[Loaded, list[brought.Kept]]
"""What became of a file, and what of it is kept outside the database."""


def load_directory(directory: Path, *, by: Who, at: datetime, dry_run: bool = False) -> LoadReport:
    """Load the bulk files of a directory, each after those that it refers to. A file with an error is refused whole.

    Records that a file does not name stay as they are. A dry run does the same work and takes all of it back. Raises
    NothingToLoad where there is none.
    """
    if not directory.is_dir():
        raise NothingToLoad(f"There is no directory {directory}.")
    report = LoadReport()
    with ExitStack() as opened:
        found = reading.found_in(directory, opened)
        if not found.sources and not found.unreadable:
            names = ", ".join(file.file_name for file in FILES)
            raise NothingToLoad(f"There is no bulk file in {directory}. Their names are {names}, or a workbook's.")
        if dry_run:
            opened.enter_context(transaction.atomic())
            opened.enter_context(trail.tried())
        for errors in found.unreadable:
            _refuse("workbook", errors, by=by, at=at)
            report.errors += errors.listed()
        for source, outcome in zip(found.sources, _load_all(found.sources, by=by, at=at), strict=True):
            if isinstance(outcome, Loaded):
                report.loaded[source.name] = outcome
            else:
                report.errors += outcome
        if dry_run:
            transaction.set_rollback(True)
    return report


def _load_all(sources: list[reading.Source], *, by: Who, at: datetime) -> list[Outcome]:
    """Load these files, some at a time, each on its own connection; each waits for those whose records it names.

    Inside a transaction (a dry run), and where there are workbooks, which one reader reads, it is one after another.
    """
    if connection.in_atomic_block or any(source.sheet is not None for source in sources):
        return [_load(source, [], by=by, at=at) for source in sources]
    begun: dict[type[models.Model], Future[Outcome]] = {}

    def load_in_lane(source: reading.Source, named: list[Future[Outcome]]) -> Outcome:
        try:
            with connection.cursor() as cursor:
                cursor.execute(ROOM)
            return _load(source, named, by=by, at=at)
        finally:
            connection.close()

    with ThreadPoolExecutor(LANES, "load") as lanes:
        for source in sources:
            named = [begun[model] for model in source.file.names if model in begun]
            begun[source.file.model] = lanes.submit(copy_context().run, load_in_lane, source, named)
    return [future.result() for future in begun.values()]


def _load(source: reading.Source, named: list[Future[Outcome]], *, by: Who, at: datetime) -> Outcome:
    """Load one file, or refuse it: one act. What became of it: the counts, or its errors.

    `named` are the loads under way of files whose records this one names.
    """
    file, errors = source.file, Errors(source.name)
    with closing(source.reader(errors)) as reader:
        try:
            with trail.act(by, at), connection.cursor() as cursor:
                _copy_rows(cursor, file, reader, errors)
                wait(named)
                loaded, kept = _load_rows(cursor, file, errors, by=by, at=at)
                details = loaded.noted() | {"sha256": reader.sha256()}
                entry = trail.record(
                    Event.FILE_LOADED, who=by, at=at, record="file", reference=file.file_name, details=details
                )
                for event, facts in kept:
                    trail.keep_outside(event, entry, facts)
        except _Wrong:
            _refuse(file.file_name, errors, by=by, at=at, sha256=reader.sha256())
            return errors.listed()
    return loaded


def _refuse(reference: str, errors: Errors, *, by: Who, at: datetime, sha256: str = "") -> None:
    """Record that a file was refused, by the codes alone: the values are personal data."""
    with trail.act(by, at):
        details = {"errors": dict(errors.counts), "sha256": sha256}
        trail.record(Event.FILE_REFUSED, who=by, at=at, record="file", reference=reference, details=details)


def _load_rows(cursor: Any, file: BulkFile, errors: Errors, *, by: Who, at: datetime) -> Written:
    """From the rows of a file to records. Raises _Wrong where anything is wrong.

    In nearly every file each row has a key of its own. To find that out takes a sort of all rows, so it is tried: what
    is amiss then is taken back, and the rows are numbered and looked at again.
    """
    # Whoever else loads or edits these records waits for this act: what is compared now is what is changed.
    cursor.execute(LOCK.format(table=_table(file)))
    checking.keep_what_was_decided(cursor, file)
    if not errors:
        with suppress(_Wrong, IntegrityError), transaction.atomic():
            return _write(cursor, file, Errors(file.file_name), numbered=False, by=by, at=at)
    return _write(cursor, file, errors, numbered=True, by=by, at=at)


def _write(cursor: Any, file: BulkFile, errors: Errors, *, numbered: bool, by: Who, at: datetime) -> Written:
    checking.read_records(cursor, file, numbered=numbered)
    checking.find_errors(cursor, file, errors)
    if errors:
        raise _Wrong
    kept = brought.by_file(cursor, file, _differs(file))
    created, again = _create(cursor, file), list[int]()
    cursor.execute("SELECT count(held_id), count(DISTINCT held_id) FROM file_records")
    held, different = cursor.fetchone()
    if held != different:
        raise _Wrong
    changed = record_changes_of_file(cursor, file, who=by, at=at) if held else 0
    if changed:
        _change(cursor, file)
    if file.own_reference:
        cursor.execute(MERGED, [at, by.reference])
        # Whoever was erased and is on file again: what they objected to stands from this transaction on.
        again = remembered.stand_again_of_file(at)
    return Loaded(created, changed, held - changed, again), kept


def _copy_rows(cursor: Any, file: BulkFile, reader: reading.Reader, errors: Errors) -> None:
    """The text of the file into file_rows. Raises _Wrong where its header is wrong."""
    cursor.execute(SETTINGS)
    cursor.execute(FORGET)
    names = reader.header()
    if names:
        checking.check_header(file, names, errors)
    if errors:
        raise _Wrong
    columns = [sql.Identifier(name) for name in names]
    texts = _listed(column + sql.SQL(" text") for column in columns)
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE file_rows (line bigint, {}) ON COMMIT DROP").format(texts))
    with cursor.copy(COPY.format(columns=_listed(columns))) as copy:
        for piece in reader.rows():
            copy.write(piece)


def _create(cursor: Any, file: BulkFile) -> int:
    """Add the records that are not on file; returns how many."""
    pairs = [(column.attribute, column.value) for column in file.columns if column is not file.own_reference]
    if file.key_may_repeat:
        pairs.append(("ordinal", "ordinal"))
    attributes, values = zip(*pairs, strict=True)
    cursor.execute(
        CREATE.format(
            table=_table(file),
            attributes=_listed(map(sql.Identifier, attributes)),
            values=_listed(map(sql.Identifier, values)),
        )
    )
    created: int = cursor.rowcount
    if file.own_reference:
        _refer_to_own(cursor, file, file.own_reference)
    return created


def _refer_to_own(cursor: Any, file: BulkFile, column: Column) -> None:
    """Every record of the file has an id now: put those that they name into the rows, and into the new records."""
    names = {
        "table": _table(file),
        "reference": sql.Identifier(file.key[0].attribute),
        "key": sql.Identifier(file.key[0].name),
        "text": sql.Identifier(column.name),
        "value": sql.Identifier(column.value),
        "attribute": sql.Identifier(column.attribute),
    }
    # They are few, which the planner of a new table cannot know: they are looked up one by one.
    cursor.execute(BY_INDEX)
    cursor.execute(NAME_OWN.format(**names))
    cursor.execute(REFER_TO_OWN.format(**names))
    cursor.execute(BY_ANY_PLAN)


def record_changes_of_file(cursor: Any, file: BulkFile, *, who: Who, at: datetime) -> int:
    """Write one entry of the trail for each record that differs from its row, before it is changed.

    Identifiers are named as changed, without what they were. Returns how many records differ.
    """
    cursor.execute(
        RECORD.format(
            entries=sql.Identifier(Entry._meta.db_table),
            event=Event.RECORD_CHANGED_BY_FILE.name,
            action=int(Entry.Action.UPDATE),
            content_type=ContentType.objects.get_for_model(file.model).pk,
            record=file.label,
            file=file.file_name,
            actor=who.user_id,
            who=who.reference,
            role=who.role,
            address=who.address,
            cid=trail.correlation(),
            at=at,
            key=_listed(sql.Identifier("held", column.attribute) for column in file.key),
            fields=_listed(_recorded(column, file) for column in _changeable(file)),
            table=_table(file),
            differs=_differs(file),
        )
    )
    changed: int = cursor.rowcount
    return changed


def _recorded(column: Column, file: BulkFile) -> sql.Composable:
    """The name of a field with what it was and became; nothing where it stays as it was."""
    held, read = _held_and_read(column)
    if column.field in CLASSIFIED[file.label][1]:
        was = became = sql.SQL("{}::text").format(trail.masked(""))
    else:
        was, became = (sql.SQL(AS_RECORDED[column.kind]).format(value) for value in (held, read))
    return sql.SQL("{}::text, CASE WHEN {} IS DISTINCT FROM {} THEN jsonb_build_array({}, {}) END").format(
        column.field, held, read, was, became
    )


def _change(cursor: Any, file: BulkFile) -> None:
    """Make the records that differ as the file has them; what is empty there is unknown."""
    changes = _listed(
        sql.SQL("{} = {}").format(sql.Identifier(column.attribute), _held_and_read(column)[1])
        for column in _changeable(file)
    )
    cursor.execute(CHANGE.format(table=_table(file), changes=changes, differs=_differs(file)))


def _changeable(file: BulkFile) -> list[Column]:
    """What a file can change of a record: everything but the key."""
    return [column for column in file.columns if column not in file.key]


def _differs(file: BulkFile) -> sql.Composable:
    """Where the row and the record `held` are not alike."""
    pairs = [_held_and_read(column) for column in _changeable(file)]
    return sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(
        _listed(held for held, _ in pairs), _listed(read for _, read in pairs)
    )


def _held_and_read(column: Column) -> tuple[sql.Identifier, sql.Identifier]:
    """A value of the record on file, and the one of the file."""
    return sql.Identifier("held", column.attribute), sql.Identifier("file_records", column.value)


def _table(file: BulkFile) -> sql.Identifier:
    return sql.Identifier(file.model._meta.db_table)


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
