"""The row about HTTP/2, with the few frames that it needs (RFC 9113)."""

import asyncio
import ssl
from urllib.parse import urlsplit

from notifications.testing.conformance.registry import RFC, RowSkipped, expect, row
from notifications.testing.conformance.target import Target

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
ACK = 1
# RFC 7541, appendix A: the status 200 is entry 8 of the static table, and this is how it is written.
STATUS_200 = 0x88


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Returns a frame (section 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def literal(name: str, value: str) -> bytes:
    """Returns a header that is never indexed, without compression (RFC 7541, section 6.2.3)."""
    return b"\x10" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    """RFC 7541, sections 5.1 and 5.2."""
    raw = text.encode()
    size, length = len(raw), b""
    if size < 127:
        return bytes([size]) + raw
    length, size = b"\x7f", size - 127
    while size >= 128:
        length, size = length + bytes([size % 128 + 128]), size // 128
    return length + bytes([size]) + raw


def first_field(flags: int, payload: bytes) -> int:
    """Returns the first byte of a block of headers that is a field (section 6.2; RFC 7541, section 6.3)."""
    start = (1 if flags & PADDED else 0) + (5 if flags & PRIORITY else 0)
    while payload[start] & 0xE0 == 0x20:
        start += 1
    return payload[start]


@row(
    "http-2",
    "extra",
    f"{RFC}9113#section-8.1",
    "Six open tabs use up the browser's connections, and the seventh page does not load.",
)
async def streams_run_over_http_2(target: Target) -> str:
    parts = urlsplit(target.url)
    if parts.scheme != "https":
        raise RowSkipped("browsers speak HTTP/2 over TLS alone")
    context = ssl.create_default_context()
    if target.context is not None and target.context.verify_mode == ssl.CERT_NONE:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    try:
        chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        if chosen != "h2":
            raise RowSkipped("the server does not offer HTTP/2")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        asked = {":method": "GET", ":scheme": "https", ":authority": parts.netloc, ":path": path}
        asked |= {"accept": "text/event-stream"} | ({"cookie": target.cookie} if target.cookie else {})
        block = b"".join(literal(name, value) for name, value in asked.items())
        request = frame(HEADERS, END_HEADERS | END_STREAM, 1, block)
        writer.write(PREFACE + frame(SETTINGS, 0, 0) + request)
        async with asyncio.timeout(target.seconds + target.ping_seconds):
            return await _first_data(reader, writer)
    finally:
        writer.transport.abort()


async def _first_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Reads frames until the stream has data."""
    while True:
        head = await reader.readexactly(9)
        kind, flags = head[3], head[4]
        payload = await reader.readexactly(int.from_bytes(head[:3]))
        if kind in (SETTINGS, PING) and not flags & ACK:
            writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == HEADERS:
            expect(first_field(flags, payload) == STATUS_200, "the status is not 200")
            expect(not flags & END_STREAM, "the stream ended with its headers")
        elif kind == DATA and payload:
            return f"{len(payload)} bytes at first"
        expect(kind not in (RST_STREAM, GOAWAY), "the server broke the stream off")
