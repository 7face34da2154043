"""The function behind every trigger that refuses a change (audit/frozen.py)."""

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION refuse_change()")]
