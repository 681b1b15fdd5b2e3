"""How an order's payment ends: each way one conditional UPDATE, so that of several at once one wins.

The winner writes the events in the same transaction; the losers change nothing and learn where the order stands.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone

from orders import notifiers
from orders.models import Order, OrderQuerySet, Payment, Status

OUTCOMES = {
    Payment.Outcome.SUCCEEDED: (Status.PAID, notifiers.order_paid),
    Payment.Outcome.FAILED: (Status.FAILED, notifiers.payment_failed),
}


class Rejected(Exception):
    """A callback that will never succeed; says why."""

    def __init__(self, reason: str, status: int = 400) -> None:
        """reason: for the provider's developers, as is. status: a 4xx."""
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Callback:
    """What a provider reports: one attempt to pay one order, under an id that repeats with every resend."""

    id: str
    order_number: int
    outcome: str
    amount: Decimal
    currency: str
    body: str


def parse(callback_id: str, body: bytes) -> Callback:
    """Reads a callback's body: JSON {"type": "payment.succeeded" | "payment.failed", "data": {"order", "amount",
    "currency"}}; the amount is a string. Unknown fields are kept in `body`. Raises Rejected.
    """
    try:
        text = body.decode()
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected("the body is not JSON in UTF-8, or nested too deep") from None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        raise Rejected("the body must be an object with an object in `data`")
    subject, _dot, outcome = str(content.get("type")).partition(".")
    if subject != "payment" or outcome not in Payment.Outcome.values:
        raise Rejected("`type` must be payment.succeeded or payment.failed")
    number = data.get("order")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
        raise Rejected("`data.order` must be an order's number")
    currency = data.get("currency")
    if not isinstance(currency, str):
        raise Rejected("`data.currency` must be a string")
    return Callback(callback_id, number, outcome, parse_amount(data.get("amount")), currency, text)


def parse_amount(value: Any) -> Decimal:
    """Reads an amount from a string such as "12.50"; a JSON number would have passed through binary floating point."""
    if not isinstance(value, str) or len(value) > 20:
        raise Rejected('`data.amount` must be a string such as "12.50"')
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise Rejected('`data.amount` must be a string such as "12.50"') from None
    if not amount.is_finite() or amount <= 0:
        raise Rejected("`data.amount` must be greater than 0")
    return amount


def apply(callback: Callback) -> str:
    """Applies a callback and returns what became of it: "applied", "duplicate" or "too late".

    Raises Rejected where it contradicts the order. Idempotent by the callback's id, whatever the number of processes.
    """
    with transaction.atomic():
        order = (
            Order.objects.select_for_update(of=("self",))
            .select_related("product", "buyer")
            .filter(number=callback.order_number)
            .first()
        )
        if order is None:
            raise Rejected("there is no such order", 404)
        if Payment.objects.filter(callback_id=callback.id).exists():
            return "duplicate"
        if (callback.amount, callback.currency) != (order.amount, order.currency):
            raise Rejected("amount or currency is not the order's", 409)
        expire(order)
        status, notify = OUTCOMES[Payment.Outcome(callback.outcome)]
        applied = settle(order, status)
        Payment.objects.create(
            order=order,
            callback_id=callback.id,
            outcome=callback.outcome,
            amount=callback.amount,
            currency=callback.currency,
            applied=applied,
            body=callback.body,
        )
        if applied:
            notify(order)
        return "applied" if applied else "too late"


def settle(order: Order, status: Status, *, now: datetime | None = None) -> bool:
    """Moves a pending order to its end; True for the one caller that did it."""
    now = now or timezone.now()
    changes: dict[str, Any] = {"status": status}
    if status == Status.PAID:
        changes["paid_at"] = now
    won = Order.objects.filter(number=order.number, status=Status.PENDING).update(**changes) == 1
    if won:
        for name, value in changes.items():
            setattr(order, name, value)
    else:
        order.refresh_from_db(fields=["status", "paid_at"])
    return won


def expire(order: Order) -> bool:
    """Expires an order whose window is over; True for the one caller that did it. Whoever looks first calls this."""
    if not order.is_overdue:
        return False
    with transaction.atomic():
        won = settle(order, Status.EXPIRED)
        if won:
            notifiers.order_expired(order)
    return won


def expire_overdue(orders: OrderQuerySet | None = None) -> int:
    """Expires those of the orders (default: of all) whose window is over; returns how many."""
    overdue = (Order.objects.all() if orders is None else orders).overdue().select_related("product", "buyer")
    return sum(expire(order) for order in overdue.iterator())
