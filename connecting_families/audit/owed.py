"""Owed: a transaction that changed a business table owes the trail an entry, and is not committed without one.

A trigger on each table, once a statement, notes the transaction; when it ends, the note is held against the entries of
that transaction (docs/decisions/0039). The notes belong to the owner of the tables: the site's role can neither make
nor unmake one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import connection, models

from connecting_families.audit.classified import CLASSIFIED, WITHIN_AN_ACT

NAME = "owes_an_entry"
NOTES = "audit_owed"
BODIES = {
    "audit_owe_an_entry": """
BEGIN
    INSERT INTO public.audit_owed (tx) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
""",
    "audit_settle": """
BEGIN
    -- In a new cluster transactions are counted anew: an entry that was restored may have the number of this one.
    IF NOT EXISTS (
        SELECT FROM public.audit_entry
        WHERE tx = NEW.tx AND recorded_at > transaction_timestamp() - interval '5 seconds'
    ) THEN
        RAISE EXCEPTION 'Records were changed, and the trail has no entry of it.' USING ERRCODE = 'restrict_violation';
    END IF;
    DELETE FROM public.audit_owed WHERE tx = NEW.tx;
    RETURN NULL;
END
""",
}
"""Of the functions, as audit's migrations 0006 and 0007 make them."""
DEFINED = (
    f"CREATE TRIGGER {NAME} AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.{{table}}"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_owe_an_entry()"
)
SETTLED = (
    f"CREATE CONSTRAINT TRIGGER settled AFTER INSERT ON public.{NOTES} DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION audit_settle()"
)

IN_PLACE = """
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND t.tgname = ANY(%s)
AND t.tgenabled IN ('O', 'A')
"""


class Trigger(NamedTuple):
    """A trigger as it must be in the database: its table, its name, and all that PostgreSQL says of it."""

    table: str
    name: str
    definition: str


def tables() -> list[str]:
    """The business tables: of every classified model, its relations, and what is written within acts alone."""
    return sorted({table for model in apps.get_models() for table in _of(model)})


def triggers() -> list[Trigger]:
    """What must be in place."""
    on_tables = [Trigger(table, NAME, DEFINED.format(table=table)) for table in tables()]
    return [*on_tables, Trigger(NOTES, "settled", SETTLED)]


def put_in_place() -> None:
    """Make the triggers that are missing, or other than they must be; for the role that owns the tables."""
    there = as_they_are()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        known = {table for (table,) in cursor.fetchall()}
        for trigger in triggers():
            if trigger.name == NAME and {trigger.table, NOTES} <= known and trigger not in there:
                cursor.execute(f"DROP TRIGGER IF EXISTS {NAME} ON {trigger.table}")
                cursor.execute(trigger.definition)


def as_they_are() -> set[Trigger]:
    """The triggers of these names in this database that are not switched off."""
    with connection.cursor() as cursor:
        cursor.execute(IN_PLACE, [[NAME, "settled"]])
        return {Trigger(*row) for row in cursor.fetchall()}


def _of(model: type[models.Model]) -> Iterator[str]:
    label = model._meta.label_lower
    if label in CLASSIFIED or label in WITHIN_AN_ACT:
        yield model._meta.db_table
        recordable, masked = CLASSIFIED.get(label, (frozenset(), frozenset()))
        for relation in model._meta.many_to_many:
            if relation.name in recordable | masked:
                yield relation.m2m_db_table()
