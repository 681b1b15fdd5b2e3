"""A declined attempt no longer ends its order: what ended as "failed" is an order that expired with declined attempts.

The attempts stay as they were reported. One transaction: an older release that writes "failed" meanwhile makes the
constraint fail, and the migration changes nothing and can be run again.
"""

from django.db import migrations, models
from django.db.models import Q

from orders.migrations._numbers import remember, restore


def expire_failed_orders(apps, schema_editor):
    database = schema_editor.connection.alias
    apps.get_model("orders", "Order").objects.using(database).filter(status="failed").update(status="expired")
    payments = apps.get_model("orders", "Payment").objects.using(database)
    payments.filter(outcome="failed", applied=True).update(applied=False)


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_numbers_from_1001")]

    operations = [
        migrations.RunPython(expire_failed_orders, migrations.RunPython.noop),
        migrations.RunPython(remember, restore),
        migrations.AlterField(
            model_name="order",
            name="status",
            field=models.CharField(
                choices=[("pending", "waiting for payment"), ("paid", "paid"), ("expired", "expired")],
                default="pending",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="applied",
            field=models.BooleanField(default=False, help_text="Whether it paid the order.", verbose_name="applied"),
        ),
        migrations.RemoveConstraint(model_name="order", name="order_status_known"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=Q(status__in=["pending", "paid", "expired"]), name="order_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=~Q(applied=True, outcome="failed"), name="payment_applied_is_money"
            ),
        ),
        migrations.RunPython(restore, remember),
    ]
