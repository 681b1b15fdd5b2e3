"""A raw HTTP/1.1 client that shows what a server sends byte by byte, and parses it as an EventSource does."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from notifications.testing.conformance.registry import RowFailed
from notifications.testing.sse_parser import ServerSentEvent, SseParser

CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\r\n]*)?\r\n")
STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9][0-9])(?: ([^\r\n]*))?")
# Bytes: a head that is longer is no head of a stream.
MOST_HEAD = 64 * 1024


class RawResponse:
    """One response on a connection of its own. `body` has its bytes without the chunks' frames, `events` what they dispatch."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str) -> None:
        self.reader, self.writer, self.method = reader, writer, method
        self.version, self.status = "", 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.events: list[ServerSentEvent] = []
        self.ended = False
        """The server has ended the response as HTTP requires."""
        self.parser = SseParser()
        self._wire = b""
        self._length: int | None = None
        self._chunked = False

    @classmethod
    async def connect(cls, url: str, method: str, context: ssl.SSLContext | None, buffer: int | None = None) -> Self:
        """Opens a connection. buffer: bytes of the socket's receive buffer."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        (family, kind, protocol, _name, address), *_rest = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        plain = socket.socket(family, kind, protocol)
        try:
            plain.setblocking(False)  # noqa: FBT003  the socket module has no name for it
            if buffer is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            await loop.sock_connect(plain, address)
            secure = {"ssl": context, "server_hostname": host} if parts.scheme == "https" else {}
            # A reader that is not read from must not be read into memory either.
            reader, writer = await asyncio.open_connection(sock=plain, limit=buffer or 2**16, **secure)  # type: ignore[arg-type]
        except BaseException:
            plain.close()
            raise
        return cls(reader, writer, method)

    def header(self, name: str) -> str | None:
        """Returns the values of a header, joined as RFC 9110 joins them; None without it."""
        values = [value for given, value in self.headers if given == name]
        return ", ".join(values) if values else None

    async def read_head(self) -> None:
        """Reads the status line and the headers; raises RowFailed if they are none."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise RowFailed("the connection was closed without a response") from None
        first, *lines = head[:-4].split(b"\r\n")
        match = STATUS_LINE.fullmatch(first)
        if match is None:
            raise RowFailed(f"the response begins with {first[:60]!r}")
        self.version, self.status = match[1].decode(), int(match[2])
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip():
                raise RowFailed(f"a header line is {line[:60]!r}")
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))
        self._chunked = "chunked" in (self.header("transfer-encoding") or "").lower()
        length = self.header("content-length")
        self._length = int(length) if length is not None and length.isdecimal() else None
        has_body = self.method != "HEAD" and self.status not in (204, 304)
        if not has_body or (self._length == 0 and not self._chunked):
            self.ended = True

    async def read_piece(self) -> bytes:
        """Reads what comes next of the body and dispatches it; b"" once the response or the connection is over."""
        while not self.ended:
            piece = self._unframe()
            if piece:
                self.body += piece
                self.events += self.parser.feed(piece)
                return piece
            wire = b"" if self.ended else await self.reader.read(2**16)
            if not wire:
                if not self.ended and (self._chunked or self._length):
                    raise ConnectionResetError("cut off within the response")
                self.ended = True
                break
            self._wire += wire
        return b""

    def _unframe(self) -> bytes:
        if self._chunked:
            return self._unchunk()
        piece, self._wire = self._wire, b""
        if self._length is not None:
            piece = piece[: self._length]
            self._length -= len(piece)
            self.ended = not self._length
        return piece

    def _unchunk(self) -> bytes:
        """Takes whole chunks (RFC 9112, section 7.1)."""
        taken = []
        while match := CHUNK_SIZE.match(self._wire):
            size, start = int(match[1], 16), match.end()
            if len(self._wire) < start + size + 2:
                break
            if self._wire[start + size : start + size + 2] != b"\r\n":
                raise RowFailed("a chunk is not as long as it says")
            taken.append(self._wire[start : start + size])
            self._wire = self._wire[start + size + 2 :]
            if not size:
                self.ended = True
                break
        else:
            if b"\r\n" in self._wire or len(self._wire) > MOST_HEAD:
                raise RowFailed(f"a chunk begins with {self._wire[:20]!r}")
        return b"".join(taken)

    async def until(self, condition: Callable[[Self], object], seconds: float, what: str) -> None:
        """Reads until the condition holds; raises RowFailed with `what` is missing once the time or the response is over."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self):
                    if not await self.read_piece() and not condition(self):
                        raise RowFailed(f"the response ended without {what}")
        except TimeoutError:
            raise RowFailed(f"{what} did not come within {seconds:g} s") from None
        except OSError as error:
            raise RowFailed(f"the connection was lost without {what}: {error}") from None

    async def read_for(self, seconds: float) -> None:
        """Reads what comes within this time."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                while await self.read_piece():
                    pass

    def close(self) -> None:
        """Closes the connection with a FIN."""
        self.writer.close()

    def reset(self) -> None:
        """Closes the connection with an RST, as a crashed peer or a middlebox does."""
        raw = self.writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
