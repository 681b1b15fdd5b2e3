"""Gives the log an epoch: the default is called for the head that exists, as for one that is made later."""

from django.db import migrations, models

import notifications.models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0006_retraction'),
    ]

    operations = [
        migrations.AddField(
            model_name='head',
            name='epoch',
            field=models.CharField(default=notifications.models.new_epoch, editable=False, max_length=32, verbose_name='epoch'),
        ),
    ]
