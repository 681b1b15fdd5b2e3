"""How `serve` writes streams: straight to the socket while a client keeps up, paused while it does not.

Daphne queues everything it is given: a client that never reads grows the process without bound (trap 4). And Twisted's path
to a socket costs about 125 µs a chunk (trap 11): buffer, event loop, select, write. FlowControl and SocketWriter mend both
for Twisted's own TCP transports. On any other transport (TLS, another reactor) everything takes the ordinary path.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from notifications.server import internals

logger = logging.getLogger(__name__)

# A client that has not read anything for this long is disconnected; it resumes from its cursor when it comes back.
CLIENT_STUCK_SECONDS = 30.0


@implementer(IPushProducer)
class FlowControl:
    """Backpressure of one response: Twisted pauses it above the high-water mark (64 KB) and resumes it when that has gone out."""

    __slots__ = ("_resumed", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._resumed: asyncio.Future[None] | None = None

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        self.paused = True

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        self.paused = False
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    # The connection is lost: drain() need not wait any longer.
    stopProducing = resumeProducing  # noqa: N815  Twisted's name

    async def drain(self) -> None:
        """Returns once more may be written; raises TimeoutError when the client is stuck."""
        while self.paused:
            self._resumed = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(CLIENT_STUCK_SECONDS):
                await self._resumed


def is_plain_tcp(transport: Any) -> bool:
    """Whether a transport writes to its TCP socket without a layer between them."""
    return isinstance(transport, tcp.Connection) and not getattr(transport, "TLS", False)


class SocketWriter:
    """Writes chunks of one streamed response straight to its socket.

    One event to a thousand streams is a thousand calls of write(): while a client keeps up, they touch nothing but the
    socket.
    """

    __slots__ = ("_request", "_send", "may_be_buffered", "when_left")

    def __init__(self, request: Any, when_left: Callable[[Callable[[], None] | None], None]) -> None:
        """request: Daphne's WebRequest. when_left: takes the callback for the client's disconnect (ReceiveQueue)."""
        self._request = request
        self.when_left = when_left
        self._send: Callable[[bytes], int] | None = None
        # Set when something was written by the ordinary path, and may still be in Twisted's buffers.
        self.may_be_buffered = True

    @staticmethod
    def frame(data: bytes) -> bytes:
        """Returns the data as one chunk (RFC 9112, section 7.1); the same for every stream it is written to."""
        return b"%x\r\n%b\r\n" % (len(data), data)

    def write(self, chunk: bytes) -> bool:
        """Writes a chunk; False if the caller has to take the ordinary path. The order of writes is kept."""
        if self.may_be_buffered and not self._is_flushed():
            return False
        assert self._send is not None
        try:
            sent = self._send(chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Twisted will meet the same error, and ends the connection.
            self.may_be_buffered = True
            return False
        if sent < len(chunk):
            self.may_be_buffered = True
            self._request.channel.transport.write(chunk[sent:])
        return True

    def _is_flushed(self) -> bool:
        """Whether everything written so far has reached the socket, and more may follow."""
        request = self._request
        channel = request.channel
        if channel is None or not request.startedWriting or request.finished or not request.chunked:
            return False
        transport = channel.transport
        if not is_plain_tcp(transport) or not transport.connected or transport.disconnecting:
            return False
        if not internals.is_flushed(transport):
            return False
        self._send, self.may_be_buffered = transport.socket.send, False
        return True


def is_supported() -> bool:
    """Whether this Twisted has what a SocketWriter looks at; if not, the log says so and streams are written more slowly."""
    lacking = internals.missing_for_direct_writes()
    if lacking:
        logger.warning("this Twisted has no %s: streams are written by its own, slower path", ", ".join(lacking))
    return not lacking
