"""Whether what keeps the trail from being changed is in place: the triggers, and the rights of the site's role."""

from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection, models

from connecting_families.audit import owed
from connecting_families.audit.frozen import Refusal
from connecting_families.audit.refusals import Why

TRIGGERS = """
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled IN ('O', 'A'), btrim(p.prosrc, E' \\n\\t')
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
"""
# What would keep rows away from whoever adds or reads them.
DIVERTED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND (relrowsecurity OR relhasrules)
"""
SWITCHED_OFF = """
SELECT current_setting('session_replication_role') <> 'origin'
OR EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) one WHERE one LIKE 'session_replication_role=%')
"""
RIGHTS = """
SELECT relname, one FROM pg_class, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) one
WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND has_table_privilege(oid, one)
ORDER BY 1, 2
"""
OWNS = """
SELECT EXISTS (SELECT FROM pg_class WHERE relname = ANY(%s) AND pg_has_role(relowner, 'USAGE'))
OR EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole))
"""


def faults() -> list[Why]:
    """What is not in place, in this database and of the role that is connected; nothing where all is."""
    return [*_triggers(), *_owed(), *_roles()]


def frozen_tables() -> list[str]:
    """The tables whose rows are added and read, and never changed."""
    return [
        model._meta.db_table for model, trigger in _refusals() if trigger.name == "frozen" and trigger.condition is None
    ]


def _triggers() -> list[Why]:
    there = {(table, name): rest for table, name, *rest in _rows(TRIGGERS)}
    found, expected = [], {(trigger.table, trigger.name) for trigger in owed.triggers()}
    for model, trigger in _refusals():
        key = model._meta.db_table, _name(model, trigger)
        expected.add(key)
        if key not in there:
            found.append(Why("TRIGGER_GONE", f"The trigger {trigger.name} of {key[0]} is gone."))
            continue
        definition, enabled, body = there[key]
        if not enabled:
            found.append(Why("TRIGGER_DISABLED", f"The trigger {trigger.name} of {key[0]} is switched off."))
        if body != trigger.body.strip() or not _refuses(definition, model, trigger):
            found.append(Why("TRIGGER_CHANGED", f"The trigger {trigger.name} of {key[0]} is not as it was made."))
    for table, name in sorted(there.keys() - expected):
        if table.startswith("audit_"):
            found.append(Why("TRIGGER_UNKNOWN", f"{table} has a trigger that this program did not make: {name}."))
    for (table,) in _rows(DIVERTED, [frozen_tables()]):
        found.append(Why("TABLE_DIVERTED", f"A rule, or a policy for rows, stands before {table}."))
    if _rows(SWITCHED_OFF)[0][0]:
        found.append(Why("TRIGGERS_SWITCHED_OFF", "A setting of the database switches triggers off."))
    return found


def _owed() -> list[Why]:
    """What would let a change be committed of which the trail has no entry."""
    there = owed.as_they_are()
    found = [
        Why("OWED_GONE", f"{it.table} can be changed without an entry: its trigger {it.name} is gone, off, or another.")
        for it in owed.triggers()
        if it not in there
    ]
    bodies = dict(
        _rows("SELECT proname, btrim(prosrc, E' \\n\\t') FROM pg_proc WHERE proname = ANY(%s)", [[*owed.BODIES]])
    )
    for name, body in owed.BODIES.items():
        if bodies.get(name) != body.strip():
            found.append(Why("OWED_CHANGED", f"The function {name}, which asks for an entry, is not as it was made."))
    if _rows("SELECT has_table_privilege(%s, 'INSERT, UPDATE, DELETE, TRUNCATE')", [owed.NOTES])[0][0]:
        found.append(
            Why("RIGHTS", f"The role of the site may change {owed.NOTES}: run migrate, which takes that away.")
        )
    return found


def _refusals() -> list[tuple[type[models.Model], Refusal]]:
    return [
        (model, trigger)
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", ())
        if isinstance(trigger, Refusal)
    ]


def _name(model: type[models.Model], trigger: Refusal) -> str:
    """In the database."""
    return str(trigger.get_pgid(model))  # type: ignore[arg-type]  # it takes the class


def _refuses(definition: str, model: type[models.Model], trigger: Refusal) -> bool:
    """Whether the trigger says in the database what it says here."""
    whole = trigger.level == pgtrigger.Statement
    operation = "TRUNCATE" if whole else "DELETE OR UPDATE"
    name, table = _name(model, trigger), model._meta.db_table
    head = f"CREATE TRIGGER {name} BEFORE {operation} ON public.{table} FOR EACH {'STATEMENT' if whole else 'ROW'} "
    tail = f"EXECUTE FUNCTION {trigger.render_execute(model)}"  # type: ignore[arg-type]  # it takes the class
    if trigger.condition is None:
        return definition == head + tail
    condition = definition.removeprefix(f"{head}WHEN ").removesuffix(f" {tail}")
    return definition == f"{head}WHEN {condition} {tail}" and condition.lstrip("(").startswith("old.")


def _roles() -> list[Why]:
    found = [
        Why("RIGHTS", f"The role of the site may {right} {table}: run migrate, which takes that away.")
        for table, right in _rows(RIGHTS, [frozen_tables()])
    ]
    if _rows(OWNS, [frozen_tables()])[0][0]:
        found.append(Why("OWNER", "The site is connected as the owner of the trail. DATABASE_URL names another role."))
    return found


def _rows(statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
