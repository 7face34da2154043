"""What is written once stays: the database refuses to change it, whoever asks and however."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
import psycopg
import pytest
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import ProtectedError

from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.models import Entry
from connecting_families.staff.models import User
from tests.conftest import address_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN

FROZEN = {
    "audit_entry": "An entry of the trail",
    "cohorts_decision": "A decision",
    "cohorts_finding": "A finding",
    "cohorts_cohort": "A finished cohort",
    "cohorts_frameworkinuse": "What the register says of a framework in use",
}
COLUMN = {"audit_entry": "who", "cohorts_decision": "reasons", "cohorts_finding": "value", "cohorts_cohort": "digest",
          "cohorts_frameworkinuse": "version"}  # fmt: skip
WAYS = {
    "changed": "UPDATE {table} SET {column} = 'x'",
    "changed to what it is": "UPDATE {table} SET {column} = {column}",
    "deleted": "DELETE FROM {table}",
    "emptied": "TRUNCATE {table} CASCADE",
    "replaced": "MERGE INTO {table} held USING {table} same ON held.{column} = same.{column} WHEN MATCHED THEN DELETE",
}
IGNORE = "SELECT set_config('pgtrigger.ignore', '{public.%(table)s:frozen,public.%(table)s:never_emptied}', false)"


@pytest.fixture
def owner(walk_to: WalkTo) -> "Iterator[psycopg.Connection[Any]]":
    """A connection as the role that owns the tables, on a database with a finished cohort."""
    walk_to("assemble")
    with psycopg.connect(
        address_of(connection.settings_dict["NAME"], settings.DATABASE_OWNER), autocommit=True
    ) as connected:
        yield connected


def rows(server: "psycopg.Connection[Any]", table: str) -> Any:
    return server.execute(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t").fetchone()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("table", FROZEN)
def test_nobody_changes_it_not_even_the_owner(owner: "psycopg.Connection[Any]", table: str, way: str) -> None:
    before = rows(owner, table)
    assert before[0] > 0
    statement = WAYS[way].format(table=table, column=COLUMN[table])
    for ignoring in (False, True):
        if ignoring:
            owner.execute(IGNORE % {"table": table})
        with pytest.raises(psycopg.errors.RestrictViolation, match="is never changed"):
            owner.execute(statement)
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert rows(owner, table) == before


@pytest.mark.parametrize(("table", "what"), FROZEN.items())
def test_the_refusal_says_what_is_never_changed(owner: "psycopg.Connection[Any]", table: str, what: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match=f"{what} is never changed"):
        owner.execute(f"DELETE FROM {table}")


def test_the_programs_own_way_to_ignore_triggers_does_not_help(walk_to: WalkTo) -> None:
    walk_to("assemble")
    cohort = Cohort.objects.get()
    cohort.digest = "0" * 64
    with (
        pytest.raises(Error, match="A finished cohort is never changed"),
        pgtrigger.ignore("cohorts.Cohort:frozen"),
        trail.act(),
    ):
        cohort.save()
    with pytest.raises(Error), pgtrigger.ignore(), transaction.atomic():
        Entry.objects.update(who="nobody")


def test_a_cohort_that_is_not_finished_can_still_be(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert walk.assemble(walk.cohort.round).state == Cohort.FINISHED


def test_an_entry_is_not_lost_with_who_made_it(walk_to: WalkTo) -> None:
    walk_to("draft")
    user = User.objects.get(username="govern")
    assert Entry.objects.filter(actor=user).exists()
    before = Entry.objects.count()
    with pytest.raises(ProtectedError), trail.act():
        user.delete()
    with pytest.raises(Error, match="violates foreign key"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM staff_user WHERE id = %s", [user.pk])
    assert Entry.objects.count() == before


def test_an_entry_without_anybody_is_refused_by_the_database_too(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with pytest.raises(Error, match="entry_says_who"), transaction.atomic():
        Entry(event="SIGNED_IN", action=0, who="", timestamp=RUN, object_pk="", object_repr="").save(force_insert=True)
