"""Whoever changes a business table owes the trail an entry: the database does not commit before it is there."""

from django.db import migrations

# Notes of a transaction, gone when it ends: there is nothing in it to log or to save.
TABLE = "CREATE UNLOGGED TABLE audit_owed (tx xid8 PRIMARY KEY)"
OWE = """
CREATE FUNCTION audit_owe_an_entry() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_owed (tx) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
SETTLE = """
CREATE FUNCTION audit_settle() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.audit_entry WHERE tx = NEW.tx) THEN
        RAISE EXCEPTION 'Records were changed, and the trail has no entry of it.' USING ERRCODE = 'restrict_violation';
    END IF;
    DELETE FROM public.audit_owed WHERE tx = NEW.tx;
    RETURN NULL;
END
$$
"""
SETTLED = """
CREATE CONSTRAINT TRIGGER settled AFTER INSERT ON audit_owed DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION audit_settle()
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_pages")]
    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE audit_owed"),
        migrations.RunSQL(OWE, "DROP FUNCTION audit_owe_an_entry()"),
        migrations.RunSQL(SETTLE, "DROP FUNCTION audit_settle()"),
        migrations.RunSQL(SETTLED, "DROP TRIGGER settled ON audit_owed"),
    ]
