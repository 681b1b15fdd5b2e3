"""Payments: from a provider's callback to the end of an order.

A callback arrives at `callback_application` (or at the view, under WSGI), `callbacks` verifies it with the provider's class
(`providers`) and applies what it reports (`settlement`), and the payment page learns the result from its stream (`stream`).

Invariants, each with a test (tests/orders/test_state_machine.py):
- A transition of an order is one conditional UPDATE: of several at once, one wins.
- The winner appends the events in the same transaction; the losers change nothing.
- A report is applied once, by its provider and id; another body with the same id is refused. Money that does not pay its order is kept and due for refund.
- A failed attempt leaves its order payable; one that is reported after the order has ended changes nothing.
- A provider gets 2xx only after the commit.

May import: orders.models, notifiers, limits, money, and the public names of notifications.
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
