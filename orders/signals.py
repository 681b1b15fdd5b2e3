"""Receivers that turn "this save matters" into a call of a notifier."""

from notifications import saves
from orders import notifiers
from orders.models import Order, Status

TOLD_OF = {
    Status.PAID: notifiers.order_paid,
    Status.EXPIRED: notifiers.order_expired,
    Status.CANCELLED: notifiers.order_cancelled,
    Status.REFUNDED: notifiers.order_refunded,
}


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    saves.call_on_change(Order, "status", tell_of_order)


def tell_of_order(order: Order, before: str | None) -> None:
    """Notifies of a new order as placed, and of one that reaches its end; saving one that has ended changes nothing."""
    if before is None:
        notifiers.order_placed(order)
    told = TOLD_OF.get(Status(order.status))
    if told is not None:
        told(order)
