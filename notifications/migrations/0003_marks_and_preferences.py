"""Reading by itself becomes reading, unreading or dismissing; people get preferences."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("notifications", "0002_head_row"),
    ]

    operations = [
        migrations.RemoveField(model_name="reading", name="read_at"),
        migrations.AddField(
            model_name="reading",
            name="state",
            field=models.CharField(
                choices=[("read", "read"), ("unread", "unread"), ("dismissed", "dismissed")],
                default="read",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="reading",
            name="since",
            field=models.BigIntegerField(default=0, verbose_name="since position"),
        ),
        migrations.AddConstraint(
            model_name="reading",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("read", "unread", "dismissed"))), name="reading_state_known"
            ),
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("choices", models.JSONField(blank=True, default=dict, verbose_name="choices")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preference",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={"verbose_name": "preference", "verbose_name_plural": "preferences"},
        ),
    ]
