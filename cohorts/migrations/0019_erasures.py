"""Erasures, what is remembered of an objection, and the one door for the value of a finding of somebody erased."""

import cohorts.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


FINDINGS = """
CREATE FUNCTION cohorts_refuse_change_of_finding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The value that was found goes with the person, where two people have erased them; nothing else of it changes.
    IF TG_OP = 'UPDATE' THEN
        IF NEW.value = '' AND to_jsonb(NEW) - 'value' = to_jsonb(OLD) - 'value' AND EXISTS (
            SELECT FROM public.cohorts_erasure e WHERE e.state = 'DONE' AND OLD.person_ref = ANY (e.records)
        ) THEN
            RETURN NEW;
        END IF;
    END IF;
    -- Whoever finishes the cohort at this moment is waited for. The schema is named: no other table may stand in.
    IF TG_OP = 'DELETE' THEN
        PERFORM FROM public.cohorts_cohort WHERE id = OLD.cohort_id AND state <> 'FINISHED' FOR SHARE;
        IF FOUND THEN
            RETURN OLD;
        END IF;
        -- What was sent of it was destroyed: the database let that be noted after two people had confirmed it.
        IF EXISTS (SELECT FROM public.cohorts_forgotten WHERE cohort_id = OLD.cohort_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""
# The site's role may change no finding: it may ask for this, which asks the triggers.
VALUES = """
CREATE FUNCTION cohorts_erase_values(references_ text[]) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        UPDATE public.cohorts_finding SET value = '' WHERE person_ref = ANY (references_) AND value <> '' RETURNING 1
    )
    SELECT count(*) FROM gone
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('cohorts', '0018_forgotten'),
    ]

    operations = [
        migrations.CreateModel(
            name='ErasedIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('digest', models.CharField(db_index=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person_ref', cohorts.models.fields.Reference(db_collation='C', max_length=60)),
                ('records', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('state', models.CharField(choices=[('PROPOSED', 'Waits for a second person'), ('DONE', 'Erased'), ('TAKEN_BACK', 'Taken back')], default='PROPOSED', max_length=20)),
                ('reason', models.CharField(max_length=500)),
                ('proposed_at', models.DateTimeField()),
                ('proposed_by', models.CharField(max_length=150)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('counts', models.JSONField(blank=True, default=dict, help_text='How many records of each kind went.')),
                ('remains', models.JSONField(blank=True, default=list, help_text='Submissions of which a sealed copy is kept.')),
            ],
        ),
        migrations.CreateModel(
            name='Remembered',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('objection', cohorts.models.fields.Reference(db_collation='C', max_length=60)),
                ('made_by', models.CharField(blank=True, max_length=20)),
                ('channel', models.CharField(blank=True, max_length=20)),
                ('received_at', models.DateTimeField()),
                ('datasets', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Empty: all.', size=None)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('of_family', models.BooleanField(help_text='It was for a whole family, of which the person was a member.')),
            ],
        ),
        migrations.RunSQL(FINDINGS, "DROP FUNCTION cohorts_refuse_change_of_finding()"),
        migrations.RunSQL(VALUES, "DROP FUNCTION cohorts_erase_values(text[])"),
        pgtrigger.migrations.RemoveTrigger(
            model_name='finding',
            name='frozen',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='finding',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="cohorts_refuse_change_of_finding('A finding')", func='RETURN NULL;', hash='e2eedf741de6efa5c5e1b40ceb638430f61eaec9', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_81f71', table='cohorts_finding', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='erasure',
            name='person',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='cohorts.person'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='request',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='cohorts.rightsrequest'),
        ),
        migrations.AddField(
            model_name='erasedidentity',
            name='erasure',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identities', to='cohorts.erasure'),
        ),
        migrations.AddField(
            model_name='remembered',
            name='erasure',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='remembered', to='cohorts.erasure'),
        ),
        migrations.AddField(
            model_name='objection',
            name='remembered',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='stands_again', to='cohorts.remembered'),
        ),
        migrations.AddConstraint(
            model_name='erasure',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'PROPOSED')), fields=('person',), name='one_erasure_of_a_person_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='erasure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'DONE'), _negated=True), models.Q(('decided_at__isnull', False), ('person__isnull', True), models.Q(('decided_by', ''), _negated=True), models.Q(('decided_by', models.F('proposed_by')), _negated=True)), _connector='OR'), name='erased_by_two'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'DONE\')', execute="refuse_change('A finished erasure')", func='RETURN NULL;', hash='fffc00840d161d21c4abf67b5a575abd295fb6fc', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_7fa63', table='cohorts_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A finished erasure')", func='RETURN NULL;', hash='0552447a1928465e0937c04cbf7b0f5fcbcf0702', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_4fa5f', table='cohorts_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasedidentity',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What is remembered of an identity')", func='RETURN NULL;', hash='4be5a3e51e4915b746317d3bb7ea02058043b1a7', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_c65ab', table='cohorts_erasedidentity', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasedidentity',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What is remembered of an identity')", func='RETURN NULL;', hash='44dae0af1898899e15fb96ee74beb5e3f8732be0', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_04fd5', table='cohorts_erasedidentity', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='remembered',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What is remembered of an objection')", func='RETURN NULL;', hash='2225d93610ebb3ac5db9e378930e2799c42aa77f', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_16bec', table='cohorts_remembered', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='remembered',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What is remembered of an objection')", func='RETURN NULL;', hash='90a52a5043652db4430e0e7d5a32aa2a9410ba04', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_dc976', table='cohorts_remembered', when='BEFORE')),
        ),
    ]
