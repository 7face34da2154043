"""The database refuses to commit a change of which the trail has no entry: for every table, whoever writes, however."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from connecting_families.audit import defences, owed
from connecting_families.audit.classified import CLASSIFIED
from tests.audit.test_classified import APART
from tests.conftest import address_of
from tests.stages.conftest import WalkTo

NO_ENTRY = "the trail has no entry of it"
# Of what is kept apart from the change capture: the tables in which a transaction may write without an entry, and why.
WITHOUT_AN_ENTRY = {
    "staff.keptform": "What somebody typed, encrypted, for an hour.",
    "cohorts.decision": "Added by a run alone, whose end is an entry with the digest over them; then by nobody.",
    "cohorts.finding": "As a decision.",
    "cohorts.run": "Notes of a run while it goes on.",
    "cohorts.shard": "Notes of a run while it goes on.",
}


@pytest.fixture(scope="module")
def names(django_db_setup: str) -> list[str]:
    return owed.tables()


@pytest.fixture
def servers(walk_to: WalkTo) -> "Iterator[dict[str, psycopg.Connection[Any]]]":
    """Connections that go around the program: as the owner of the tables, and as the site's own role."""
    walk_to("deliver")
    roles = {"owner": settings.DATABASE_OWNER, "site": connection.settings_dict}
    name = connection.settings_dict["NAME"]
    opened = {role: psycopg.connect(address_of(name, values)) for role, values in roles.items()}
    yield opened
    for server in opened.values():
        server.close()


def attempts(table: str, column: str) -> dict[str, str]:
    return {
        "changed": f"UPDATE {table} SET {column} = {column}",
        "deleted": f"DELETE FROM {table} WHERE ctid = (SELECT min(ctid) FROM {table})",
        "added": f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0",
        "emptied": f"TRUNCATE {table} CASCADE",
    }


def committed(server: "psycopg.Connection[Any]", *statements: str) -> None:
    for statement in statements:
        server.execute(statement)
    server.commit()


def test_no_table_is_changed_around_the_program(servers: dict[str, Any]) -> None:
    """Whatever else refuses it earlier (keys, rights, what is frozen), nothing of it is committed."""
    held = 0
    for role, server in servers.items():
        for table in owed.tables():
            (column,) = server.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1", [table]
            ).fetchone()
            for what, statement in attempts(table, column).items():
                with pytest.raises(psycopg.Error) as refused:
                    committed(server, statement)
                server.rollback()
                if isinstance(refused.value, psycopg.errors.RestrictViolation) and NO_ENTRY in str(refused.value):
                    held += 1
                else:
                    assert what != "added" or role == "site", (role, table, what, refused.value)
    # An empty statement reaches the end of the transaction everywhere.
    assert held >= len(owed.tables()) * 3


def test_with_an_entry_it_is_and_only_with_one_of_the_same_transaction(servers: dict[str, Any]) -> None:
    server = servers["site"]
    names = "event, action, record, reference, who, role, reason, timestamp, object_pk, object_repr, changes_text"
    entry = f"INSERT INTO audit_entry ({names}) SELECT {names} FROM audit_entry LIMIT 1"
    change = "UPDATE cohorts_family SET team = 'South' WHERE reference = 'F1'"
    server.execute(entry)
    server.commit()
    with pytest.raises(psycopg.errors.RestrictViolation, match=NO_ENTRY):
        committed(server, change)
    # Rolled back to a savepoint, the entry is gone, and the change before it is not.
    with pytest.raises(psycopg.errors.RestrictViolation, match=NO_ENTRY):
        committed(server, change, "SAVEPOINT here", entry, "ROLLBACK TO here")
    committed(server, change, entry)
    assert servers["owner"].execute("SELECT team FROM cohorts_family WHERE reference = 'F1'").fetchone() == ("South",)
    assert servers["owner"].execute(f"SELECT count(*) FROM {owed.NOTES}").fetchone() == (0,)


def test_the_sites_role_cannot_take_the_note_away(servers: dict[str, Any]) -> None:
    server = servers["site"]
    for statement in (
        f"DELETE FROM {owed.NOTES}",
        f"INSERT INTO {owed.NOTES} VALUES ('1')",
        f"ALTER TABLE {owed.NOTES} DISABLE TRIGGER settled",
        "SET session_replication_role = replica",
        "ALTER TABLE cohorts_family DISABLE TRIGGER owes_an_entry",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(statement)
        server.rollback()


def test_a_finished_cohort_is_not_added_to(servers: dict[str, Any]) -> None:
    for server in servers.values():
        for table in ("cohorts_decision", "cohorts_finding"):
            every = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attname <> 'id'"
            columns = [f'"{name}"' for (name,) in server.execute(every, [table])]
            values = ["'Z' || family_ref" if name == '"family_ref"' else name for name in columns]
            assert server.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,)
            with pytest.raises(psycopg.errors.RestrictViolation, match="A finished cohort is never added to"):
                server.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}")
            server.rollback()


def test_every_model_owes_an_entry_or_says_why_not(names: list[str]) -> None:
    for model in apps.get_models():
        label = model._meta.label_lower
        if label in CLASSIFIED or label in APART:
            assert (model._meta.db_table in names) != (label in WITHOUT_AN_ENTRY), label
    assert WITHOUT_AN_ENTRY.keys() <= APART.keys()
    assert "cohorts_objection_narrowed_to" in names


def test_it_is_said_where_that_is_not_in_place(servers: dict[str, Any]) -> None:
    assert defences.faults() == []
    owner = servers["owner"]
    for statement, code in (
        ("ALTER TABLE cohorts_family DISABLE TRIGGER owes_an_entry", "OWED_GONE"),
        ("DROP TRIGGER owes_an_entry ON cohorts_objection", "OWED_GONE"),
        ("DROP TRIGGER settled ON audit_owed", "OWED_GONE"),
        ("CREATE OR REPLACE FUNCTION audit_settle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
         "OWED_CHANGED"),
    ):  # fmt: skip
        owner.execute(statement)
        owner.commit()
        assert code in {why.code for why in defences.faults()}, statement
