"""The shop's notifications: their kinds, wording and recipients.

A save of an order notifies by itself. After QuerySet.update() or bulk_create(), which send no signals, call the functions at the
end; each may be called again for the same order, because the keys of its events are unique.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from notifications import log
from notifications.models import Event
from notifications.notifiers import Notifier, changed, created
from orders.models import Order, Payment, Status
from orders.money import display

# The number in a channel's name has one form, so that an order has one channel.
NUMBER = re.compile(r"[1-9][0-9]{0,17}")
SELLER = "seller:%(product.seller_id)s"
BUYER = "buyer"
# The channel that the order's payment page reads.
PAGE = "order:%(number)s"


def with_amount(data: Mapping[str, Any]) -> dict[str, Any]:
    """Adds `price`, the amount in the reader's format."""
    return {**data, "price": display(Decimal(data["amount"]), data["currency"])}


class OfOrder(Notifier, abstract=True):
    """An event of an order; its data is the order as it is then."""

    model = Order

    @classmethod
    def data(cls, row: Order) -> dict[str, Any]:
        return {
            "number": row.number,
            "buyer": row.buyer.get_username(),
            "product": row.product.name,
            "amount": str(row.amount),
            "currency": row.currency,
        }


class WithPrice(OfOrder, abstract=True):
    """An event whose body is the product and the price."""

    body = _("%(product)s, %(price)s")
    prepare = with_amount


class OrderPlaced(WithPrice):
    when = created
    to = SELLER
    name = "order.placed"
    label = _("New order")
    title = _("%(buyer)s placed order %(number)s")
    grouped = ngettext_lazy("%(count)d new order", "%(count)d new orders", "count")


class OrderPaid(WithPrice):
    when = changed("status", to=Status.PAID)
    to = SELLER
    name = "order.paid"
    label = _("Order paid")
    title = _("%(buyer)s paid order %(number)s")
    grouped = ngettext_lazy("%(count)d order paid", "%(count)d orders paid", "count")


class OrderExpired(WithPrice):
    when = changed("status", to=Status.EXPIRED)
    to = SELLER
    name = "order.expired"
    label = _("Order expired")
    title = _("Order %(number)s expired unpaid")
    grouped = ngettext_lazy("%(count)d order expired unpaid", "%(count)d orders expired unpaid", "count")


class OrderCancelled(WithPrice):
    when = changed("status", to=Status.CANCELLED)
    to = SELLER
    name = "order.cancelled"
    label = _("Order cancelled")
    title = _("Order %(number)s was cancelled")
    grouped = ngettext_lazy("%(count)d order cancelled", "%(count)d orders cancelled", "count")


class OrderRefunded(WithPrice):
    when = changed("status", to=Status.REFUNDED)
    to = SELLER
    name = "order.refunded"
    label = _("Order refunded")
    title = _("Order %(number)s was refunded")


class ToBuyer(WithPrice, abstract=True):
    """The outcome of an order, for its buyer and the payment page. Users cannot switch it off."""

    required = True

    @classmethod
    def link(cls, row: Order, channel: str) -> str:
        return reverse("orders:outcome", args=[row.number]) if channel == row.channel else row.get_absolute_url()


class PaymentSucceeded(ToBuyer):
    when = changed("status", to=Status.PAID)
    to = (BUYER, PAGE)
    name = "payment.succeeded"
    label = _("Payment received")
    title = _("Your payment for order %(number)s was received")
    email_at_once = True


class PaymentFailed(WithPrice):
    """A failed attempt. An order may have several, so payment_declined() makes the keys."""

    when = ()
    to = BUYER
    name = "payment.failed"
    label = _("Payment failed")
    title = _("Your payment for order %(number)s failed")
    email_at_once = True
    required = True


class PaymentExpired(ToBuyer):
    when = changed("status", to=Status.EXPIRED)
    to = (BUYER, PAGE)
    name = "payment.expired"
    label = _("Payment window over")
    title = _("The time to pay for order %(number)s is over")


class PaymentCancelled(ToBuyer):
    when = changed("status", to=Status.CANCELLED)
    to = (BUYER, PAGE)
    name = "payment.cancelled"
    label = _("Order cancelled")
    title = _("Your order %(number)s was cancelled")


class PaymentRefunded(ToBuyer):
    when = changed("status", to=Status.REFUNDED)
    to = BUYER
    name = "payment.refunded"
    label = _("Payment refunded")
    title = _("Your payment for order %(number)s was refunded")
    email_at_once = True


class RefundDue(WithPrice):
    """Money that arrived after the order had ended. An order may have several such payments, so refund_due() makes the keys."""

    when = ()
    to = SELLER
    name = "order.refund_due"
    label = _("Refund due")
    title = _("A payment for order %(number)s must be refunded")
    email_at_once = True


class PaymentRefundDue(RefundDue):
    """What the buyer is told of that."""

    to = BUYER
    name = "payment.refund_due"
    label = _("Refund coming")
    title = _("Your payment for order %(number)s came too late or twice, and will be refunded")
    required = True


class PaymentDeclined(OfOrder):
    """A failed attempt, for the payment page: its stream stays open."""

    when = ()
    to = PAGE
    name = "payment.declined"
    label = _("Payment declined")
    title = _("Attempt %(attempt)s to pay was declined. You can try again.")
    listed = False


class Finish(OfOrder):
    """The last event of an order's channel: the stream of the payment page ends with it."""

    when = changed("status", to=(Status.PAID, Status.EXPIRED, Status.CANCELLED))
    to = PAGE
    name = "finish"
    label = _("Finished")
    title = _("Order %(number)s: finished")
    terminal = True

    @classmethod
    def link(cls, row: Order, channel: str) -> str:
        return reverse("orders:outcome", args=[row.number])

    @classmethod
    def data(cls, row: Order) -> dict[str, Any]:
        return {**super().data(row), "outcome": row.status}


def may_read_order(user: AbstractBaseUser, number: str) -> bool:
    """Whether the user may read the channel of this order: only its buyer may."""
    return bool(NUMBER.fullmatch(number)) and Order.objects.filter(number=number, buyer=user.pk).exists()


def seller_names(ids: Collection[str]) -> dict[str, str]:
    """Returns the display names of seller channels; only the seller reads one, so it needs no name of a person."""
    return dict.fromkeys(ids, gettext("Orders placed with you"))


def order_placed(*orders: Order) -> None:
    """Notifies the sellers of new orders."""
    OrderPlaced.notify(*orders)


def order_paid(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    notify(orders, OrderPaid, PaymentSucceeded, Finish)


def order_expired(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    notify(orders, OrderExpired, PaymentExpired, Finish)


def order_cancelled(*orders: Order) -> None:
    """Notifies the sellers and the buyers, and ends the streams of the payment pages."""
    notify(orders, OrderCancelled, PaymentCancelled, Finish)


def order_refunded(*orders: Order) -> None:
    """Notifies the sellers and the buyers of orders whose money was returned."""
    notify(orders, OrderRefunded, PaymentRefunded)


def payment_declined(*payments: Payment) -> None:
    """Notifies the buyers and the payment pages of failed attempts; the streams of the pages stay open."""
    log.append_all(declined(payments))


def payment_refunded(*payments: Payment) -> None:
    """Notifies the sellers and the buyers of late or second payments that were returned."""
    log.append_all(of_payments(payments, OrderRefunded, PaymentRefunded))


def refund_due(*payments: Payment) -> None:
    """Notifies sellers and buyers of money that arrived after the order had ended."""
    log.append_all(of_payments(payments, RefundDue, PaymentRefundDue))


def notify(orders: Iterable[Order], *notifiers: type[OfOrder]) -> None:
    """Appends the events of several notifiers at once, order by order."""
    log.append_all(event for order in orders for notifier in notifiers for event in notifier.events(order))


def of_payments(payments: Iterable[Payment], *notifiers: type[OfOrder]) -> Iterator[Event]:
    """Yields events of single payments: the key contains the payment, because an order may have several."""
    for payment in payments:
        order = payment.order
        for event in (event for notifier in notifiers for event in notifier.events(order)):
            event.key = f"{event.kind}:{order.number}:{payment.pk}:{event.channel}"
            yield event


def declined(payments: Sequence[Payment]) -> Iterator[Event]:
    """Yields the events of failed attempts, in their order; takes one query if there are any."""
    if not payments:
        return
    failed = Payment.objects.filter(
        order__in={payment.order_id for payment in payments}, outcome=Payment.Outcome.FAILED
    )
    attempts: Counter[int] = Counter(dict(failed.order_by().values_list("order").annotate(Count("pk"))))
    attempts.subtract(payment.order_id for payment in payments)
    for payment in payments:
        attempts[payment.order_id] += 1
        for event in of_payments([payment], PaymentFailed, PaymentDeclined):
            event.data = {**event.data, "attempt": attempts[payment.order_id]}
            yield event
