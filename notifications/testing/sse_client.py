"""An SSE client for tests: opens a stream, parses its events as the HTML standard says, and can resume it as a browser does.

It uses the standard library alone, and a thread for each stream: for a few streams, not for thousands.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from notifications.testing.sse_parser import ServerSentEvent, SseParser

# Seconds.
WAIT = 10.0


class SseClient:
    """One stream, read on a thread of its own; the constructor returns once the response's headers are there."""

    def __init__(
        self,
        url: str,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = WAIT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """timeout: in seconds, until the headers are there. context: for an https address; default: this machine's.

        Raises OSError or http.client.HTTPException if there is no response.
        """
        self.events: list[ServerSentEvent] = []
        self.closed = False
        """The response is over: it was ended by the server, lost, or closed here."""
        self.error: Exception | None = None
        """The reason why it was lost; None if the server ended the response as HTTP requires."""
        self._parser = SseParser()
        self._changed = threading.Condition()
        target = urlsplit(url)
        host = target.hostname or ""
        self._connection = (
            http.client.HTTPSConnection(host, target.port, timeout=timeout, context=context)
            if target.scheme == "https"
            else http.client.HTTPConnection(host, target.port, timeout=timeout)
        )
        self._connection.connect()
        self._socket = self._connection.sock
        sent = {"Accept": "text/event-stream", "Cache-Control": "no-store", **(headers or {})}
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        try:
            self._connection.request("GET", path, headers=sent)
            self._response = self._connection.getresponse()
        except BaseException:
            self._connection.close()
            raise
        self.status = self._response.status
        self.headers = self._response.headers
        # A quiet stream is no error: wait_for() has a time-out of its own.
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def retry(self) -> int | None:
        """The reconnection time that the server last asked for, in milliseconds."""
        return self._parser.retry

    @property
    def last_event_id(self) -> str:
        return self._parser.last_event_id

    def _run(self) -> None:
        error: Exception | None = None
        try:
            while chunk := self._response.read1(65536):
                events = self._parser.feed(chunk)
                with self._changed:
                    self.events += events
                    self._changed.notify_all()
        except (OSError, http.client.HTTPException, ValueError) as problem:
            error = problem
        with self._changed:
            self.closed, self.error = True, error
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[ServerSentEvent], object], timeout: float = WAIT) -> ServerSentEvent:
        """Returns the first event for which the predicate is true, whether it is here already or still to come.

        timeout: in seconds. Raises AssertionError, with what was received, after it or once the stream has ended.
        """
        found: list[ServerSentEvent] = []
        seen = 0

        def look() -> bool:
            nonlocal seen
            found.extend(event for event in self.events[seen:] if predicate(event))
            seen = len(self.events)
            return bool(found) or self.closed

        with self._changed:
            self._changed.wait_for(look, timeout)
            if found:
                return found[0]
            state = f"the stream ended ({self.error or 'properly'})" if self.closed else f"{timeout:g} s passed"
            kinds = [f"{event.event}#{event.id}" for event in self.events]
        raise AssertionError(f"no such event: {state}; status {self.status}, received {kinds}")

    def wait_closed(self, timeout: float = WAIT) -> None:
        """Returns once the response is over; raises AssertionError after `timeout` seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.closed, timeout), f"still open after {timeout:g} s"

    def close(self) -> None:
        """Drops the connection, as a browser does when its tab is closed."""
        with suppress(OSError):
            # Unlike close(), this wakes the thread that is reading.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT)
        self._response.close()
        self._connection.close()
