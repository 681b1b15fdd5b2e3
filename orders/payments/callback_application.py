"""The ASGI application for callbacks: those that wait while a transaction commits go into the next one in a batch.

The view in views.py does the same for one callback at a time, in a thread of its own; a WSGI server has only that.
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

# Callbacks in one transaction: with more, the first would wait longer and hardly a statement would be saved.
BATCH = 50
# Callbacks that may wait; past that the provider is asked to send again.
MOST_WAITING = 1000


class CallbackApplication:
    """Answers the providers' addresses; a request that is not plainly a callback is passed on to Django."""

    def __init__(self, otherwise: Application) -> None:
        """otherwise: the ASGI application of Django, whose view answers with the same texts."""
        self.otherwise = otherwise
        self.batcher = Batcher(callbacks.receive_all, name="callbacks", most=BATCH)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answers one request."""
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
        """Returns the answer, after the commit."""
        if self.batcher.waiting >= MOST_WAITING:
            return callbacks.refusal(503, AGAIN)
        try:
            return await self.batcher.submit(arrival)
        except Exception:
            logger.exception("a callback could not be taken; the provider is asked to send it again")
            return callbacks.refusal(503, AGAIN)


def is_well_addressed(request: ASGIRequest) -> bool:
    """Whether the host is served here, and HTTPS is used where the settings demand it; if not, Django answers."""
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return request.is_secure() or not settings.SECURE_SSL_REDIRECT


async def read_body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes | None:
    """Reads a body; of a body that is too large, only as much as shows it. None if the client leaves before its end."""
    body = b""
    more = True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[: LARGEST_BODY + 1]
