"""The way in for callbacks under load: those that wait while a transaction commits go into the next one together.

The view in views.py does the same one at a time, in a thread of its own for each: an ASGI server takes this one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import connections

from orders import callbacks
from orders.callbacks import AGAIN, LARGEST_BODY, Answer, Arrival
from orders.providers import PROVIDERS, STANDARD

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]

# Callbacks in one transaction: more would keep the first of them waiting, and hardly save statements.
MOST_TOGETHER = 50
# Callbacks that may wait; whoever comes then is asked to come again.
MOST_WAITING = 1000


class Batches:
    """Takes callbacks in one thread, all that wait at a time."""

    def __init__(self) -> None:
        """Starts no thread before the first callback."""
        self._waiting: deque[tuple[Arrival, asyncio.Future[Answer]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callbacks")
        self._worker: asyncio.Task[None] | None = None

    async def take(self, arrival: Arrival) -> Answer:
        """Returns the answer once what it says is committed."""
        if len(self._waiting) >= MOST_WAITING:
            return callbacks.refusal(503, AGAIN)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, answer))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        """Works off what waits, and ends when nothing does."""
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
                answers = await self._answers([arrival for arrival, _future in together])
                for (_arrival, future), answer in zip(together, answers, strict=True):
                    # The provider may have hung up; what it said has been taken all the same.
                    if not future.done():
                        future.set_result(answer)
        finally:
            self._worker = None

    async def _answers(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, partial(receive_all, arrivals))
        except Exception:
            logger.exception(
                "%d callbacks could not be taken; the providers are asked to send them again", len(arrivals)
            )
            return [callbacks.refusal(503, AGAIN)] * len(arrivals)


def receive_all(arrivals: Sequence[Arrival]) -> list[Answer]:
    """Takes callbacks, and keeps no connection to the database afterwards."""
    try:
        return callbacks.receive_all(arrivals)
    finally:
        connections.close_all()


class CallbackIntake:
    """ASGI application for the providers' address; whatever is not plainly a callback goes the ordinary way."""

    def __init__(self, otherwise: Application) -> None:
        """otherwise: Django, whose view answers in the same words."""
        self.otherwise = otherwise
        self.batches = Batches()

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
        answer = await self.batches.take(Arrival(provider, request.headers, body, source))
        content = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


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
