"""The parts of ASGI that streams use."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

# ASGI's message that the client has left.
DISCONNECT = "http.disconnect"

# The parts of ASGI that streams use (ASGI specification, "HTTP & WebSocket ASGI Message Format").
Message = dict[str, Any]
Headers = tuple[tuple[bytes, bytes], ...]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def body(content: bytes, *, more: bool = False) -> Message:
    """A piece of the answer; the last one by default."""
    return {"type": "http.response.body", "body": content, "more_body": more}


async def start(send: Send, extra: Headers = ()) -> None:
    """Begins a streamed answer."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        # no-transform and X-Accel-Buffering: proxies neither compress nor hold back (traps 9, 26).
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class Outlet(Protocol):
    """A server's way to write at once, from within the fan-out."""

    def frame(self, data: bytes) -> bytes:
        """Returns what goes to the socket for this data: made once, written to many streams."""
        ...

    def write(self, framed: bytes) -> bool:
        """Writes it; False where it has to take the ordinary path."""
        ...

    def when_left(self, callback: Callable[[], None] | None, /) -> None:
        """Has this called when the client has left, at once if it has; None: nothing any more."""
        ...
