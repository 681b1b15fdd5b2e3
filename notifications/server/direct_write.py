"""Writes deliveries straight to the socket while a client keeps up.

Twisted's own way to a socket costs about 125 µs a chunk (trap 11): buffer, event loop, select, write. On a plain TCP
transport of Twisted, a chunk is written at once instead; on any other (TLS, another reactor), and where something waits
in Twisted's buffers, it takes the ordinary way. `internals` lists and checks the attributes that are read here.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet import tcp

from notifications.stream.asgi import chunk


def is_plain_tcp(transport: Any) -> bool:
    """Whether what is written to the transport's socket goes to the client as it is."""
    return isinstance(transport, tcp.Connection) and not transport.TLS


class TransportWriter:
    """Writes the chunks of one streamed response to the socket of its transport.

    One event to a thousand streams is a thousand of these calls: while a client keeps up, each touches the socket alone.
    """

    __slots__ = ("_send", "has_buffered")

    frame = staticmethod(chunk)

    def __init__(self) -> None:
        self._send: Callable[[bytes], int] | None = None
        # Set when something has been written the ordinary way, and may still wait in Twisted's buffers.
        self.has_buffered = True

    def write(self, framed: bytes) -> bool:
        """Writes a chunk; returns False if it must be written the ordinary way, behind what was written before."""
        if self.has_buffered and not self._is_drained():
            return False
        assert self._send is not None
        try:
            sent = self._send(framed)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Twisted will meet the same error, and knows how to end a connection.
            self.has_buffered = True
            return False
        if sent < len(framed):
            self.has_buffered = True
            self.streaming_transport().write(framed[sent:])
        return True

    def streaming_transport(self) -> Any:
        """Returns the transport while a chunked response is on its way, else None."""
        raise NotImplementedError

    def _is_drained(self) -> bool:
        """Whether everything written so far has reached the socket, and more may follow."""
        transport = self.streaming_transport()
        if transport is None or not is_plain_tcp(transport) or not transport.connected or transport.disconnecting:
            return False
        if transport._tempDataBuffer or transport.offset < len(transport.dataBuffer):  # noqa: SLF001
            return False
        self._send, self.has_buffered = transport.socket.send, False
        return True


class SocketWriter(TransportWriter):
    """The writer of a response that Daphne's WebRequest has begun."""

    __slots__ = ("_request", "when_left")

    def __init__(self, request: Any, when_left: Callable[[Callable[[], None] | None], None]) -> None:
        """request: Daphne's WebRequest. when_left: takes the function to call when the client has left."""
        super().__init__()
        self._request = request
        self.when_left = when_left

    def streaming_transport(self) -> Any:
        request = self._request
        channel = request.channel
        if channel is None or not request.startedWriting or request.finished or not request.chunked:
            return None
        return channel.transport
