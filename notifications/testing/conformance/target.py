"""The server under test: its address, how to publish on it, and how long to wait for it."""

import asyncio
import json
import re
import secrets
import shlex
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import RowFailed, RowSkipped, expect
from notifications.testing.sse_parser import ServerSentEvent

# Events by which servers keep a stream alive or steer their client: nobody published them.
HOUSEKEEPING = frozenset(
    {"ping", "bye", "reset", "heartbeat", "keep-alive", "stream-open", "stream-reset", "stream-error"}
)
NO_PUBLISHING = "it needs --publish"


@dataclass
class Target:
    """One server.

    publish: an address that takes POST with the data as its body, or a command in which {data} stands for it. origin: one that
    the server allows to read with cookies. terminal: the address of a stream that has ended. pid: of the process that holds
    the connections. flood_kb: what is sent to a reader that does not read. seconds: to wait for an answer or an event; ping_seconds: for the next sign of life of a quiet stream.
    """

    url: str
    cookie: str = ""
    publish: str = ""
    last_event_id: str = ""
    origin: str = ""
    terminal: str = ""
    pid: int | None = None
    connections: int = 1000
    # By default more than the buffers of a connection take (Linux: tcp_wmem, up to 4 MB).
    flood_kb: int = 4800
    seconds: float = 5
    ping_seconds: float = 30
    housekeeping: frozenset[str] = HOUSEKEEPING
    context: ssl.SSLContext | None = None
    opened: list[RawResponse] = field(default_factory=list)

    def head(self, method: str, url: str, headers: Mapping[str, str], version: str = "1.1") -> bytes:
        """Returns the bytes of a request without a body."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = {"Host": parts.netloc, "Accept": "text/event-stream", "Cache-Control": "no-cache", **headers}
        if self.cookie and "Cookie" not in headers:
            given["Cookie"] = self.cookie
        lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in given.items() if value)]
        return "\r\n".join([*lines, "", ""]).encode()

    async def ask(
        self,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        *,
        url: str = "",
        body: bytes = b"",
        version: str = "1.1",
        buffer: int | None = None,
    ) -> RawResponse:
        """Sends a request on a connection of its own and returns once the response's headers are there.

        An empty header is left out. Raises RowFailed if none come in time.
        """
        url = url or self.url
        try:
            async with asyncio.timeout(self.seconds):
                response = await RawResponse.connect(url, method, self.context, buffer)
                self.opened.append(response)
                response.writer.write(self.head(method, url, headers or {}, version) + body)
                await response.read_head()
        except TimeoutError:
            raise RowFailed(f"{method} got no response within {self.seconds:g} s") from None
        except OSError as error:
            raise RowFailed(f"{method} got no response: {error}") from None
        return response

    @asynccontextmanager
    async def stream(self, headers: Mapping[str, str] | None = None, **options: Any) -> AsyncIterator[RawResponse]:
        """Opens a stream for as long as the block lasts; raises RowFailed if the answer is none."""
        response = await self.ask("GET", headers, **options)
        try:
            kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
            expect(response.status == 200, f"the stream is answered with {response.status}")
            expect(kind == "text/event-stream", f"the stream is of the type {kind or 'none'}")
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Drops every connection that a row has left open."""
        for response in self.opened:
            response.writer.transport.abort()
        self.opened.clear()

    @property
    def takes_data(self) -> bool:
        """Whether what is published can be chosen."""
        return self.publish.startswith(("http://", "https://")) or "{data}" in self.publish

    def require_publishing(self, *, of_data: bool = False) -> None:
        """Raises RowSkipped if events cannot be published, or cannot be chosen."""
        if not self.publish:
            raise RowSkipped(NO_PUBLISHING)
        if of_data and not self.takes_data:
            raise RowSkipped("the command of --publish has no {data}")

    async def send(self, data: str) -> None:
        """Publishes one event; raises RowSkipped if it cannot be done."""
        self.require_publishing()
        if self.publish.startswith(("http://", "https://")):
            body = data.encode()
            headers = {
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
            response = await self.ask("POST", headers, url=self.publish, body=body)
            response.close()
            expect(200 <= response.status < 300, f"publishing was answered with {response.status}")
            return
        command = [part.replace("{data}", data) for part in shlex.split(self.publish)]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            code = await asyncio.wait_for(process.wait(), 60)
        except TimeoutError:
            process.kill()
            raise RowFailed("the command of --publish did not end within 60 s") from None
        expect(code == 0, f"the command of --publish ended with {code}")

    def published(self, response: RawResponse, mark: str = "") -> list[ServerSentEvent]:
        """Returns what arrived of published events: those that carry the mark, where data can be chosen."""
        found = [event for event in response.events if event.event not in self.housekeeping]
        return [event for event in found if carries(event.data, mark)] if self.takes_data else found

    async def send_marked(self, count: int) -> str:
        """Publishes so many events, one after another, and returns their common mark."""
        mark = new_mark()
        for number in range(count):
            await self.send(f"{mark}.{number}.")
        return mark


def new_mark() -> str:
    """Returns a text that no other event has."""
    return f"mark-{secrets.token_hex(6)}"


def carries(data: str, text: str) -> bool:
    """Whether an event's data has the text in it, or in a string of its JSON; line ends count as one another."""
    if text in data or ("\n" in data and one_line_end(text) in one_line_end(data)):
        return True
    if not data.startswith(("{", "[", '"')):
        return False
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return any(one_line_end(text) in one_line_end(found) for found in _strings(document))


def one_line_end(text: str) -> str:
    """Returns the text with LF for each of its line ends: a stream carries no others."""
    return re.sub("\r\n|\r", "\n", text)


def _strings(document: Any) -> list[str]:
    if isinstance(document, str):
        return [document]
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [found for part in parts for found in _strings(part)]
