"""The way in for callbacks under load: those that wait while a transaction commits go into the next one together.

The view in views.py does the same one at a time, in a thread of its own for each: an ASGI server takes this one.
"""

import logging
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest

from notifications.concurrency import Batcher
from orders import callbacks
from orders.callbacks import AGAIN, LARGEST_BODY, Answer, Arrival
from orders.providers import PROVIDERS, STANDARD

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]

# Callbacks in one transaction: more would keep the first of them waiting, and hardly save statements.
MOST_TOGETHER = 50
# Callbacks that may wait; whoever comes then is asked to come again.
MOST_WAITING = 1000


class CallbackIntake:
    """ASGI application for the providers' address; whatever is not plainly a callback goes the ordinary way."""

    def __init__(self, otherwise: Application) -> None:
        """otherwise: Django, whose view answers in the same words."""
        self.otherwise = otherwise
        self.together = Batcher(callbacks.receive_all, name="callbacks", most=MOST_TOGETHER)

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
        body = await read_body(receive)
        source = request.META.get("REMOTE_ADDR") or "unknown"
        answer = await self.answer(Arrival(provider, request.headers, body, source))
        content = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def answer(self, arrival: Arrival) -> Answer:
        """Returns what the provider is answered, once what it says is committed."""
        if self.together.waiting >= MOST_WAITING:
            return callbacks.refusal(503, AGAIN)
        try:
            return await self.together.do(arrival)
        except Exception:
            logger.exception("a callback could not be taken; the provider is asked to send it again")
            return callbacks.refusal(503, AGAIN)


def is_well_addressed(request: ASGIRequest) -> bool:
    """Whether a request came to a host that is served here, and by HTTPS where that is asked; Django says what is wrong."""
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return request.is_secure() or not settings.SECURE_SSL_REDIRECT


async def read_body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    """Reads a body, and no more of a large one than shows that it is too large."""
    body = b""
    more = True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[: LARGEST_BODY + 1]
