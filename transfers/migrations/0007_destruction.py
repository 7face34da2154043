"""Destruction of what was sent; the decisions of its cohorts are forgotten only where two people confirmed it."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

LET_IN = """
CREATE FUNCTION transfers_forgotten_once_destroyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The schema is named: no other table may stand in.
    IF NOT EXISTS (
        SELECT FROM public.transfers_destruction d
        JOIN public.transfers_submission s ON s.id = d.submission_id
        JOIN public.cohorts_cohort c ON c.round_id = s.round_id
        WHERE c.id = NEW.cohort_id AND s.name = NEW.because AND d.taken_back_at IS NULL AND d.done_at IS NULL
        AND d.confirmed_by_id <> d.asked_by_id AND d.key_destroyed_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'A cohort is forgotten only where two people had what was sent of it destroyed.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""
ASKED = """
CREATE TRIGGER let_in BEFORE INSERT ON cohorts_forgotten
    FOR EACH ROW EXECUTE FUNCTION transfers_forgotten_once_destroyed()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('cohorts', '0018_forgotten'),
        ('transfers', '0006_withdrawals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='submission',
            name='archived_files',
            field=models.JSONField(blank=True, default=list, help_text='Our own copy: name, bytes, SHA-256 of each.'),
        ),
        migrations.AddField(
            model_name='withdrawal',
            name='archived_files',
            field=models.JSONField(blank=True, default=list, help_text='Our own copy: name, bytes, SHA-256 of each.'),
        ),
        migrations.AlterField(
            model_name='submission',
            name='stage',
            field=models.CharField(choices=[('DRAFT', 'Draft'), ('PUT_FORWARD', 'Put forward'), ('SENT_BACK', 'Sent back'), ('APPROVED', 'Approved'), ('SEALED', 'Sealed'), ('SENDING', 'Being sent'), ('SENT', 'Sent'), ('RECEIPTED', 'Receipted'), ('DESTROYED', 'Destroyed'), ('VOID', 'Void')], default='DRAFT', max_length=20),
        ),
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('placed_at', models.DateTimeField()),
                ('lifted_because', models.TextField(blank=True)),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('placed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='transfers.submission')),
            ],
        ),
        migrations.CreateModel(
            name='RecipientDestruction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recipient', models.CharField(max_length=40)),
                ('reference', models.CharField(max_length=100)),
                ('destroyed_on', models.DateField()),
                ('sha256', models.CharField(help_text="Of the certificate's file.", max_length=64)),
                ('entered_at', models.DateTimeField()),
                ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recipients_destructions', to='transfers.submission')),
            ],
        ),
        migrations.CreateModel(
            name='StudyEnd',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ends_on', models.DateField(help_text='The last day on which it goes on.')),
                ('source', models.CharField(help_text="From what that is known, such as a letter's reference.", max_length=200)),
                ('entered_at', models.DateTimeField()),
                ('agreement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='study_ends', to='cohorts.agreement')),
                ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Destruction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('asked_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('taken_back_at', models.DateTimeField(blank=True, null=True)),
                ('key_destroyed_at', models.DateTimeField(blank=True, help_text='From here on there is no way back.', null=True)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('stopped', models.JSONField(blank=True, default=list, help_text='Why the last try was refused: sentences.')),
                ('forgotten', models.JSONField(blank=True, default=dict, help_text='How many rows of each kind were deleted.')),
                ('removed', models.JSONField(blank=True, default=list, help_text='Names of the files that were taken away.')),
                ('certificate', models.TextField(blank=True, help_text='Canonical JSON.')),
                ('certificate_sha256', models.CharField(blank=True, max_length=64)),
                ('signature', models.TextField(blank=True, help_text='Of the council over it: detached CMS, DER, in base64.')),
                ('correlation', models.CharField(blank=True, max_length=32)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='destructions', to='transfers.submission')),
                ('taken_back_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('taken_back_at__isnull', True)), fields=('submission',), name='one_destruction'), models.CheckConstraint(condition=models.Q(('confirmed_by__isnull', True), models.Q(('confirmed_by', models.F('asked_by')), _negated=True), _connector='OR'), name='destruction_confirmed_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', True), ('confirmed_by__isnull', True)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('taken_back_at__isnull', True)), _connector='OR'), name='destruction_confirmed_at_a_moment'), models.CheckConstraint(condition=models.Q(('key_destroyed_at__isnull', True), ('confirmed_by__isnull', False), _connector='OR'), name='no_key_destroyed_unconfirmed'), models.CheckConstraint(condition=models.Q(models.Q(('certificate', ''), ('done_at__isnull', True)), models.Q(('done_at__isnull', False), ('key_destroyed_at__isnull', False), models.Q(('certificate', ''), _negated=True)), _connector='OR'), name='no_certificate_before_the_key_is_gone')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='destruction',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."done_at" IS NOT NULL)', execute="refuse_change('A finished destruction')", func='RETURN NULL;', hash='fe1548761d64ab238edbcc010620338cc23ac720', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_2c142', table='transfers_destruction', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='destruction',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A finished destruction')", func='RETURN NULL;', hash='1a799d5533b26295cc1be8a104c4b0c738cb4b53', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_cac74', table='transfers_destruction', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='legalhold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', True), ('lifted_by__isnull', True)), models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False), models.Q(('lifted_because', ''), _negated=True)), _connector='OR'), name='hold_lifted_by_somebody_with_a_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='legalhold',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."lifted_at" IS NOT NULL)', execute="refuse_change('A lifted hold')", func='RETURN NULL;', hash='cb65f5c8428e121204ffff809df0ac71a1806fe6', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_616e4', table='transfers_legalhold', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='legalhold',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('A lifted hold')", func='RETURN NULL;', hash='e31753cf4a9a54d6d2740b3c06fee0b948cf5ca8', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_ff217', table='transfers_legalhold', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='recipientdestruction',
            constraint=models.UniqueConstraint(fields=('submission', 'recipient', 'sha256'), name='one_entry_of_a_certificate'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipientdestruction',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('That a recipient destroyed what it was sent')", func='RETURN NULL;', hash='dd93fa23e9c79ce50c73433f21207a2a4b06994f', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_a950a', table='transfers_recipientdestruction', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='recipientdestruction',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('That a recipient destroyed what it was sent')", func='RETURN NULL;', hash='fe83baa4d256b748ec18c99d8effffb3d71f5de1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_dbc3b', table='transfers_recipientdestruction', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='studyend',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('When a study ends')", func='RETURN NULL;', hash='ace1bd367e91fbdc16a2d207831245caef952fcf', operation='UPDATE OR DELETE', pgid='pgtrigger_frozen_76ee6', table='transfers_studyend', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='studyend',
            trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(execute="refuse_change('When a study ends')", func='RETURN NULL;', hash='2c4e169c877476ae65fd5b9e9d518fbb1208e9a2', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_d0980', table='transfers_studyend', when='BEFORE')),
        ),
        migrations.RunSQL(LET_IN, "DROP FUNCTION transfers_forgotten_once_destroyed()"),
        migrations.RunSQL(ASKED, "DROP TRIGGER let_in ON cohorts_forgotten"),
    ]
