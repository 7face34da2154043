from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('staff', '0002_sign_in'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='sign_on_issuer',
            field=models.CharField(blank=True, default='', help_text="The council's sign-on by which this account was used (staff/subjects.py).", max_length=500),
        ),
        migrations.AddField(
            model_name='user',
            name='sign_on_subject',
            field=models.CharField(blank=True, default='', help_text='What that calls its person for ever.', max_length=255),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(condition=models.Q(('sign_on_subject', ''), _negated=True), fields=('sign_on_issuer', 'sign_on_subject'), name='one_account_of_a_subject'),
        ),
    ]
