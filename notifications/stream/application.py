"""The ASGI application of streams: answers GET with Server-Sent Events from the log.

It is mounted beside Django, not under it: Django's own ASGI handler would hold an OS thread and a database connection for
each stream as long as it lives (trap 1). Here a few threads authenticate requests and close their connections.
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
from notifications.log import Cursor
from notifications.stream import runtime, sse
from notifications.stream.asgi import Headers, Receive, Send, body, start
from notifications.stream.connection import Connection
from notifications.stream.hub import get_hub
from notifications.stream.limits import Shed, require_room
from notifications.stream.opening import Opener, Planner, everything_for
from notifications.stream.plan import AcceptedRequest
from notifications.stream.request import Refused, StreamRequest, checked_request, origin_headers_of

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Threads for catch-ups, pulses and deadlines; more of them would only wait for the same database and the GIL.
THREADS = 4
_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="stream")

# The ASGI extension (ASGI specification, "Extensions") by which a server offers direct writes: {"outlet": DirectWriter}.
WRITE_NOW = "notifications.write_now"
# The reconnection time of a client that came while the database was away,
AWAY_MILLISECONDS = 5000
# and of one for which this process has no room.
SHED_MILLISECONDS = 30_000
# A database that takes longer than this to authenticate and plan a request counts as away.
OPENING_SECONDS = 30


class EventStream:
    """ASGI application for one kind of stream."""

    def __init__(self, planner: Planner = everything_for) -> None:
        """planner: called in a thread with authenticated requests; each() makes one of a function for a single request."""
        self._opener = Opener(planner)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request."""
        # The request object is freed before the stream begins: it would be a tenth of a stream's memory.
        if stream := await self._open(scope, send):
            await stream(receive)

    async def _open(self, scope: dict[str, Any], send: Send) -> Callable[[Receive], Awaitable[None]] | None:
        """Returns the function that serves the client; None if the request was answered without a stream."""
        kwargs = scope.get("url_route", {}).get("kwargs", {})
        hub = get_hub()
        headers: Headers = ()
        tracing.begin_trace()

        async def readmit() -> AcceptedRequest:
            return await self._opener.open(StreamRequest(checked_request(scope), kwargs))

        try:
            request = checked_request(scope)
            headers = origin_headers_of(request)
            require_room(hub)
            async with asyncio.timeout(OPENING_SECONDS):
                tail = await runtime.running()
                attach_from = Cursor(tail.cursor, tail.epoch)
                accepted = await self._opener.open(StreamRequest(request, kwargs))
            require_room(hub, accepted.user_id)
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
            writer = scope.get("extensions", {}).get(WRITE_NOW, {}).get("outlet")
            connection = Connection(accepted, tail, send, writer=writer, in_thread=in_thread, readmit=readmit)
            return partial(connection.run, attach_from, headers)
        return None


async def come_back(send: Send, headers: Headers, milliseconds: int) -> None:
    """Answers with `bye` and a reconnection time: after a 5xx or 429, an EventSource would never reconnect (trap 22)."""
    await start(send, headers)
    await send(body(sse.bye(milliseconds)))


async def in_thread(function: Callable[[], T]) -> T:
    """Runs a function that uses the database in one of a few threads, which keeps no connection."""
    return await asyncio.get_running_loop().run_in_executor(_threads, and_disconnect, function)


async def answer(send: Send, refused: Refused, extra: Headers = ()) -> None:
    """Answers a request that gets no stream. extra: headers."""
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
