"""Shards of a run; and what an unfinished run wrote can be discarded, all of it at once."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION cohorts_refuse_change_of_frozen_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever finishes the cohort at this moment is waited for. The schema is named: no other table may stand in.
    IF TG_OP = 'DELETE' THEN
        PERFORM FROM public.cohorts_cohort WHERE id = OLD.cohort_id AND state <> 'FINISHED' FOR SHARE;
        IF FOUND THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""
# The site's role may delete neither decisions nor findings: it may ask for this, which asks the triggers.
DISCARD = """
CREATE FUNCTION cohorts_discard_unfinished(cohort bigint) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.cohorts_decision WHERE cohort_id = cohort;
    DELETE FROM public.cohorts_finding WHERE cohort_id = cohort;
$$
"""


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0013_rule_changes")]
    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION cohorts_refuse_change_of_frozen_row()"),
        migrations.RunSQL(DISCARD, "DROP FUNCTION cohorts_discard_unfinished(bigint)"),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('cohort', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='run', serialize=False, to='cohorts.cohort')),
                ('started_at', models.DateTimeField()),
                ('snapshot', models.CharField(blank=True, max_length=100)),
            ],
        ),
        migrations.CreateModel(
            name='Shard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('first', models.CharField(db_collation='C', help_text='The reference from which on.', max_length=60)),
                ('until', models.CharField(db_collation='C', help_text="The next shard's; empty: to the end.", max_length=60)),
                ('done', models.BooleanField(default=False)),
                ('families', models.PositiveIntegerField(default=0, help_text='Families with a candidate.')),
                ('counted', models.JSONField(default=dict)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='decision',
            name='frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='finding',
            name='frozen',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='decision',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="cohorts_refuse_change_of_frozen_row('A decision')", func='RETURN NULL;', hash='951fa5225c40f6351a878a43350f983725b99405', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_18845', table='cohorts_decision', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='finding',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="cohorts_refuse_change_of_frozen_row('A finding')", func='RETURN NULL;', hash='98974253ec29bd8fa15a313cdce3f0c88937d0be', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_81f71', table='cohorts_finding', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='shard',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shards', to='cohorts.run'),
        ),
        migrations.AddConstraint(
            model_name='shard',
            constraint=models.UniqueConstraint(fields=('run', 'number'), name='one_shard'),
        ),
    ]
