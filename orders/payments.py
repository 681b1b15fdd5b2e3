"""How an order's payment ends: each way one conditional UPDATE, so that of several at once one wins.

    pending ─▶ paid | failed | expired

The winner writes the events in the same transaction; the losers change nothing and learn where the order stands. Money
that arrives at an order which is no longer pending is kept, flagged as due for refund, and told to both sides.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from orders import notifiers
from orders.models import Order, OrderQuerySet, Payment, Status
from orders.providers import Rejected, Report


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a report. `word` is one of APPLIED, DUPLICATE, REFUND_DUE and UNCHANGED."""

    word: str
    order: Order


APPLIED = "applied"
DUPLICATE = "duplicate"
REFUND_DUE = "refund due"
# A failure reported of an order that has already ended otherwise.
UNCHANGED = "unchanged"


def apply(report: Report) -> Result:
    """Applies a provider's report; idempotent by its id, whatever the number of processes.

    Raises Rejected where it contradicts the order.
    """
    with transaction.atomic():
        order = (
            Order.objects.select_for_update(of=("self",))
            .select_related("product", "buyer")
            .filter(number=report.order_number)
            .first()
        )
        if order is None:
            raise Rejected("there is no such order", 404)
        if Payment.objects.filter(report_id=report.id).exists():
            return Result(DUPLICATE, order)
        if (report.amount, report.currency) != (order.amount, order.currency):
            raise Rejected("amount or currency is not the order's", 409)
        expire(order)
        won = settle(order, Status.PAID if report.succeeded else Status.FAILED)
        payment = Payment.objects.create(
            order=order,
            report_id=report.id,
            outcome=Payment.Outcome.SUCCEEDED if report.succeeded else Payment.Outcome.FAILED,
            amount=report.amount,
            currency=report.currency,
            applied=won,
            refund_due=report.succeeded and not won,
        )
        if won:
            (notifiers.order_paid if report.succeeded else notifiers.payment_failed)(order)
            return Result(APPLIED, order)
        if payment.refund_due:
            notifiers.refund_due(payment)
            return Result(REFUND_DUE, order)
        return Result(UNCHANGED, order)


def settle(order: Order, status: Status, *, now: datetime | None = None) -> bool:
    """Moves a pending order to its end; True for the one caller that did it. The others see where it stands."""
    changes: dict[str, Any] = {"status": status}
    if status == Status.PAID:
        changes["paid_at"] = now or timezone.now()
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
