"""What is left with each of two records once their merge is undone is marked; merges of bulk files are kept as merges.

The view tells who is in a pair of records that nobody decided yet, as the surviving record (DQ209); not where both
count as one person already.

Of a merge that a file made before, nobody knows the moment: an early one, so that all that was ended since counts as
ended while the two were one.
"""

import django.db.models.deletion
from django.db import migrations, models

MERGES_OF_FILES = """
    INSERT INTO cohorts_merge (kept_id, merged_id, merged_at, merged_by, reason, undone_by, undo_reason)
    SELECT merged_into_id, id, '2000-01-01Z', 'system:load', 'A bulk file merged them.', '', ''
    FROM cohorts_person WHERE merged_into_id IS NOT NULL
"""

DOUBTFUL = """
CREATE VIEW cohorts_doubtful AS
WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
waiting AS (
    SELECT coalesce(a.survivor_id, pair.first_id) AS one, coalesce(b.survivor_id, pair.second_id) AS other
    FROM cohorts_pair pair
    LEFT JOIN survivor a ON a.person_id = pair.first_id LEFT JOIN survivor b ON b.person_id = pair.second_id
    WHERE pair.state IN ('OPEN', 'NOT_SURE')
)
SELECT one AS person_id FROM waiting WHERE one <> other UNION SELECT other FROM waiting WHERE one <> other
"""


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0011_duplicates")]
    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name="copied_from",
                field=models.ForeignKey(
                    blank=True,
                    db_index=False,
                    null=True,
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="copies",
                    to=f"cohorts.{model}",
                ),
            )
            for model in ("objection", "protection")
        ),
        migrations.RunSQL(MERGES_OF_FILES, migrations.RunSQL.noop),
        migrations.RunSQL(DOUBTFUL, "DROP VIEW cohorts_doubtful"),
    ]
