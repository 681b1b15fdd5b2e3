"""`manage.py simulate_payment`: plays the payment provider; sends one signed callback over HTTP to the running site."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from orders import callbacks
from orders.models import Order, Payment

TIMEOUT_SECONDS = 30


class Command(BaseCommand):
    """Sends the callback with which a provider reports a payment."""

    help = "Sends the signed callback of a payment to the running site, as the payment provider would."

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds the order, the outcome and where the site is."""
        parser.add_argument("number", type=int, metavar="ORDER_NUMBER")
        parser.add_argument("--outcome", choices=["paid", "failed"], default="paid")
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="the site (default %(default)s)")

    def handle(self, *, number: int, outcome: str, base_url: str, **options: Any) -> None:
        """Sends the callback; a rejected one or a site that does not answer is an error."""
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise CommandError("--base-url must begin with http:// or https://")
        order = Order.objects.filter(number=number).first()
        if order is None:
            raise CommandError(f"there is no order {number}")
        result = Payment.Outcome.SUCCEEDED if outcome == "paid" else Payment.Outcome.FAILED
        data = {"order": order.number, "amount": str(order.amount), "currency": order.currency}
        now = timezone.now()
        body = json.dumps({"type": f"payment.{result}", "timestamp": now.isoformat(), "data": data})
        headers = callbacks.sign(settings.PAYMENT_CALLBACK_SECRETS[0], f"msg_{uuid4().hex}", now, body)
        request = Request(urljoin(base_url, "/payments/callback/"), body.encode(), headers)  # noqa: S310
        self.stdout.write(f"POST {request.full_url} payment.{result} {order.amount} {order.currency}")
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                self.stdout.write(f"{response.status} {response.read().decode()}")
        except HTTPError as error:
            raise CommandError(f"{error.code} {error.read().decode(errors='replace')[:500]}") from None
        except (URLError, TimeoutError) as error:
            raise CommandError(f"the site does not answer at {base_url}: {getattr(error, 'reason', error)}") from None
