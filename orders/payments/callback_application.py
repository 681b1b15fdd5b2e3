"""ASGI application for callbacks under load: those that arrive while a transaction commits share the next one.

An ASGI server mounts it beside Django. The view in orders/views.py does the same for one callback at a time, each in a
thread of its own; it serves WSGI and every request that this application hands on.
"""

import logging
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest

from notifications import tracing
from notifications.concurrency import Batcher
from orders.addresses import client_address
from orders.payments import callbacks
from orders.payments.callbacks import AGAIN, LARGEST_BODY, Answer, Arrival
from orders.payments.providers import PROVIDERS, STANDARD

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]

# Callbacks in one transaction. More would delay the first of them and hardly save statements.
BATCH = 50
# Callbacks that may wait; beyond that, providers are asked to send again.
MOST_WAITING = 1000


class CallbackApplication:
    """Receives POST requests of known providers; hands every other request to Django."""

    def __init__(self, otherwise: Application) -> None:
        """otherwise: Django's ASGI application."""
        self.otherwise = otherwise
        self.batcher = Batcher(callbacks.receive_all, name="callbacks", most=BATCH)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        provider = PROVIDERS.get(scope["url_route"]["kwargs"].get("provider", STANDARD.name))
        if (
            scope["method"] != "POST"
            or provider is None
            or not is_well_addressed(request := ASGIRequest(scope, BytesIO()))
        ):
            await self.otherwise(scope, receive, send)
            return
        trace = tracing.begin_trace(request.headers.get("X-Request-ID", ""))
        body = await read_body(receive)
        if body is None:
            # Neither answered nor counted: the client left, and it may have been the provider.
            return
        source = client_address(request)
        answer = await self.answer(Arrival(provider, request.headers, body, source))
        content = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", trace.encode()),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def answer(self, arrival: Arrival) -> Answer:
        """Returns the answer after the callback's batch is committed; 503 if the queue is full or on a failure."""
        if self.batcher.waiting >= MOST_WAITING:
            return callbacks.refusal(503, AGAIN)
        try:
            return await self.batcher.submit(arrival)
        except Exception:
            logger.exception("a callback could not be taken; the provider is asked to send it again")
            return callbacks.refusal(503, AGAIN)


def is_well_addressed(request: ASGIRequest) -> bool:
    """Whether the host is allowed and HTTPS is used where it is required; Django responds to the other requests."""
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return request.is_secure() or not settings.SECURE_SSL_REDIRECT


async def read_body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes | None:
    """Reads a body, at most LARGEST_BODY + 1 bytes, which show that it is too large; None if the client leaves."""
    body = b""
    more = True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[: LARGEST_BODY + 1]
