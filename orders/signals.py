"""Signal receivers: a saved order with a new status calls its notifier, a deleted one retracts its events."""

from collections.abc import Iterator

from notifications import deletions, kinds, saves
from orders import notifiers
from orders.models import Order, Status

TOLD_OF = {
    Status.PAID: notifiers.order_paid,
    Status.EXPIRED: notifiers.order_expired,
    Status.CANCELLED: notifiers.order_cancelled,
    Status.REFUNDED: notifiers.order_refunded,
}


def connect() -> None:
    """Connects the receivers; AppConfig.ready() calls this once."""
    saves.call_on_change(Order, "status", tell_of_order)
    deletions.retract_on_delete(Order, inbox_keys)


def tell_of_order(order: Order, before: str | None) -> None:
    """Notifies of a new order, and of each change of its status; other saves notify of nothing."""
    if before is None:
        notifiers.order_placed(order)
    told = TOLD_OF.get(Status(order.status))
    if told is not None:
        told(order)


def inbox_keys(order: Order) -> Iterator[str]:
    """Yields the keys of all events about an order that may be in the inboxes of its seller and its buyer."""
    for kind in kinds.listed():
        for channel in (notifiers.seller_channel(order), notifiers.buyer_channel(order)):
            yield str(notifiers.event(channel, kind, order).key)
