"""Orders can be cancelled by their buyers, and marked as refunded by their sellers."""

from django.db import migrations, models
from django.db.models import Q

from orders.migrations._numbers import remember, restore

PAID = ["paid", "refunded"]
STATUSES = [
    ("pending", "waiting for payment"),
    ("paid", "paid"),
    ("expired", "expired"),
    ("cancelled", "cancelled"),
    ("refunded", "refunded"),
]


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_body_digests")]

    operations = [
        migrations.RunPython(remember, restore),
        migrations.AddField(
            model_name="order",
            name="refunded_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="refunded"),
        ),
        migrations.AlterField(
            model_name="order",
            name="status",
            field=models.CharField(choices=STATUSES, default="pending", max_length=10, verbose_name="status"),
        ),
        migrations.RemoveConstraint(model_name="order", name="order_status_known"),
        migrations.RemoveConstraint(model_name="order", name="order_paid_with_time"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=Q(status__in=[value for value, _label in STATUSES]), name="order_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=Q(status__in=PAID, paid_at__isnull=False) | (~Q(status__in=PAID) & Q(paid_at__isnull=True)),
                name="order_paid_with_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=Q(status="refunded", refunded_at__isnull=False)
                | (~Q(status="refunded") & Q(refunded_at__isnull=True)),
                name="order_refunded_with_time",
            ),
        ),
        migrations.RunPython(restore, remember),
    ]
