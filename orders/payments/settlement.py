"""How an order's payment ends: by one conditional UPDATE, so that one of several concurrent attempts wins.

    pending ─▶ paid | expired | cancelled
    paid ─▶ refunded

The winner writes the events in the same transaction; the others change nothing and read the new status. Money that
arrives for an order which is no longer pending is kept, flagged as due for refund, and announced to seller and buyer. A
failed attempt is kept and announced to the buyer; the order stays payable until its window ends.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import DatabaseError, router, transaction
from django.utils import timezone

from orders import notifiers
from orders.models import Order, OrderQuerySet, Payment, Status
from orders.payments.providers import Rejected, Report


class Effect(StrEnum):
    """The effect of a report on its order."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUND_DUE = "refund due"
    # A failed attempt; the order stays payable.
    DECLINED = "declined"
    # A failed attempt, reported after the order had ended.
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a report."""

    effect: Effect
    order: Order


def apply_all(reports: Sequence[Report]) -> list[Result | Rejected]:
    """Applies reports in one transaction, as if one after the other; idempotent by provider and id across processes.

    Returns for each report, in the same order, its result, or a Rejected if it contradicts its order or repeats an id
    with another body. Many reports take hardly more statements than one, which makes hundreds of callbacks a second
    possible.
    """
    with transaction.atomic(using=router.db_for_write(Order), savepoint=False):
        # Ordered by number, so that two processes which lock some of the same orders never deadlock.
        locked = Order.objects.select_for_update(of=("self",)).select_related("product", "buyer").order_by("number")
        orders = {order.number: order for order in locked.filter(number__in={each.order_number for each in reports})}
        # A separate statement after the locks, so that it sees the commits of the processes that held them before.
        known = digests_of(reports)
        for locked_order in orders.values():
            # Before the reports, so that no event of an attempt follows the last event of a payment page.
            expire(locked_order)
        paid: list[Order] = []
        kept: dict[Effect, list[Payment]] = {effect: [] for effect in Effect}
        results: list[Result | Rejected] = []
        for report in reports:
            order = orders.get(report.order_number)
            if is_other_body(report, known):
                results.append(Rejected("another body has come with this id", 409, level=logging.ERROR))
            elif order is None:
                results.append(Rejected("there is no such order", 404))
            elif report.key in known:
                results.append(Result(Effect.DUPLICATE, order))
            elif (report.amount, report.currency) != (order.amount, order.currency):
                results.append(Rejected("amount or currency is not the order's", 409))
            else:
                known[report.key] = report.digest
                effect = effect_of(report, order)
                if effect == Effect.APPLIED:
                    order.status = Status.PAID
                    paid.append(order)
                kept[effect].append(payment_of(order, report, effect))
                results.append(Result(effect, order))
        if paid and not end(paid, Status.PAID):
            raise DatabaseError("an order has changed though its row was locked")
        Payment.objects.bulk_create([payment for payments in kept.values() for payment in payments])
        # In this order, because the success ends the stream of a payment page.
        notifiers.payment_declined(*kept[Effect.DECLINED])
        notifiers.order_paid(*paid)
        notifiers.refund_due(*kept[Effect.REFUND_DUE])
    return results


def digests_of(reports: Sequence[Report]) -> dict[tuple[str, str], str]:
    """Returns the digests of the bodies of those reports that were applied before, by key."""
    same_id = Payment.objects.filter(report_id__in=[report.id for report in reports])
    rows = same_id.values_list("provider", "report_id", "body_digest")
    return {(provider, report_id): digest for provider, report_id, digest in rows}


def is_other_body(report: Report, known: Mapping[tuple[str, str], str]) -> bool:
    """Whether a report with this id was applied before with another body, so that this one is no resend."""
    taken = known.get(report.key, "")
    # A payment of an earlier release has no digest to compare with.
    return "" not in (taken, report.digest) and taken != report.digest


def effect_of(report: Report, order: Order) -> Effect:
    """Returns the effect of a new report on its order, which is locked, and expired if its window is over."""
    pending = order.status == Status.PENDING
    if report.succeeded:
        return Effect.APPLIED if pending else Effect.REFUND_DUE
    return Effect.DECLINED if pending else Effect.UNCHANGED


def payment_of(order: Order, report: Report, effect: Effect) -> Payment:
    """Returns the row of a report, unsaved."""
    return Payment(
        order=order,
        provider=report.provider,
        report_id=report.id,
        body_digest=report.digest,
        outcome=Payment.Outcome.SUCCEEDED if report.succeeded else Payment.Outcome.FAILED,
        amount=report.amount,
        currency=report.currency,
        applied=effect == Effect.APPLIED,
        refund_due=effect == Effect.REFUND_DUE,
    )


def end(orders: Sequence[Order], status: Status, *, now: datetime | None = None) -> bool:
    """Ends pending orders with one conditional UPDATE; returns False if one of them is no longer pending."""
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
    """Ends a pending order; returns True to the one caller that did. For the others it refreshes the order."""
    won = end([order], status, now=now)
    if not won:
        order.refresh_from_db(fields=["status", "paid_at", "refunded_at"])
    return won


def expire(order: Order) -> bool:
    """Expires an order whose window is over; returns True to the one caller that did.

    Code that reads an order calls it.
    """
    if not order.is_overdue:
        return False
    with transaction.atomic(using=router.db_for_write(Order)):
        won = settle(order, Status.EXPIRED)
        if won:
            notifiers.order_expired(order)
    return won


def cancel(order: Order) -> bool:
    """Cancels a pending order; returns True to the one caller that did. Money that arrives later is due for refund."""
    with transaction.atomic(using=router.db_for_write(Order)):
        won = settle(order, Status.CANCELLED)
        if won:
            notifiers.order_cancelled(order)
    return won


def refund(order: Order) -> bool:
    """Records that the money of a paid order was returned; returns True to the one caller that did."""
    now = timezone.now()
    with transaction.atomic(using=router.db_for_write(Order)):
        paid = Order.objects.filter(number=order.number, status=Status.PAID)
        if not paid.update(status=Status.REFUNDED, refunded_at=now):
            order.refresh_from_db(fields=["status", "paid_at", "refunded_at"])
            return False
        order.status, order.refunded_at = Status.REFUNDED, now
        order.payments.filter(applied=True).update(refunded_at=now)
        notifiers.order_refunded(order)
    return True


def refund_payment(payment: Payment) -> bool:
    """Records that money which did not pay its order was returned; returns True to the one caller that did."""
    with transaction.atomic(using=router.db_for_write(Order)):
        due = Payment.objects.filter(pk=payment.pk, refund_due=True)
        won = bool(due.update(refund_due=False, refunded_at=timezone.now()))
        if won:
            notifiers.payment_refunded(payment)
    return won


def expire_overdue(orders: OrderQuerySet | None = None) -> int:
    """Expires those of the orders (default: all) whose window is over; returns their number."""
    overdue = (Order.objects.all() if orders is None else orders).overdue().select_related("product", "buyer")
    return sum(expire(order) for order in overdue.iterator())
