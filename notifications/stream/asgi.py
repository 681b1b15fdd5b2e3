"""The parts of ASGI that streams use (ASGI specification, "HTTP & WebSocket ASGI Message Format")."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

AsgiMessage = dict[str, Any]
Headers = tuple[tuple[bytes, bytes], ...]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]

# The type of the message that the client has left.
DISCONNECT = "http.disconnect"


def body(content: bytes, *, more: bool = False) -> AsgiMessage:
    """A part of the response's body; the last one by default."""
    return {"type": "http.response.body", "body": content, "more_body": more}


def chunk(data: bytes) -> bytes:
    """Returns the data as one chunk of an HTTP/1.1 body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def start(send: Send, extra: Headers = ()) -> None:
    """Starts a streamed response."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        # no-transform and X-Accel-Buffering: proxies neither compress nor buffer the response (traps 9, 26).
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class DirectWriter(Protocol):
    """A server's way to write to one client at once, from within the fan-out."""

    def frame(self, data: bytes) -> bytes:
        """Returns the bytes for the socket: made once from the data, and written to many streams."""
        ...

    def write(self, framed: bytes) -> bool:
        """Writes framed bytes; returns False if they must be written by `send` instead."""
        ...

    @property
    def when_left(self) -> Callable[[Callable[[], None] | None], None] | None:
        """Sets the function to call when the client has left; calls it at once if it has. None: no function.

        It is None itself on a server that says so by `receive` alone.
        """
        ...
