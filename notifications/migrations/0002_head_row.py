"""Makes the log's head, so that the first sequencers have a row to stand in line at."""

from django.db import migrations


def make_head(apps, schema_editor):
    apps.get_model("notifications", "Head").objects.using(schema_editor.connection.alias).get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [migrations.RunPython(make_head, migrations.RunPython.noop)]
