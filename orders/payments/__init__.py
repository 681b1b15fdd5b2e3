"""Payments: a provider's callback on its way to the order, and how an order's payment ends.

`callback_application` (under WSGI the view) receives a callback, `callbacks` verifies it with the provider's class
(`providers`) and applies its report (`settlement`), and the payment page reads the result from its stream (`stream`).

Invariants, each with a test (tests/orders/test_state_machine.py, tests/orders/callbacks/):
- A transition of an order is one conditional UPDATE with one winner, which appends the events in the same transaction.
- A report is applied once, by its provider and id; another body with the same id is refused.
- Money is never dropped: a payment that does not pay its order is kept and due for refund.
- A failed attempt leaves its order payable; one that is reported after the order has ended changes nothing.
- A provider gets a 2xx only after the commit.

May import: orders.models, notifiers, limits, addresses, money, and the public names of notifications.
"""

from orders.payments.providers import PROVIDERS, STANDARD, Provider, Rejected, Report, parse_amount
from orders.payments.settlement import (
    Effect,
    Result,
    apply_all,
    cancel,
    expire,
    expire_overdue,
    refund,
    refund_payment,
    settle,
)

__all__ = [
    "PROVIDERS",
    "STANDARD",
    "Effect",
    "Provider",
    "Rejected",
    "Report",
    "Result",
    "apply_all",
    "cancel",
    "expire",
    "expire_overdue",
    "parse_amount",
    "refund",
    "refund_payment",
    "settle",
]
