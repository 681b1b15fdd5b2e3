"""How an order's payment ends: each way one conditional UPDATE, so that of several at once one wins.

    pending ─▶ paid | failed | expired

The winner writes the events in the same transaction; the losers change nothing and learn where the order stands. Money
that arrives at an order which is no longer pending is kept, flagged as due for refund, and told to both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from orders import notifiers
from orders.models import Order, OrderQuerySet, Payment, Status
from orders.payments.providers import Rejected, Report


class Effect(StrEnum):
    """What a report did to its order."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUND_DUE = "refund due"
    # A failure reported of an order that has already ended otherwise.
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a report."""

    effect: Effect
    order: Order


def apply_all(reports: Sequence[Report]) -> list[Result | Rejected]:
    """Applies reports in one transaction, as if one after the other; idempotent by id, whatever the number of processes.

    Returns in their place what became of them, or why one contradicts its order. Many cost hardly more statements than
    one: that is what makes hundreds of callbacks a second possible.
    """
    with transaction.atomic(savepoint=False):
        # By number: two processes that lock some of the same orders never wait for each other in a circle.
        locked = Order.objects.select_for_update(of=("self",)).select_related("product", "buyer").order_by("number")
        orders = {order.number: order for order in locked.filter(number__in={each.order_number for each in reports})}
        # A statement of its own, behind the locks: only then does it see what whoever held them before has committed.
        known = set(Payment.objects.filter(report_id__in=[r.id for r in reports]).values_list("report_id", flat=True))
        won: dict[Status, list[Order]] = {Status.PAID: [], Status.FAILED: []}
        kept: list[Payment] = []
        results: list[Result | Rejected] = []
        for report in reports:
            order = orders.get(report.order_number)
            if order is None:
                results.append(Rejected("there is no such order", 404))
            elif report.id in known:
                results.append(Result(Effect.DUPLICATE, order))
            elif (report.amount, report.currency) != (order.amount, order.currency):
                results.append(Rejected("amount or currency is not the order's", 409))
            else:
                known.add(report.id)
                expire(order)
                status = Status.PAID if report.succeeded else Status.FAILED
                applied = order.status == Status.PENDING
                if applied:
                    order.status = status
                    won[status].append(order)
                payment = payment_of(order, report, applied=applied)
                kept.append(payment)
                effect = Effect.APPLIED if applied else Effect.REFUND_DUE if payment.refund_due else Effect.UNCHANGED
                results.append(Result(effect, order))
        for status, settled in won.items():
            if settled and not end(settled, status):
                raise DatabaseError("an order has changed though its row was locked")
        Payment.objects.bulk_create(kept)
        notifiers.order_paid(*won[Status.PAID])
        notifiers.payment_failed(*won[Status.FAILED])
        notifiers.refund_due(*(payment for payment in kept if payment.refund_due))
    return results


def payment_of(order: Order, report: Report, *, applied: bool) -> Payment:
    """What is kept of a report; money that does not pay its order is due for refund."""
    return Payment(
        order=order,
        report_id=report.id,
        outcome=Payment.Outcome.SUCCEEDED if report.succeeded else Payment.Outcome.FAILED,
        amount=report.amount,
        currency=report.currency,
        applied=applied,
        refund_due=report.succeeded and not applied,
    )


def end(orders: Sequence[Order], status: Status, *, now: datetime | None = None) -> bool:
    """Moves pending orders to their end, with one conditional UPDATE; False where one of them was pending no more."""
    changes: dict[str, Any] = {"status": status}
    if status == Status.PAID:
        changes["paid_at"] = now or timezone.now()
    pending = Order.objects.filter(number__in=[order.number for order in orders], status=Status.PENDING)
    if pending.update(**changes) != len(orders):
        return False
    for order in orders:
        for name, value in changes.items():
            setattr(order, name, value)
    return True


def settle(order: Order, status: Status, *, now: datetime | None = None) -> bool:
    """Moves a pending order to its end; True for the one caller that did it. The others see where it stands."""
    won = end([order], status, now=now)
    if not won:
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
