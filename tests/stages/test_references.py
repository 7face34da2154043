"""The database holds every reference between records, a statement at a time (docs/decisions/0009)."""

import threading
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction

from tests.beside import ENTRY
from tests.conftest import address_of
from tests.stages.bulk import everything, load

NAMING = [
    (model._meta.db_table, field.column, field.related_model._meta.db_table)
    for model in apps.get_app_config("cohorts").get_models()
    for field in model._meta.get_fields()
    if isinstance(field, models.ForeignKey)
    and not field.db_constraint  # type: ignore[attr-defined]
    # Rows of a cohort are added with it and never removed; it is frozen.
    and field.name != "cohort"
]


def execute(statement: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        count: int = cursor.rowcount
        return count


@pytest.fixture
def records(db: None, tmp_path: Path) -> None:
    files = everything()
    files["notices"].append({"notice_ref": "N2", "version": "PN1", "person_ref": "P1", "issued_on": "2026-01-10"})
    files["objections"].append({"objection_ref": "O3", "family_ref": "F1", "received_at": "2026-05-01T10:00:00Z"})
    assert not load(tmp_path, files).errors


@pytest.mark.django_db
def test_every_foreign_key_without_a_constraint_is_held_by_a_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT tgrelid::regclass::text, tgname, array_remove(string_to_array(encode(tgargs, 'escape'), '\\000'), '')
            FROM pg_trigger WHERE tgname IN ('names_records_insert', 'names_records_update', 'is_named')
        """)
        held: dict[str, set[tuple[str, str, str]]] = {}
        for table, trigger, arguments in cursor.fetchall():
            for first, second in zip(arguments[::2], arguments[1::2], strict=True):
                link = (first, second, table) if trigger == "is_named" else (table, first, second)
                held.setdefault(trigger, set()).add(link)
    assert len(NAMING) == 15
    assert set(held) == {"names_records_insert", "names_records_update", "is_named"}
    assert all(links == set(NAMING) for links in held.values())


@pytest.mark.parametrize(("table", "column", "named"), NAMING)
def test_a_record_that_is_not_there_cannot_be_named(records: None, table: str, column: str, named: str) -> None:
    with pytest.raises(DatabaseError, match=rf"{table}\.{column} names a row that is not in {named}"):
        execute(f"UPDATE {table} SET {column} = 987654321 + id WHERE {column} IS NOT NULL")
    assert execute(f"UPDATE {table} SET {column} = {column}") > 0


def test_a_new_record_cannot_name_one_that_is_not_there(records: None) -> None:
    with pytest.raises(DatabaseError, match="names a row that is not in cohorts_family"):
        execute(
            "INSERT INTO cohorts_engagement (family_id, started_on, intervention, ordinal)"
            " SELECT id + unnest('{0, 987654321}'::bigint[]), '2026-01-01', '', 2 FROM cohorts_family"
        )


def test_a_record_that_is_named_cannot_be_deleted(records: None) -> None:
    with pytest.raises(DatabaseError, match="A row of cohorts_person is named in"):
        execute("DELETE FROM cohorts_person WHERE reference = 'P1'")
    execute("INSERT INTO cohorts_family (reference, team, flagged_by) VALUES ('F9', '', '')")
    assert execute("DELETE FROM cohorts_family WHERE reference = 'F9'") == 1


def test_the_id_of_a_record_never_changes(records: None) -> None:
    with pytest.raises(DatabaseError, match="The id of a record is never changed"):
        execute("UPDATE cohorts_family SET id = id + 1000")


def test_records_are_written_only_where_what_others_commit_is_seen(committed: str) -> None:
    with psycopg.connect(address_of(committed, settings.DATABASE_OWNER)) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="READ COMMITTED"):
            other.execute("INSERT INTO cohorts_engagement (family_id, started_on, intervention, ordinal)"
                          " VALUES (1, '2026-01-01', '', 1)")  # fmt: skip


def test_a_record_named_while_it_is_being_deleted_stays(committed: str, tmp_path: Path) -> None:
    """Whoever deletes waits for whoever names, and is refused then."""
    address = address_of(committed, settings.DATABASE_OWNER)
    refused: list[str] = []

    def delete() -> None:
        with psycopg.connect(address) as deleter:
            try:
                deleter.execute("DELETE FROM cohorts_family WHERE reference = 'F2'")
            except psycopg.errors.ForeignKeyViolation as error:
                refused.append(str(error))

    assert not load(tmp_path, everything()).errors
    with psycopg.connect(address) as namer:
        namer.execute(ENTRY)
        namer.execute("INSERT INTO cohorts_engagement (family_id, started_on, intervention, ordinal)"
                      " SELECT id, '2026-01-01', '', 1 FROM cohorts_family WHERE reference = 'F2'")  # fmt: skip
        deleting = threading.Thread(target=delete)
        deleting.start()
        with psycopg.connect(address, autocommit=True) as watcher:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cohorts_engagement'::regclass"
            while watcher.execute(waits).fetchone() == (0,):
                assert deleting.is_alive()
    deleting.join()
    assert refused
    assert "is named in cohorts_engagement.family_id" in refused[0]


def test_whoever_names_a_record_that_is_being_deleted_is_refused(committed: str) -> None:
    address = address_of(committed, settings.DATABASE_OWNER)
    refused: list[str] = []
    name = ("INSERT INTO cohorts_engagement (family_id, started_on, intervention, ordinal)"
            " VALUES (%s, '2026-01-01', '', 1)")  # fmt: skip

    def insert(key: int) -> None:
        with psycopg.connect(address) as namer:
            try:
                namer.execute(name, [key])
            except psycopg.errors.ForeignKeyViolation as error:
                refused.append(str(error))

    with psycopg.connect(address) as deleter:
        added = "INSERT INTO cohorts_family (reference, team, flagged_by) VALUES ('F9', '', '') RETURNING id"
        deleter.execute(ENTRY)
        row = deleter.execute(added).fetchone()
        assert row
        deleter.commit()
        deleter.execute(ENTRY)
        deleter.execute("DELETE FROM cohorts_family WHERE id = %s", row)
        naming = threading.Thread(target=insert, args=row)
        naming.start()
        with psycopg.connect(address, autocommit=True) as watcher:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cohorts_engagement'::regclass"
            while watcher.execute(waits).fetchone() == (0,):
                assert naming.is_alive()
    naming.join()
    assert refused
    assert "names a row that is not in cohorts_family" in refused[0]
