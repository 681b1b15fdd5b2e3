"""What a browser does to a stream, in Python: subscribe, read events as the standard says, resume.

Standard library alone, and threads: for tests, simulators and load on a few streams, not for thousands.
"""

import codecs
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

WAIT = 10.0


@dataclass(frozen=True)
class ServerSentEvent:
    """One dispatched event; `id` is the last event id at that moment, as `MessageEvent.lastEventId` is."""

    id: str
    event: str
    data: str
    received_at: float

    def json(self) -> Any:
        return json.loads(self.data)


class SseParser:
    """Incremental parser of text/event-stream.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """

    def __init__(self) -> None:
        self.retry: int | None = None
        self.last_event_id = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._at_start = True
        self._id = ""
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Returns the events that this chunk completes."""
        received_at = time.monotonic()
        self._text += self._decoder.decode(chunk)
        if self._at_start and self._text:
            self._text = self._text.removeprefix("\ufeff")
            self._at_start = False
        return [event for line in self._lines() if (event := self._read(line, received_at))]

    def _lines(self) -> Iterator[str]:
        # A CR at the very end may be half of a CRLF: it stays until more is known.
        while ending := re.search(r"\r\n|\n|\r(?!\Z)", self._text):
            line, self._text = self._text[: ending.start()], self._text[ending.end() :]
            yield line

    def _read(self, line: str, received_at: float) -> ServerSentEvent | None:
        if not line:
            return self._dispatch(received_at)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry = int(value)
        return None

    def _dispatch(self, received_at: float) -> ServerSentEvent | None:
        self.last_event_id = self._id
        kind, data = self._event or "message", self._data
        self._event, self._data = "", []
        if not data:
            return None
        return ServerSentEvent(self.last_event_id, kind, "\n".join(data), received_at)


class SseClient:
    """One subscription, read on a thread of its own; constructing it returns once the answer's head is there."""

    def __init__(
        self,
        url: str,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = WAIT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """context: whom to trust at an https address; default: whom this machine does."""
        self.events: list[ServerSentEvent] = []
        self.closed = False
        """The response is over: ended by the server, broken off, or closed here."""
        self.error: Exception | None = None
        """Why it broke off; None where the server ended the response as HTTP asks."""
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
        # A quiet stream is no error: how long to wait is said where one waits.
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
        """Returns the first event, already here or still to come, that the predicate holds for."""
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
        """Returns once the response is over."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.closed, timeout), f"still open after {timeout:g} s"

    def close(self) -> None:
        """Drops the connection, as a closed tab does."""
        with suppress(OSError):
            # Unlike close(), this wakes the thread that is reading.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT)
        self._response.close()
        self._connection.close()
