"""One stream on its connection, from the request to the end of the response: the place of Twisted's channel and request.

The channel hands over its transport with the request, and gets it back, as a new channel, when the response ends. In between
a stream needs a hundredth of what a request in general does: no body, no header to look up, no length, no queue of messages.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from notifications.server.direct_write import TransportWriter
from notifications.server.flow_control import FlowControl
from notifications.stream.asgi import DISCONNECT

# Bytes that a client may send while its stream is open. Past them its connection is not read until the stream ends.
MOST_PIPELINED = 16 * 1024
# The end of a chunked body (RFC 9112, section 7.1).
LAST_CHUNK = b"0\r\n\r\n"
SERVER_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Message = dict[str, Any]


class StreamProtocol(TransportWriter):
    """Twisted's protocol, ASGI's `receive` and `send`, and the writer for the fan-out, of one request for a stream."""

    __slots__ = ("__weakref__", "_flow", "_head", "_pipelined", "_resume", "_when_left", "is_chunked", "transport")

    def __init__(self, transport: Any, resume: Callable[[Any, bytes], None]) -> None:
        """resume: called with the transport, and with what the client has sent meanwhile, when the response has ended."""
        super().__init__()
        # None once the client has left or the response has ended.
        self.transport: Any = transport
        self._resume = resume
        self._flow = FlowControl()
        self._head = b""
        self._pipelined = b""
        self._when_left: Callable[[], None] | None = None
        # Whether the head of a response without a length has been written.
        self.is_chunked = False
        transport.protocol = self
        transport.registerProducer(self._flow, streaming=True)

    def streaming_transport(self) -> Any:
        return self.transport if self.is_chunked else None

    def when_left(self, callback: Callable[[], None] | None) -> None:
        """Sets the function to call when the client has left; calls it at once if it has. None: no function."""
        self._when_left = callback
        if callback is not None and self.transport is None:
            callback()

    async def receive(self) -> Message:
        """Returns the message that the client has left: its request has no body, so there is no other."""
        left = asyncio.get_running_loop().create_future()
        self.when_left(lambda: None if left.done() else left.set_result(None))
        await left
        return {"type": DISCONNECT}

    async def send(self, message: Message) -> None:
        """Writes a part of the response; returns once the client has room for more."""
        transport = self.transport
        if transport is None:
            return
        if message["type"] == "http.response.start":
            self._head = head_of(message["status"], tuple(message["headers"]))
            return
        head, self._head = self._head, b""
        if head:
            self.is_chunked = head.endswith(CHUNKED)
        content = message.get("body", b"")
        if content and self.is_chunked:
            content = self.frame(content)
        is_last = not message.get("more_body", False)
        written = head + content + (LAST_CHUNK if is_last and self.is_chunked else b"")
        if written and not self.write(written):
            self.has_buffered = True
            transport.write(written)
        if is_last:
            self._finish()
        elif self._flow.paused:
            await self._flow.drain_or_abort(transport)

    def fail(self) -> None:
        """Ends the connection of a response that its application has not ended."""
        transport, self.transport = self.transport, None
        if transport is None:
            return
        transport.unregisterProducer()
        if self.is_chunked:
            # Without the last chunk the client knows that the response was cut off.
            transport.abortConnection()
        else:
            transport.write(SERVER_ERROR)
            transport.loseConnection()

    def _finish(self) -> None:
        transport, self.transport = self.transport, None
        transport.unregisterProducer()
        if len(self._pipelined) > MOST_PIPELINED:
            transport.resumeProducing()
        self._resume(transport, self._pipelined)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        """Keeps the client's next request until this one is answered."""
        self._pipelined += data
        if len(self._pipelined) > MOST_PIPELINED and self.transport is not None:
            self.transport.pauseProducing()

    def connectionLost(self, reason: object) -> None:  # noqa: N802  Twisted's name
        self.transport = None
        if self._when_left is not None:
            self._when_left()


CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


@lru_cache(maxsize=64)
def head_of(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Returns the head of a response; without a length it is chunked, so that the connection can be used again."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()]
    # A line break in a value would begin another header.
    lines += [b"%b: %b\r\n" % (name, b" ".join(value.splitlines())) for name, value in headers]
    has_length = status == HTTPStatus.NO_CONTENT or any(name == b"content-length" for name, _value in headers)
    return b"".join(lines) + (b"\r\n" if has_length else CHUNKED)
