"""How `serve` writes streams: straight to the socket while a client keeps up, held back while it does not.

Daphne queues whatever it is given: a client that never reads grows the process without bound (trap 4). And Twisted's way
to a socket costs about 125 µs a chunk (trap 11): buffer, event loop, select, write. Both are mended here, on its own
transports; on any other (TLS, another reactor) everything takes the ordinary path.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from twisted.internet import abstract, tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

logger = logging.getLogger(__name__)

# A client that has not read anything for this long is let go; it resumes from its cursor when it comes back.
STUCK_SECONDS = 30.0


@implementer(IPushProducer)
class Valve:
    """Closed by Twisted while more than 64 KB wait for a client, opened when they have gone out."""

    __slots__ = ("_opened", "closed")

    def __init__(self) -> None:
        """Open."""
        self.closed = False
        self._opened: asyncio.Future[None] | None = None

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Closes it."""
        self.closed = True

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        """Opens it."""
        self.closed = False
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    # The connection is lost: nobody need wait any longer.
    stopProducing = resumeProducing  # noqa: N815  Twisted's name

    async def opened(self) -> None:
        """Returns once it is open; raises TimeoutError when the client is stuck."""
        while self.closed:
            self._opened = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(STUCK_SECONDS):
                await self._opened


def is_plain(transport: Any) -> bool:
    """Whether a transport is a TCP socket with nothing in between."""
    return isinstance(transport, tcp.Connection) and not getattr(transport, "TLS", False)


class Outlet:
    """Writes pieces of one streamed answer straight to its socket.

    One event to a thousand streams is a thousand of these calls: while a client keeps up, the socket is all they touch.
    """

    __slots__ = ("_request", "_send", "mixed", "when_left")

    def __init__(self, request: Any, when_left: Callable[[Callable[[], None] | None], None]) -> None:
        """request: Daphne's WebRequest. when_left: takes what is to be called when the client has left."""
        self._request = request
        self.when_left = when_left
        self._send: Callable[[bytes], int] | None = None
        # Set when something has gone the ordinary way, and may still wait in Twisted's buffers.
        self.mixed = True

    @staticmethod
    def frame(data: bytes) -> bytes:
        """Returns the data as one chunk (RFC 9112, section 7.1); the same for every stream it is written to."""
        return b"%x\r\n%b\r\n" % (len(data), data)

    def write(self, chunk: bytes) -> bool:
        """Writes a chunk; False where it has to take the ordinary path. Nothing overtakes what was written before."""
        if self.mixed and not self._is_clear():
            return False
        assert self._send is not None
        try:
            sent = self._send(chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Twisted will meet the same error, and knows how to end a connection.
            self.mixed = True
            return False
        if sent < len(chunk):
            self.mixed = True
            self._request.channel.transport.write(chunk[sent:])
        return True

    def _is_clear(self) -> bool:
        """Whether everything written so far has reached the socket, and more may follow."""
        request = self._request
        channel = request.channel
        if channel is None or not request.startedWriting or request.finished or not request.chunked:
            return False
        transport = channel.transport
        if not is_plain(transport) or not transport.connected or transport.disconnecting:
            return False
        # Private, but is_supported() has made sure of it.
        if transport._tempDataBuffer or transport.offset < len(transport.dataBuffer):  # noqa: SLF001
            return False
        self._send, self.mixed = transport.socket.send, False
        return True


def is_supported() -> bool:
    """Whether this Twisted keeps what is to be written where an Outlet looks; a newer one may not."""
    descriptor: Any = abstract.FileDescriptor()
    names = ("_tempDataBuffer", "dataBuffer", "offset", "connected", "disconnecting")
    supported = all(hasattr(descriptor, name) for name in names)
    if not supported:
        logger.warning("this Twisted is not as expected: streams are written its own, slower way")
    return supported
