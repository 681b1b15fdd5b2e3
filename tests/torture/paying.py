"""Payments of a writer's orders: any number of declined attempts before and after the one that pays, some reported twice."""

import random
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from notifications import log
from orders import payments
from orders.models import Order, Payment, Product
from orders.payments.providers import Report

# Longer than any run: no order expires in it.
WINDOW = timedelta(hours=6)
# One reader in so many has a payment page open from the beginning.
PAYS = 3
# One report in so many is sent again, as by a provider that saw no answer.
RESENT = 5


def place(buyer: User, product: Product) -> Order:
    """Places an order that stays payable throughout the run."""
    return Order.objects.create(buyer=buyer, product=product, expires_at=timezone.now() + WINDOW)


class Payer:
    """The reports that are due for the orders of one writer; those of one order are sent in their order."""

    def __init__(self, chance: random.Random, orders: Iterable[Order]) -> None:
        self.chance = chance
        self.due: dict[int, list[Report]] = {}
        # Of each order, the attempts that are declined before one pays.
        self.declined: dict[int, int] = {}
        for order in orders:
            self.take(order)

    def take(self, order: Order) -> None:
        """Draws the attempts to pay an order."""
        before, after = self.chance.choice([0, 0, 1, 2, 3]), self.chance.choice([0, 0, 1, 2])
        outcomes = [False] * before + [True] + [False] * after
        self.declined[order.number] = before
        self.due[order.number] = [
            Report(f"{order.number}-{number}", order.number, succeeded, order.amount, order.currency)
            for number, succeeded in enumerate(outcomes)
        ]

    def next_report(self) -> Report | None:
        """The next report of any order."""
        return self.due[self.chance.choice(list(self.due))][0] if self.due else None

    def delivered(self, report: Report) -> None:
        """Takes note of an answer; without one, or now and then, the report comes again."""
        if self.chance.randrange(RESENT):
            rest = self.due[report.order_number]
            rest.remove(report)
            if not rest:
                del self.due[report.order_number]

    def deliver_the_rest(self) -> None:
        """Delivers everything that is still due."""
        rest = [report for reports in self.due.values() for report in reports]
        for at in range(0, len(rest), 100):
            payments.apply_all(rest[at : at + 100])
        self.due.clear()


def outcome_of(number: int) -> dict[str, object]:
    """How an order ended: its status, the payments that pay it, and what its page received."""
    order = Order.objects.get(number=number)
    return {
        "status": order.status,
        "paid": Payment.objects.filter(order=order, applied=True).count(),
        "page": [event.kind for event in log.read(0, channels=[order.channel])],
    }
