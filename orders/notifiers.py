"""The shop's notifications: their kinds, wording and recipients.

Each function may be called again for the same order, because the keys of its events are unique. save() calls them
through signals.py; after QuerySet.update() or bulk_create(), which send no signals, call them yourself.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from notifications import log
from notifications.kinds import Kind, register
from notifications.models import Event
from orders.models import Order, Payment
from orders.money import display

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


# The number in a channel's name has one form, so that an order has one channel.
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def with_amount(data: Mapping[str, Any]) -> dict[str, Any]:
    """Adds `price`, the amount in the reader's format."""
    return {**data, "price": display(Decimal(data["amount"]), data["currency"])}


def order_kind(
    name: str, *, label: "StrOrPromise", title: "StrOrPromise", grouped: "StrOrPromise" = "", required: bool = False
) -> Kind:
    """Registers a kind of event of an order; its body is the product and the price."""
    body = _("%(product)s, %(price)s")
    return register(
        Kind(name, label=label, title=title, body=body, grouped=grouped, required=required, prepare=with_amount)
    )


# For the seller.
PLACED = order_kind(
    "order.placed",
    label=_("New order"),
    title=_("%(buyer)s placed order %(number)s"),
    grouped=ngettext_lazy("%(count)d new order", "%(count)d new orders", "count"),
)
PAID = order_kind(
    "order.paid",
    label=_("Order paid"),
    title=_("%(buyer)s paid order %(number)s"),
    grouped=ngettext_lazy("%(count)d order paid", "%(count)d orders paid", "count"),
)
EXPIRED = order_kind(
    "order.expired",
    label=_("Order expired"),
    title=_("Order %(number)s expired unpaid"),
    grouped=ngettext_lazy("%(count)d order expired unpaid", "%(count)d orders expired unpaid", "count"),
)
CANCELLED = order_kind(
    "order.cancelled",
    label=_("Order cancelled"),
    title=_("Order %(number)s was cancelled"),
    grouped=ngettext_lazy("%(count)d order cancelled", "%(count)d orders cancelled", "count"),
)
REFUNDED = order_kind("order.refunded", label=_("Order refunded"), title=_("Order %(number)s was refunded"))
# For the buyer. Users cannot switch off the result of a payment.
PAYMENT_SUCCEEDED = order_kind(
    "payment.succeeded",
    label=_("Payment received"),
    title=_("Your payment for order %(number)s was received"),
    required=True,
)
PAYMENT_FAILED = order_kind(
    "payment.failed",
    label=_("Payment failed"),
    title=_("Your payment for order %(number)s failed"),
    required=True,
)
PAYMENT_EXPIRED = order_kind(
    "payment.expired",
    label=_("Payment window over"),
    title=_("The time to pay for order %(number)s is over"),
    required=True,
)
PAYMENT_CANCELLED = order_kind(
    "payment.cancelled",
    label=_("Order cancelled"),
    title=_("Your order %(number)s was cancelled"),
    required=True,
)
PAYMENT_REFUNDED = order_kind(
    "payment.refunded",
    label=_("Payment refunded"),
    title=_("Your payment for order %(number)s was refunded"),
    required=True,
)
# The first is for the seller, the second for the buyer.
REFUND_DUE = order_kind(
    "order.refund_due",
    label=_("Refund due"),
    title=_("A payment for order %(number)s must be refunded"),
)
PAYMENT_REFUND_DUE = order_kind(
    "payment.refund_due",
    label=_("Refund coming"),
    title=_("Your payment for order %(number)s came too late or twice, and will be refunded"),
    required=True,
)
# For the payment page, which stays open, because the order stays payable. `attempt` counts from 1.
PAYMENT_DECLINED = register(
    Kind(
        "payment.declined",
        label=_("Payment declined"),
        title=_("Attempt %(attempt)s to pay was declined. You can try again."),
        listed=False,
    )
)
# The last event of an order's channel.
FINISH = register(Kind("finish", label=_("Finished"), title=_("Order %(number)s: finished"), terminal=True))


def may_read_order(user: AbstractBaseUser, number: str) -> bool:
    """Whether the user may read the channel of this order: only its buyer may."""
    return bool(NUMBER.fullmatch(number)) and Order.objects.filter(number=number, buyer=user.pk).exists()


def seller_names(ids: Collection[str]) -> dict[str, str]:
    """Returns the display names of seller channels; only the seller reads one, so it needs no name of a person."""
    return dict.fromkeys(ids, gettext("Orders placed with you"))


def snapshot(order: Order) -> dict[str, Any]:
    """Returns the order's data for the texts of its events, as it is now."""
    return {
        "number": order.number,
        "buyer": order.buyer.get_username(),
        "product": order.product.name,
        "amount": str(order.amount),
        "currency": order.currency,
    }


def event(channel: str, kind: Kind, order: Order, *, url: str = "") -> Event:
    """Returns an event of an order, unsaved; its key admits it once to each channel."""
    return Event(
        channel=channel,
        kind=kind.name,
        data=snapshot(order),
        url=url or order.get_absolute_url(),
        key=f"{kind.name}:{order.number}:{channel}",
    )


def seller_channel(order: Order) -> str:
    return f"seller:{order.product.seller_id}"


def buyer_channel(order: Order) -> str:
    return f"user:{order.buyer_id}"


def order_placed(*orders: Order) -> None:
    """Notifies the sellers of new orders."""
    log.append_all(event(seller_channel(order), PLACED, order) for order in orders)


def order_paid(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    log.append_all(settled(orders, PAYMENT_SUCCEEDED, seller=PAID))


def payment_declined(*payments: Payment) -> None:
    """Notifies the buyers and the payment pages of failed attempts; the streams of the pages stay open."""
    log.append_all(declined(payments))


def order_expired(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    log.append_all(settled(orders, PAYMENT_EXPIRED, seller=EXPIRED))


def order_cancelled(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    log.append_all(settled(orders, PAYMENT_CANCELLED, seller=CANCELLED))


def order_refunded(*orders: Order) -> None:
    """Notifies the sellers and the buyers of orders whose money was returned."""
    log.append_all(
        event(channel, kind, order)
        for order in orders
        for channel, kind in ((seller_channel(order), REFUNDED), (buyer_channel(order), PAYMENT_REFUNDED))
    )


def payment_refunded(*payments: Payment) -> None:
    """Notifies the sellers and the buyers of late or second payments that were returned."""
    log.append_all(of_payments(payments, seller=REFUNDED, buyer=PAYMENT_REFUNDED))


def refund_due(*payments: Payment) -> None:
    """Notifies sellers and buyers of money that arrived after the order had ended."""
    log.append_all(of_payments(payments, seller=REFUND_DUE, buyer=PAYMENT_REFUND_DUE))


def of_payments(payments: Iterable[Payment], *, seller: Kind, buyer: Kind) -> Iterable[Event]:
    """Yields the events of payments that do not pay their orders."""
    for payment in payments:
        order = payment.order
        for channel, kind in ((seller_channel(order), seller), (buyer_channel(order), buyer)):
            refund = event(channel, kind, order)
            # The key contains the payment, because an order may have several that are due.
            refund.key = f"{kind.name}:{order.number}:{payment.pk}:{channel}"
            yield refund


def declined(payments: Sequence[Payment]) -> Iterable[Event]:
    """Yields the events of failed attempts, in their order; takes one query if there are any."""
    if not payments:
        return
    failed = Payment.objects.filter(
        order__in={payment.order_id for payment in payments}, outcome=Payment.Outcome.FAILED
    )
    attempts: Counter[int] = Counter(dict(failed.order_by().values_list("order").annotate(Count("pk"))))
    attempts.subtract(payment.order_id for payment in payments)
    for payment in payments:
        order = payment.order
        attempts[order.pk] += 1
        for channel, kind in ((buyer_channel(order), PAYMENT_FAILED), (order.channel, PAYMENT_DECLINED)):
            attempt = event(channel, kind, order)
            attempt.data = {**attempt.data, "attempt": attempts[order.pk]}
            # The key contains the payment, because an order may have several attempts.
            attempt.key = f"{kind.name}:{order.number}:{payment.pk}:{channel}"
            yield attempt


def settled(orders: Iterable[Order], kind: Kind, *, seller: Kind | None = None) -> Iterable[Event]:
    """Yields the events of orders that have ended; on the payment page's channel `finish` is the last one."""
    for order in orders:
        outcome_url = reverse("orders:outcome", args=[order.number])
        if seller is not None:
            yield event(seller_channel(order), seller, order)
        yield event(buyer_channel(order), kind, order)
        yield event(order.channel, kind, order, url=outcome_url)
        finish = event(order.channel, FINISH, order, url=outcome_url)
        finish.data = {**finish.data, "outcome": order.status}
        yield finish
