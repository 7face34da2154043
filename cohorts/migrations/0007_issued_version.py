"""A version of the notice that was given to anybody stays as it is; and references drawn by the program itself."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION cohorts_refuse_change_of_issued_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever gives it to somebody at this moment waits, or is waited for.
    LOCK TABLE cohorts_notice, cohorts_consent IN SHARE MODE;
    IF EXISTS (SELECT FROM cohorts_notice WHERE version_id = OLD.id)
        OR EXISTS (SELECT FROM cohorts_consent WHERE version_id = OLD.id) THEN
        RAISE EXCEPTION 'A version of the notice that was given to people is never changed.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0006_upload")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION cohorts_refuse_change_of_issued_version()"),
        migrations.RunSQL("CREATE SEQUENCE cohorts_own_reference", "DROP SEQUENCE cohorts_own_reference"),
    ]
