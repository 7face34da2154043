"""What changed of a record, for its page: of its entries most tell that it was looked at."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0007_restores'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('changes__isnull', False)), fields=['record', 'reference', 'id'], name='entry_changes'),
        ),
    ]
