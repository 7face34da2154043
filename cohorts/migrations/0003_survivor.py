"""A view of who counts as whom: every merged record with the record at the end of its chain (spec/rules.md)."""

from django.db import migrations

CREATE = """
CREATE VIEW cohorts_survivor AS
WITH RECURSIVE chain (person_id, survivor_id, step) AS (
    SELECT id, merged_into_id, 1 FROM cohorts_person WHERE merged_into_id IS NOT NULL
    UNION ALL
    SELECT chain.person_id, next.merged_into_id, chain.step + 1
    FROM chain JOIN cohorts_person next ON next.id = chain.survivor_id
    WHERE next.merged_into_id IS NOT NULL
)
SELECT DISTINCT ON (person_id) person_id, survivor_id FROM chain ORDER BY person_id, step DESC
"""


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0002_dataset_register")]
    operations = [migrations.RunSQL(CREATE, "DROP VIEW cohorts_survivor")]
