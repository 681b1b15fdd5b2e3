"""Callbacks as a provider sends them."""

from notifications import log
from orders.demo.simulator import Message
from orders.models import Order

URL = "/payments/callback/"


def send(client, placed: Order, *, headers=None, url: str = URL, **fields):
    """Sends a callback for the order, altered as asked; `raw` is a body that is signed as it is.

    Sent again with the same fields, it has the same body, as a provider's resend has.
    """
    signed, text = Message(placed, **{"happened_at": placed.placed_at, **fields}).signed()
    signed |= headers or {}
    kind = signed.pop("content-type")
    return client.post(url, data=text, content_type=kind, headers={name: v for name, v in signed.items() if v})


def kinds(channel: str | None = None) -> list[str]:
    return [event.kind for event in log.read(0) if channel in (None, event.channel)]
