"""The response of one open stream: entries and other bytes, by ASGI's `send`."""

import time
from collections.abc import Iterable

from notifications.stream.asgi import Headers, Send, body, start
from notifications.stream.entry import Entry, join
from notifications.stream.listener import WRITE_BYTES, Ending, StreamListener


class ResponseWriter:
    """Writes the response from the stream's own task. `send` returns once the client has room for more."""

    __slots__ = ("_listener", "_send", "preface")

    def __init__(self, listener: StreamListener, send: Send) -> None:
        self._listener = listener
        self._send = send
        # Bytes that go out with the next write.
        self.preface = b""

    async def start(self, headers: Headers) -> None:
        """Starts the response. headers: added to those of every stream."""
        await start(self._send, headers)

    async def write(self, content: bytes) -> None:
        """Writes bytes; the next ping is due a full interval later."""
        self._listener.wrote_at = time.monotonic()
        preface, self.preface = self.preface, b""
        await self._send(body(preface + content, more=True))

    async def flush_preface(self) -> None:
        """Writes the preface, unless it has been written already."""
        if self.preface:
            await self.write(b"")

    async def deliver(self, entries: Iterable[Entry]) -> None:
        """Writes entries that are past the stream's position, in as few writes as possible; stops after a terminal one."""
        listener = self._listener
        due: list[Entry] = []
        size = 0
        for entry in entries:
            if entry.position <= listener.position:
                continue
            if size + entry.size > WRITE_BYTES and due:
                await self.write(join(due, listener.variant))
                due, size = [], 0
            listener.position = entry.position
            listener.delivered += 1
            due.append(entry)
            size += entry.size
            if entry.terminal:
                listener.close(Ending.FINISHED)
                break
        if due:
            await self.write(join(due, listener.variant))

    async def end(self) -> None:
        """Ends the response."""
        await self._send(body(b""))
