"""The payment provider's side, for the demo and the lab: signs callbacks and sends them as a provider would."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from orders.models import Order
from orders.payments import callbacks
from orders.payments.callbacks import Answer, Arrival
from orders.payments.providers import STANDARD, StandardWebhooks

PATH = "/payments/callback/"
# Providers wait this long: WeChat Pay 5 s, Stripe 10 s.
TIMEOUT_SECONDS = 10


def new_id() -> str:
    """Returns an id for a new report."""
    return f"msg_{uuid4().hex}"


@dataclass(slots=True)
class Message:
    """One callback, to be signed; a resend has the same id and body, as the specification demands."""

    order: Order
    succeeded: bool = True
    id: str = field(default_factory=new_id)
    amount: str | None = None
    currency: str | None = None
    # The body's timestamp; the same in every resend.
    happened_at: datetime = field(default_factory=timezone.now)
    sent_at: datetime | None = None
    secret: str | None = None
    bad_signature: bool = False
    # If set, it is signed and sent instead of the body that the other fields describe.
    raw: str | None = None

    def body(self) -> str:
        """Returns the body: type, timestamp and data of Standard Webhooks."""
        if self.raw is not None:
            return self.raw
        kind = "payment.succeeded" if self.succeeded else "payment.failed"
        data: dict[str, Any] = {
            "order": self.order.number,
            "amount": self.amount or f"{self.order.amount:.2f}",
            "currency": self.currency or self.order.currency,
        }
        return json.dumps({"type": kind, "timestamp": self.happened_at.isoformat(), "data": data})

    def signed(self) -> tuple[dict[str, str], bytes]:
        """Returns headers and body, signed now or at `sent_at`."""
        provider = StandardWebhooks([self.secret or settings.PAYMENT_CALLBACK_SECRETS[0]])
        body = self.body()
        headers = provider.sign(self.id, self.sent_at or timezone.now(), body)
        if self.bad_signature:
            headers["webhook-signature"] = "v1," + "A" * 43 + "="
        return headers, body.encode()


def deliver(message: Message, source: str) -> Answer:
    """Passes a callback to the code that receives all callbacks (verify, parse, apply, store), without the network."""
    headers, body = message.signed()
    return callbacks.receive(Arrival(STANDARD, headers, body, source))


@dataclass(frozen=True, slots=True)
class Reply:
    """The site's HTTP response; with status 0 there was none, and `text` has the reason."""

    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status} {self.text}" if self.status else f"no answer: {self.text}"


def post(message: Message, site: str) -> Reply:
    """Sends a callback over HTTP to a site such as http://127.0.0.1:8000."""
    headers, body = message.signed()
    request = Request(site + PATH, body, headers)  # noqa: S310  the caller's own site
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return Reply(response.status, response.read(1000).decode(errors="replace"))
    except HTTPError as error:
        with error:
            return Reply(error.code, error.read(1000).decode(errors="replace"))
    except (OSError, HTTPException) as error:
        return Reply(0, str(getattr(error, "reason", error) or type(error).__name__))
