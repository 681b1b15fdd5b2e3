"""Receivers that turn "this save matters" into a call of a notifier."""

from typing import Any

from django.db.models.signals import post_save

from orders import notifiers
from orders.models import Order, Status

TOLD_OF = {
    Status.PAID: notifiers.order_paid,
    Status.FAILED: notifiers.payment_failed,
    Status.EXPIRED: notifiers.order_expired,
}


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    post_save.connect(tell_of_order, sender=Order, dispatch_uid="orders.tell_of_order")


def tell_of_order(
    sender: Any, instance: Order, *, created: bool, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """A new order is told as placed; one that is saved with its end reached, as that."""
    if raw:
        return
    if created:
        notifiers.order_placed(instance)
    told = TOLD_OF.get(Status(instance.status))
    if told is not None and (update_fields is None or "status" in update_fields):
        told(instance)
