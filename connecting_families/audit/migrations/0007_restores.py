"""What was restored, and what came after the backup; an entry of this moment for a change, and not any of its number."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# As 0006 made it, but for the time: in a new cluster transactions are counted anew.
SETTLE = """
CREATE OR REPLACE FUNCTION audit_settle() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0006_owed'),
    ]

    operations = [
        migrations.RunSQL(SETTLE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Restore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('backup', models.CharField(blank=True, help_text='Its name; empty: restored by other means.', max_length=60)),
                ('made_at', models.DateTimeField(help_text='When the backup was made: nothing later was in it.')),
                ('sha256', models.CharField(blank=True, help_text="Of the backup's file.", max_length=64)),
                ('reason', models.CharField(max_length=500)),
                ('restored_at', models.DateTimeField()),
                ('restored_by', models.CharField(max_length=150)),
                ('journal', models.BigIntegerField(help_text='The last line of the journal that was read.')),
                ('sealed', models.BigIntegerField(help_text='How many sealed entries of the trail the backup had.')),
                ('lost', models.JSONField(blank=True, default=list, help_text='Checkpoints held outside that saw more: size, root.')),
                ('lost_sha256', models.CharField(help_text='Over these, as canonical JSON; the trail has it, too.', max_length=64)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('ended_at__isnull', True), models.Q(('ended_by', ''), _negated=True), _connector='OR'), name='restore_ended_by_somebody')],
            },
        ),
        migrations.CreateModel(
            name='LostAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.BigIntegerField(help_text='Its number in the journal; 0: something about the journal itself.')),
                ('event', models.CharField(max_length=40)),
                ('record', models.CharField(blank=True, max_length=60)),
                ('reference', models.CharField(blank=True, max_length=200)),
                ('at', models.DateTimeField()),
                ('who', models.CharField(max_length=150)),
                ('role', models.CharField(blank=True, max_length=40)),
                ('facts', models.JSONField(blank=True, default=dict, help_text='What it takes to do it again (audit/journal.py).')),
                ('state', models.CharField(choices=[('WAITING', 'Waits'), ('REPEATED', 'Done again'), ('ANSWERED', 'Answered')], default='WAITING', max_length=10)),
                ('hindered', models.JSONField(blank=True, default=list, help_text='Why it was not done again by itself: codes.')),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('answer', models.CharField(blank=True, help_text='What was done about it, as a person says.', max_length=500)),
                ('restore', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='audit.restore')),
            ],
            options={
                'ordering': ['line', 'id'],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='restore',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', execute="refuse_change('A restore that ended')", func='RETURN NULL;', hash='54b7af6332ab6a1d3984f5949aec44e871728cca', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_15110', table='audit_restore', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='restore',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A restore that ended')", func='RETURN NULL;', hash='375b003373b34b2d3e7963851485b9e9a648df53', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_ec0d0', table='audit_restore', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='lostact',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'WAITING'), models.Q(('decided_at__isnull', False), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='lost_act_decided_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='lostact',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ANSWERED'), _negated=True), models.Q(('answer', ''), _negated=True), _connector='OR'), name='lost_act_answered_in_words'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lostact',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" IN (\'REPEATED\', \'ANSWERED\'))', execute="refuse_change('What was decided of a lost act')", func='RETURN NULL;', hash='7218e1d3af98f4a268179ef63744367139f61a35', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_c0d2f', table='audit_lostact', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lostact',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What was decided of a lost act')", func='RETURN NULL;', hash='c02f1fa63de94d301cd286cc506c6c518298886c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_2cc6b', table='audit_lostact', when='BEFORE')),
        ),
    ]
