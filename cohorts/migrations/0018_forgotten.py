"""Where what was sent is destroyed, nobody can say any more who was in its cohorts: the one door through which
decisions and findings of a finished cohort go."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

REFUSE = """
CREATE OR REPLACE FUNCTION cohorts_refuse_change_of_frozen_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
REFUSED_BEFORE = """
CREATE OR REPLACE FUNCTION cohorts_refuse_change_of_frozen_row() RETURNS trigger LANGUAGE plpgsql AS $$
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
UNLESS_FORGOTTEN = """
CREATE FUNCTION cohorts_refuse_unless_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    becomes jsonb := to_jsonb(OLD);
BEGIN
    -- The references of whom it tells may go, once the cohort is forgotten; nothing else of it, and nothing comes in
    -- their place. The schema is named: no other table may stand in.
    IF TG_OP = 'UPDATE' THEN
        IF becomes ? 'differences' THEN
            IF EXISTS (
                SELECT FROM public.cohorts_forgotten f WHERE f.cohort_id = (becomes ->> 'cohort_id')::bigint
            ) THEN
                becomes := becomes || '{"differences": []}';
            END IF;
        ELSE
            becomes := becomes || jsonb_build_object('outcome', (
                SELECT coalesce(jsonb_agg(
                    CASE WHEN EXISTS (
                        SELECT FROM public.cohorts_forgotten f WHERE f.cohort_id = (o.one ->> 'cohort')::bigint
                    ) THEN o.one || '{"people": []}' ELSE o.one END ORDER BY o.place
                ), '[]')
                FROM jsonb_array_elements(becomes -> 'outcome') WITH ORDINALITY AS o (one, place)
            ));
        END IF;
        IF to_jsonb(NEW) = becomes AND becomes <> to_jsonb(OLD) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""
# The site's role may delete neither decisions nor findings: it may ask for this, which asks the triggers.
FORGET = """
CREATE FUNCTION cohorts_forget(cohort bigint) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.cohorts_decision WHERE cohort_id = cohort;
    DELETE FROM public.cohorts_finding WHERE cohort_id = cohort;
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('cohorts', '0017_rights'),
    ]

    operations = [
        migrations.RunSQL(REFUSE, REFUSED_BEFORE),
        migrations.RunSQL(UNLESS_FORGOTTEN, "DROP FUNCTION cohorts_refuse_unless_forgotten()"),
        migrations.RunSQL(FORGET, "DROP FUNCTION cohorts_forget(bigint)"),
        migrations.CreateModel(
            name='Forgotten',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('because', models.CharField(help_text='The reference of what was destroyed.', max_length=150)),
                ('decisions', models.PositiveIntegerField(help_text='How many there were.')),
                ('findings', models.PositiveIntegerField(help_text='How many there were.')),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='dryrun',
            name='frozen',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='replay',
            name='frozen',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dryrun',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'FINISHED\')', execute="cohorts_refuse_unless_forgotten('A finished dry run')", func='RETURN NULL;', hash='bf2261e9189f9f0fe854d782363486c6054bfe94', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_f4ac1', table='cohorts_dryrun', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='replay',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'FINISHED\')', execute="cohorts_refuse_unless_forgotten('A finished replay')", func='RETURN NULL;', hash='20596491e6a81438305486b5fc053d0a92529a2c', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_28937', table='cohorts_replay', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='forgotten',
            name='cohort',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='forgotten', to='cohorts.cohort'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='forgotten',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('That a cohort is forgotten')", func='RETURN NULL;', hash='34b248118dd924d1a189e73f6ea6981757bee480', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_8adad', table='cohorts_forgotten', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='forgotten',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('That a cohort is forgotten')", func='RETURN NULL;', hash='3faec9b73cde94ba0bcdd411bb7bb080f578c976', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_88b46', table='cohorts_forgotten', when='BEFORE')),
        ),
    ]
