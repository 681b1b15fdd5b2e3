"""What the shop tells whom, and in which words. Each function may be called again: its keys make it say a thing once.

Call them after QuerySet.update() or bulk_create(), which send no signals; save() calls them by itself (signals.py).
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from notifications import log
from notifications.kinds import Kind, register
from notifications.models import Event
from orders.models import Order, Payment
from orders.money import display


def with_amount(data: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the amount in the reader's format."""
    return {**data, "price": display(Decimal(data["amount"]), data["currency"])}


PLACED = register(
    Kind(
        "order.placed",
        label=_("New order"),
        title=_("%(buyer)s placed order %(number)s"),
        body=_("%(product)s, %(price)s"),
        grouped=ngettext_lazy("%(count)d new order", "%(count)d new orders", "count"),
        prepare=with_amount,
    )
)
PAID = register(
    Kind(
        "order.paid",
        label=_("Order paid"),
        title=_("%(buyer)s paid order %(number)s"),
        body=_("%(product)s, %(price)s"),
        grouped=ngettext_lazy("%(count)d order paid", "%(count)d orders paid", "count"),
        prepare=with_amount,
    )
)
EXPIRED = register(
    Kind(
        "order.expired",
        label=_("Order expired"),
        title=_("Order %(number)s expired unpaid"),
        body=_("%(product)s, %(price)s"),
        grouped=ngettext_lazy("%(count)d order expired unpaid", "%(count)d orders expired unpaid", "count"),
        prepare=with_amount,
    )
)
PAYMENT_SUCCEEDED = register(
    Kind(
        "payment.succeeded",
        label=_("Payment received"),
        title=_("Your payment for order %(number)s was received"),
        body=_("%(product)s, %(price)s"),
        required=True,
        prepare=with_amount,
    )
)
PAYMENT_FAILED = register(
    Kind(
        "payment.failed",
        label=_("Payment failed"),
        title=_("Your payment for order %(number)s failed"),
        body=_("%(product)s, %(price)s"),
        required=True,
        prepare=with_amount,
    )
)
PAYMENT_EXPIRED = register(
    Kind(
        "payment.expired",
        label=_("Payment window over"),
        title=_("The time to pay for order %(number)s is over"),
        body=_("%(product)s, %(price)s"),
        required=True,
        prepare=with_amount,
    )
)
REFUND_DUE = register(
    Kind(
        "order.refund_due",
        label=_("Refund due"),
        title=_("A payment for order %(number)s must be refunded"),
        body=_("%(product)s, %(price)s"),
        prepare=with_amount,
    )
)
PAYMENT_REFUND_DUE = register(
    Kind(
        "payment.refund_due",
        label=_("Refund coming"),
        title=_("Your payment for order %(number)s came too late or twice, and will be refunded"),
        body=_("%(product)s, %(price)s"),
        required=True,
        prepare=with_amount,
    )
)
FINISH = register(Kind("finish", label=_("Finished"), title=_("Order %(number)s: finished"), terminal=True))


def may_read_order(user: AbstractBaseUser, number: str) -> bool:
    """Whether the channel of this order may be read: by its buyer alone."""
    return number.isdecimal() and len(number) <= 18 and Order.objects.filter(number=number, buyer=user.pk).exists()


def seller_names(ids: Collection[str]) -> dict[str, str]:
    """What a seller's channel is called: only the seller hears it."""
    return dict.fromkeys(ids, gettext("Orders placed with you"))


def snapshot(order: Order) -> dict[str, Any]:
    """What the texts of an order's events need, as it was at that moment."""
    return {
        "number": order.number,
        "buyer": order.buyer.get_username(),
        "product": order.product.name,
        "amount": str(order.amount),
        "currency": order.currency,
    }


def event(channel: str, kind: Kind, order: Order, *, url: str = "") -> Event:
    """One event of an order, told at most once to a channel."""
    return Event(
        channel=channel,
        kind=kind.name,
        data=snapshot(order),
        url=url or order.get_absolute_url(),
        key=f"{kind.name}:{order.number}:{channel}",
    )


def seller_channel(order: Order) -> str:
    """The channel of an order's seller."""
    return f"seller:{order.product.seller_id}"


def buyer_channel(order: Order) -> str:
    """The channel of an order's buyer."""
    return f"user:{order.buyer_id}"


def order_placed(*orders: Order) -> None:
    """Tells the sellers of newly placed orders."""
    log.append_all(event(seller_channel(order), PLACED, order) for order in orders)


def order_paid(*orders: Order) -> None:
    """Tells the sellers and the buyers, and ends the payment pages."""
    log.append_all(settled(orders, PAYMENT_SUCCEEDED, seller=PAID))


def payment_failed(*orders: Order) -> None:
    """Tells the buyers, and ends the payment pages."""
    log.append_all(settled(orders, PAYMENT_FAILED))


def order_expired(*orders: Order) -> None:
    """Tells the sellers and the buyers, and ends the payment pages."""
    log.append_all(settled(orders, PAYMENT_EXPIRED, seller=EXPIRED))


def refund_due(*payments: Payment) -> None:
    """Tells the sellers and the buyers of money that arrived though the order had ended."""
    log.append_all(refunds(payments))


def refunds(payments: Iterable[Payment]) -> Iterable[Event]:
    """The events of payments that are due for refund."""
    for payment in payments:
        order = payment.order
        for channel, kind in ((seller_channel(order), REFUND_DUE), (buyer_channel(order), PAYMENT_REFUND_DUE)):
            told = event(channel, kind, order)
            # Each payment is told, not each order: there may be several.
            told.key = f"{kind.name}:{payment.pk}:{channel}"
            yield told


def settled(orders: Iterable[Order], kind: Kind, *, seller: Kind | None = None) -> Iterable[Event]:
    """The events of an order that has reached its end: the payment page's last ones are the message and `finish`."""
    for order in orders:
        outcome_url = reverse("orders:outcome", args=[order.number])
        if seller is not None:
            yield event(seller_channel(order), seller, order)
        yield event(buyer_channel(order), kind, order)
        yield event(order.channel, kind, order, url=outcome_url)
        finish = event(order.channel, FINISH, order, url=outcome_url)
        finish.data = {**finish.data, "outcome": order.status}
        yield finish
