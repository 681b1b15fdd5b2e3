"""Bytes of an HTTP/1.1 response in, server-sent events out, however the reads happen to cut them."""

import re
from typing import NamedTuple

BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class WireError(Exception):
    """What the server sent is not the HTTP or the SSE it claims to be."""


class SentEvent(NamedTuple):
    kind: bytes
    id: bytes
    data: bytes


class ResponseDecoder:
    """One response: its head is taken off, a chunked body is put together again."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = False
        self._chunked = False
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data if self._rest else data
        self._rest = b""
        if self.status is None:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return b""
            self._read_head(head)
        return self._unchunk(data) if self._chunked else data

    def _read_head(self, head: bytes) -> None:
        status_line, *lines = head.split(b"\r\n")
        try:
            self.status = int(status_line.split(b" ", 2)[1])
        except (IndexError, ValueError):
            raise WireError(f"not an HTTP status line: {status_line[:80]!r}") from None
        fields = dict(line.lower().partition(b":")[::2] for line in lines)
        self._chunked = fields.get(b"transfer-encoding", b"").strip() == b"chunked"
        self.ended = fields.get(b"content-length", b"").strip() == b"0" or self.status == 204

    def _unchunk(self, data: bytes) -> bytes:
        whole = []
        at = 0
        while not self.ended:
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                break
            size_text = data[at:line_end].partition(b";")[0]
            try:
                size = int(size_text, 16)
            except ValueError:
                raise WireError(f"not a chunk size: {size_text[:40]!r}") from None
            start, end = line_end + 2, line_end + 2 + size
            if len(data) < end + 2:
                break
            if data[end : end + 2] != b"\r\n":
                raise WireError(f"a chunk of {size} bytes does not end where it should")
            whole.append(data[start:end])
            at = end + 2
            self.ended = size == 0
        self._rest = data[at:]
        return b"".join(whole)


class EventParser:
    """The body of an event stream, cut into its events; comments and `retry:` alone make none."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, body: bytes) -> list[SentEvent]:
        *blocks, self._rest = BLANK_LINE.split(self._rest + body)
        return [event for block in blocks if (event := parse_block(block)) is not None]


def parse_block(block: bytes) -> SentEvent | None:
    kind, event_id, data = b"message", b"", []
    for line in block.splitlines():
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"id":
            event_id = value
        elif name == b"event":
            kind = value
    return SentEvent(kind, event_id, b"\n".join(data)) if data else None
