"""Run inside the settings of this project: orders that wait for their payment, and the provider's signed callbacks.

    python -m tests.benchmarks.paying COUNT COOKIES_FILE OUTPUT

Writes one JSON object a line: the order's number, its buyer's cookie, and the body and headers of its callback, signed now.
They hold for five minutes: the load client only sends them.
"""

import json
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import django
from django.contrib.auth import get_user_model
from django.utils import timezone

WINDOW = timedelta(hours=1)


def main(count: str, cookies: str, output: str) -> None:
    django.setup()
    from orders.demo.simulator import Message
    from orders.models import Order, Product

    sessions = Path(cookies).read_text().splitlines()
    people = list(get_user_model().objects.filter(username__startswith="reader").order_by("pk"))
    seller, _ = get_user_model().objects.get_or_create(username="seller")
    product, _ = Product.objects.get_or_create(seller=seller, name="Tea", price=Decimal("12.50"))
    now = timezone.now()
    # Placed without signals: what is measured is the payment alone.
    orders = Order.objects.bulk_create(
        [
            Order(
                buyer=people[number % len(people)],
                product=product,
                amount=product.price,
                currency=product.currency,
                placed_at=now,
                expires_at=now + WINDOW,
            )
            for number in range(int(count))
        ]
    )
    with Path(output).open("w") as file:
        for number, order in enumerate(orders):
            order.product = product
            headers, body = Message(order).signed()
            line = {"order": order.number, "cookie": sessions[number % len(people)], "headers": headers}
            file.write(json.dumps({**line, "body": body.decode()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
