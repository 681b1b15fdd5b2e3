"""How an order's payment ends: each way one conditional UPDATE, so that of several at once one wins.

    pending ─▶ paid | expired | cancelled
    paid ─▶ refunded

The winner writes the events in the same transaction; the losers change nothing and learn where the order stands. Money
that arrives at an order which is no longer pending is kept, flagged as due for refund, and told to both sides. An
attempt that failed is kept and told to the buyer, and moves nothing: the order is payable until its window ends.
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
    """What a report did to its order."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUND_DUE = "refund due"
    # A failed attempt; the order stays payable.
    DECLINED = "declined"
    # A failed attempt, reported after the order had ended.
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a report."""

    effect: Effect
    order: Order


def apply_all(reports: Sequence[Report]) -> list[Result | Rejected]:
    """Applies reports in one transaction, as if one after the other; idempotent by id, whatever the number of processes.

    A report that comes again with its id but another body is rejected: it may be of other money.

    Returns in their place what became of them, or why one contradicts its order. Many cost hardly more statements than
    one: that is what makes hundreds of callbacks a second possible.
    """
    with transaction.atomic(savepoint=False):
        # By number: two processes that lock some of the same orders never wait for each other in a circle.
        locked = Order.objects.select_for_update(of=("self",)).select_related("product", "buyer").order_by("number")
        orders = {order.number: order for order in locked.filter(number__in={each.order_number for each in reports})}
        # A statement of its own, behind the locks: only then does it see what whoever held them before has committed.
        known = digests_of(reports)
        for locked_order in orders.values():
            # Before the reports: no attempt is told to a payment page behind its last event.
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
        # In this order: a payment page takes nothing behind the success.
        notifiers.payment_declined(*kept[Effect.DECLINED])
        notifiers.order_paid(*paid)
        notifiers.refund_due(*kept[Effect.REFUND_DUE])
    return results


def digests_of(reports: Sequence[Report]) -> dict[tuple[str, str], str]:
    """Returns the reports that were taken before, by key, with the digests of their bodies."""
    same_id = Payment.objects.filter(report_id__in=[report.id for report in reports])
    rows = same_id.values_list("provider", "report_id", "body_digest")
    return {(provider, report_id): digest for provider, report_id, digest in rows}


def is_other_body(report: Report, known: Mapping[tuple[str, str], str]) -> bool:
    """Whether a report with its id was taken before, with another body: then this one is no resend."""
    taken = known.get(report.key, "")
    # Without both digests there is nothing to compare.
    return "" not in (taken, report.digest) and taken != report.digest


def effect_of(report: Report, order: Order) -> Effect:
    """Returns what a new report does to its order, which is locked, and expired where its window is over."""
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
        order.refresh_from_db(fields=["status", "paid_at", "refunded_at"])
    return won


def expire(order: Order) -> bool:
    """Expires an order whose window is over; True for the one caller that did it. Whoever looks first calls this."""
    if not order.is_overdue:
        return False
    with transaction.atomic(using=router.db_for_write(Order)):
        won = settle(order, Status.EXPIRED)
        if won:
            notifiers.order_expired(order)
    return won


def cancel(order: Order) -> bool:
    """Cancels a pending order; True for the one caller that did it. Money that arrives later is due for refund."""
    with transaction.atomic(using=router.db_for_write(Order)):
        won = settle(order, Status.CANCELLED)
        if won:
            notifiers.order_cancelled(order)
    return won


def refund(order: Order) -> bool:
    """Notes that the money of a paid order has been given back; True for the one caller that did it."""
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
    """Notes that money which did not pay its order has been given back; True for the one caller that did it."""
    with transaction.atomic(using=router.db_for_write(Order)):
        due = Payment.objects.filter(pk=payment.pk, refund_due=True)
        won = bool(due.update(refund_due=False, refunded_at=timezone.now()))
        if won:
            notifiers.payment_refunded(payment)
    return won


def expire_overdue(orders: OrderQuerySet | None = None) -> int:
    """Expires those of the orders (default: of all) whose window is over; returns how many."""
    overdue = (Order.objects.all() if orders is None else orders).overdue().select_related("product", "buyer")
    return sum(expire(order) for order in overdue.iterator())
