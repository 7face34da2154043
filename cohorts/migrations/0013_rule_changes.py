"""Changes of the rules; what each cohort was judged by, kept with it; and which version of a framework is in use."""

import datetime as dt

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# What a round asks by now is what its cohorts were judged by: until here nothing could change it. A finished cohort is
# frozen, and this adds to it what was left out.
KEEP_WITH_EACH_COHORT = """
    ALTER TABLE cohorts_cohort DISABLE TRIGGER USER;
    UPDATE cohorts_cohort c SET datasets = r.datasets, notice_days = r.notice_days, scope = r.scope,
        framework_version = coalesce(nullif(c.framework_version, ''), r.framework_version)
    FROM cohorts_round r WHERE r.id = c.round_id;
    ALTER TABLE cohorts_cohort ENABLE TRIGGER USER;
"""
# The versions with which the program came, each from the month of its document.
SHIPPED = [("TF", "2015-04", dt.date(2015, 4, 1)), ("SF", "2022-04", dt.date(2022, 4, 1))]


def put_into_use(apps, schema_editor):
    FrameworkInUse = apps.get_model("cohorts", "FrameworkInUse")
    for framework, version, day in SHIPPED:
        since = dt.datetime.combine(day, dt.time(), dt.timezone.utc)
        FrameworkInUse.objects.create(framework=framework, version=version, since=since)


class Migration(migrations.Migration):

    dependencies = [
        ('cohorts', '0012_merges'),
    ]

    operations = [
        migrations.CreateModel(
            name='DryRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('REQUESTED', 'Being tried'), ('FINISHED', 'Finished'), ('FAILED', 'Failed')], default='REQUESTED', max_length=20)),
                ('requested_at', models.DateTimeField()),
                ('requested_by', models.CharField(max_length=150)),
                ('correlation', models.CharField(max_length=32)),
                ('cohorts', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='The cohorts as at which it is tried, the newest first.', size=None)),
                ('rule_set', models.CharField(blank=True, max_length=20)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('seconds', models.FloatField(default=0)),
                ('failure', models.CharField(blank=True, max_length=200)),
                ('outcome', models.JSONField(blank=True, default=list)),
            ],
        ),
        migrations.AddField(
            model_name='cohort',
            name='datasets',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text="In the round's order.", size=None),
        ),
        migrations.AddField(
            model_name='cohort',
            name='notice_days',
            field=models.PositiveSmallIntegerField(default=28),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='cohort',
            name='scope',
            field=models.CharField(choices=[('honoured', 'The recipient honours scope'), ('all-or-nothing', 'All datasets, or none')], default='honoured', max_length=20),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='cohort',
            name='framework_version',
            field=models.CharField(max_length=20),
        ),
        migrations.CreateModel(
            name='RuleChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('framework', models.CharField(max_length=20)),
                ('framework_version', models.CharField(max_length=20)),
                ('datasets', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text="In the round's order.", size=None)),
                ('notice_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('scope', models.CharField(blank=True, choices=[('honoured', 'The recipient honours scope'), ('all-or-nothing', 'All datasets, or none')], max_length=20)),
                ('before', models.JSONField()),
                ('reason', models.CharField(max_length=500)),
                ('proposed_at', models.DateTimeField()),
                ('proposed_by', models.CharField(max_length=150)),
                ('state', models.CharField(choices=[('PROPOSED', 'Proposed'), ('ACTIVATED', 'Activated'), ('REFUSED', 'Refused'), ('WITHDRAWN', 'Withdrawn')], default='PROPOSED', max_length=20)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('decided_because', models.CharField(blank=True, max_length=500)),
                ('rests_on', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cohorts.dryrun')),
                ('round', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rule_changes', to='cohorts.round')),
            ],
        ),
        migrations.CreateModel(
            name='FrameworkInUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('framework', models.CharField(max_length=20)),
                ('version', models.CharField(max_length=20)),
                ('since', models.DateTimeField()),
                ('change', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='in_use', to='cohorts.rulechange')),
            ],
        ),
        migrations.AddField(
            model_name='dryrun',
            name='change',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dry_runs', to='cohorts.rulechange'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'PROPOSED')), fields=('round',), name='one_change_of_a_round_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.UniqueConstraint(condition=models.Q(('round__isnull', True), ('state', 'PROPOSED')), fields=('framework',), name='one_change_of_a_framework_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'PROPOSED'), models.Q(('decided_at__isnull', False), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='rule_change_decided_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['PROPOSED', 'WITHDRAWN']), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='rule_change_decided_by_another'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ACTIVATED'), _negated=True), ('rests_on__isnull', False), _connector='OR'), name='rule_change_tried_before_it_is_activated'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" IN (\'ACTIVATED\', \'REFUSED\', \'WITHDRAWN\'))', execute="refuse_change('A decided change of the rules')", func='RETURN NULL;', hash='1ba14676850f6f958dbfa79a3b92baaf41ac309b', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_4c38d', table='cohorts_rulechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A decided change of the rules')", func='RETURN NULL;', hash='da3ee7e5d3e2b04d4337f13437af0cba60447923', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_ba2d0', table='cohorts_rulechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='frameworkinuse',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What the register says of a framework in use')", func='RETURN NULL;', hash='b390535b6a0c0097069cf5cfaa7b58ba0f979d8b', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_8bb38', table='cohorts_frameworkinuse', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='frameworkinuse',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('What the register says of a framework in use')", func='RETURN NULL;', hash='b193e4460228166230bb20ca44016fa4f4682b1f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_84969', table='cohorts_frameworkinuse', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='dryrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'REQUESTED')), fields=('change',), name='one_dry_run_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dryrun',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'FINISHED\')', execute="refuse_change('A finished dry run')", func='RETURN NULL;', hash='e52e779e3851df35ee96388087f0372ae2e9467d', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_f4ac1', table='cohorts_dryrun', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dryrun',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A finished dry run')", func='RETURN NULL;', hash='82ef2ca78b1925f4b289c78180b39d0d1431bbc0', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_0d921', table='cohorts_dryrun', when='BEFORE')),
        ),
        migrations.RunSQL(KEEP_WITH_EACH_COHORT, migrations.RunSQL.noop),
        migrations.RunPython(put_into_use, migrations.RunPython.noop),
    ]
