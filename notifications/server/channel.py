"""Twisted's HTTP connection, with longer header lines; it hands plain requests for streams to a protocol of their own."""

from typing import Any

from twisted.web.http import HTTPChannel


class LongLineChannel(HTTPChannel):
    """Reads header lines that are too long, so that they can be answered.

    Twisted hangs up without an answer on a line longer than MAX_LENGTH, 16 KB by default, and answers 400 to headers of
    more than 16 KB in all.
    """

    MAX_LENGTH = 64 * 1024


class StreamChannel(LongLineChannel):
    """Gives requests for streams to the server before Twisted makes a request of them; reads all others as Twisted does."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        # Between two requests, with nothing of the next one read yet.
        is_idle = not self.requests and not self._buffer and self.persistent
        if not (is_idle and self._server.take_stream(self, data)):
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    @property
    def _server(self) -> Any:
        factory: Any = self.factory
        return factory.server
