"""Payments know their provider and the digest of their body; both are taken from the callbacks that are stored."""

import hashlib

from django.db import migrations, models

ACCEPTED = ("applied", "declined", "refund due", "unchanged")
AT_ONCE = 1000


def fill(apps, schema_editor):
    database = schema_editor.connection.alias
    payments = apps.get_model("orders", "Payment").objects.using(database)
    callbacks = apps.get_model("orders", "Callback").objects.using(database).filter(outcome__in=ACCEPTED)
    last = 0
    while rows := list(callbacks.filter(pk__gt=last).order_by("pk").values("pk", "provider", "report_id", "body")[:AT_ONCE]):
        last = rows[-1]["pk"]
        found = payments.in_bulk([row["report_id"] for row in rows], field_name="report_id")
        for row in rows:
            if payment := found.get(row["report_id"]):
                payment.provider = row["provider"]
                # Bytes that are not UTF-8 were stored marked: the digest of such a body is not known.
                if "\\x" not in row["body"]:
                    payment.body_digest = hashlib.sha256(row["body"].encode()).hexdigest()
        payments.bulk_update(found.values(), ["provider", "body_digest"])


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_declined_attempts")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="provider",
            field=models.CharField(default="standard", max_length=50, verbose_name="provider"),
        ),
        migrations.AddField(
            model_name="payment",
            name="body_digest",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="digest of the body"),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="payment",
            name="report_id",
            field=models.CharField(max_length=200, verbose_name="report id"),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("report_id", "provider"), name="payment_one_report"),
        ),
    ]
