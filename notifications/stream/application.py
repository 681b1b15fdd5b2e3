"""The streams: a plain ASGI application that answers GET with Server-Sent Events out of the log.

It stands beside Django, not under it: Django's own ASGI handler would hold an OS thread and a database connection for
each stream as long as it lives (trap 1). Here a few threads authenticate, close their connections, and are free again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from notifications import metrics, tracing
from notifications.concurrency import and_disconnect
from notifications.stream import runtime, sse
from notifications.stream.asgi import Headers, Receive, Send, body, start
from notifications.stream.connection import Delivery
from notifications.stream.hub import get_manager
from notifications.stream.limits import Shed, require_room
from notifications.stream.opening import Opener, Planner, everything_for
from notifications.stream.plan import Opened
from notifications.stream.request import Ask, Refused, checked_request, origin_headers_of

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Threads that read what a stream missed; more would only wait for the same database and the GIL.
THREADS = 4
_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="stream")

# The ASGI extension (ASGI specification, "Extensions") by which a server offers to write at once: {"outlet": Outlet}.
WRITE_NOW = "notifications.write_now"
# How long a client stays away that came while the database was away.
AWAY_MILLISECONDS = 5000
# And one that this process has no room for.
SHED_MILLISECONDS = 30_000
# A database that takes longer than this to let a client in counts as away.
OPENING_SECONDS = 30


class EventStream:
    """ASGI application for one kind of stream."""

    def __init__(self, planner: Planner = everything_for) -> None:
        """planner: called in a thread for authenticated requests; see opening.each() for one that takes them singly."""
        self.door = Opener(planner)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request."""
        # The request itself is let go before the stream begins: it would be a tenth of what a stream holds.
        if stream := await self.let_in(scope, send):
            await stream(receive)

    async def let_in(self, scope: dict[str, Any], send: Send) -> Callable[[Receive], Awaitable[None]] | None:
        """Returns what serves the client; None where the request has been answered otherwise."""
        kwargs = scope.get("url_route", {}).get("kwargs", {})
        manager = get_manager()
        headers: Headers = ()
        tracing.begin_trace()

        async def admit() -> Opened:
            return await self.door.open(Ask(checked_request(scope), kwargs))

        try:
            request = checked_request(scope)
            headers = origin_headers_of(request)
            require_room(manager)
            async with asyncio.timeout(OPENING_SECONDS):
                follower = await runtime.running()
                attach_from = follower.cursor
                opened = await self.door.open(Ask(request, kwargs))
            require_room(manager, opened.user_id)
        except Refused as refused:
            await answer(send, refused, headers)
        except Shed:
            metrics.SHED.inc()
            await come_back(send, headers, SHED_MILLISECONDS)
        except Exception:
            metrics.FAILED.inc()
            logger.exception("a stream could not be opened")
            await come_back(send, headers, AWAY_MILLISECONDS)
        else:
            outlet = scope.get("extensions", {}).get(WRITE_NOW, {}).get("outlet")
            delivery = Delivery(opened, follower, send, outlet=outlet, in_thread=in_thread, admit=admit)
            return partial(delivery.run, attach_from, headers)
        return None


async def come_back(send: Send, headers: Headers, milliseconds: int) -> None:
    """Says "later" in a browser's own language: after a 5xx or 429 every EventSource would give up for ever (trap 22)."""
    await start(send, headers)
    await send(body(sse.bye(milliseconds)))


async def in_thread(function: Callable[[], T]) -> T:
    """Runs a function with the database in one of a few threads, which keeps no connection."""
    return await asyncio.get_running_loop().run_in_executor(_threads, and_disconnect, function)


async def answer(send: Send, refused: Refused, extra: Headers = ()) -> None:
    """Answers a request that gets no stream."""
    content = f"{refused}\n".encode() if refused.args[0] else b""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *refused.headers,
        *extra,
    ]
    if refused.status != HTTPStatus.NO_CONTENT:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send(body(content))
