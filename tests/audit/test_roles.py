"""What the site's own role may do in the database, and what each role of staff may do in the program."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from connecting_families.audit import defences
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.management.commands.migrate import ADDED_AND_READ
from connecting_families.staff import accounts
from connecting_families.staff.accounts import NotAdded
from connecting_families.staff.guards import NotPermitted, person_at_the_prompt
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission, permits, roles_permitting
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, RUN

CHANGES = ("UPDATE", "DELETE", "TRUNCATE")


def one(sql: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_the_site_does_not_connect_as_the_owner() -> None:
    assert one("SELECT current_user") != settings.DATABASE_OWNER["USER"]
    assert one("SELECT count(*) FROM pg_tables WHERE tableowner = current_user") == 0
    assert not one("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    assert not one("SELECT has_schema_privilege('public', 'CREATE')")


@pytest.mark.django_db
@pytest.mark.parametrize("table", ADDED_AND_READ)
def test_the_sites_role_adds_and_reads_what_is_frozen_and_may_not_change_it(table: str) -> None:
    for privilege in ("SELECT", "INSERT"):
        assert one("SELECT has_table_privilege(%s, %s)", table, privilege)
    for privilege in CHANGES:
        assert not one("SELECT has_table_privilege(%s, %s)", table, privilege)
    assert not one("SELECT has_any_column_privilege(%s, 'UPDATE')", table)


def test_every_table_that_is_frozen_as_a_whole_is_one_of_them() -> None:
    assert set(ADDED_AND_READ) == set(defences.frozen_tables())


@pytest.mark.django_db
def test_the_sites_role_empties_no_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
    assert len(tables) > 20
    assert [table for table in tables if one("SELECT has_table_privilege(%s, 'TRUNCATE')", table)] == []


def test_nobody_may_both_prepare_and_approve() -> None:
    for role in ROLES.values():
        assert not {Permission.PREPARE_SUBMISSIONS, Permission.APPROVE_SUBMISSIONS} <= role.permits
        assert not {Permission.PROPOSE_RULES, Permission.DECIDE_RULES} <= role.permits
        assert not {Permission.MANAGE_STAFF, Permission.SEE_TRAIL} <= role.permits


def test_whoever_is_in_early_help_sees_no_cohort_and_whoever_is_not_sees_no_family() -> None:
    families = {Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES, Permission.END_PROTECTION}
    families |= {Permission.REVIEW_FLAGS}
    for code, role in ROLES.items():
        others = role.permits - families - {Permission.FIND_FAMILIES}
        assert (not others) if code.startswith("early_help") else not role.permits & families


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_is_somebodys(permission: Permission) -> None:
    assert roles_permitting(permission)
    assert not permits("no such role", permission)


def test_who_gives_a_command_is_on_file_active_and_permitted(walk_to: WalkTo) -> None:
    walk_to("assemble")
    who = person_at_the_prompt("prepare", Permission.LOAD_FILES, RUN)
    assert (who.reference, who.role, who.user_id) == (
        "prepare", "data_preparer", User.objects.get(username="prepare").pk
    )  # fmt: skip
    before = Entry.objects.count()
    with pytest.raises(NotPermitted, match="Ask Data approver"):
        person_at_the_prompt("prepare", Permission.APPROVE_SUBMISSIONS, RUN)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.role) == ("ACCESS_REFUSED", "prepare", "data_preparer")
    assert entry.additional_data == {"reasons": ["NOT_PERMITTED"]}
    assert Entry.objects.count() == before + 1


def test_accounts_are_refused_for_every_reason_at_once(walk_to: WalkTo) -> None:
    walk_to("assemble")
    with pytest.raises(NotAdded) as refusal:
        accounts.add(username="prepare", role="king", password="prepare", by=duty("test"), at=RUN)
    assert set(refusal.value.codes) == {"NAME_IN_USE", "UNKNOWN_ROLE", "WEAK_PASSWORD"}
    assert User.objects.filter(username="prepare").count() == 1


def test_a_password_is_nowhere_in_the_trail(walk_to: WalkTo) -> None:
    walk_to("assemble")
    hashed = User.objects.get(username="prepare").password
    added = Entry.objects.get(event="STAFF_ADDED", reference="prepare")
    assert hashed not in str(added.__dict__)
    assert PASSWORD not in str(added.__dict__)
    (change,) = added.changes
    assert change["fields"]["password"][1] == "changed"
