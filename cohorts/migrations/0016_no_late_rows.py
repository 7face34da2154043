"""A finished cohort gets no decision and no finding more: what its digest counts is what was there when it was taken."""

from django.db import migrations

LATE = """
CREATE FUNCTION cohorts_refuse_late_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The schema is named: no other table may stand in.
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT cohort_id FROM added) one JOIN public.cohorts_cohort c ON c.id = one.cohort_id
        WHERE c.state = 'FINISHED'
    ) THEN
        RAISE EXCEPTION 'A finished cohort is never added to.' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$
"""


def _on(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER no_late_rows AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION cohorts_refuse_late_rows()",
        f"DROP TRIGGER no_late_rows ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0015_replays")]
    operations = [
        migrations.RunSQL(LATE, "DROP FUNCTION cohorts_refuse_late_rows()"),
        _on("cohorts_decision"),
        _on("cohorts_finding"),
    ]
