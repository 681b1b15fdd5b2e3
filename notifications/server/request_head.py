"""Reads the head of a request for a stream at once, where it is plain.

Whatever is not plain here is left to Twisted and Daphne, with all their rules: another method or version, a body, a head that
came in parts or is malformed, two headers of one name, and the headers by which a connection changes its protocol.
tests/notifications/server/test_request_head.py compares the scopes that both ways make.
"""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

# Bytes and headers of a head; Twisted refuses more than 16 KB and 500.
MOST_BYTES, MOST_HEADERS = 16 * 1024, 100
# A subset of RFC 9112: no underscore in names, which Daphne drops, and no control character, not even a tab.
REQUEST_LINE = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n")
HEADER = re.compile(rb"([!#$%&'*+.^`|~0-9A-Za-z-]+): *([^\x00-\x1f\x7f\x85]*)\r\n")
# They mean a body, another protocol, or another root for Daphne.
SPECIAL = frozenset((b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"daphne-root-path"))


class RequestHead(NamedTuple):
    """The head of a GET request without a body."""

    target: bytes
    headers: list[tuple[bytes, bytes]]

    @property
    def raw_path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path.decode("ascii"))

    def scope(self, *, client: list[Any], server: list[Any]) -> dict[str, Any]:
        """Returns the ASGI scope of the request, as Daphne makes it. client, server: host and port."""
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": self.path,
            "raw_path": self.raw_path,
            "root_path": "",
            "scheme": "http",
            "query_string": self.target.partition(b"?")[2],
            "headers": self.headers,
            "client": client,
            "server": server,
        }


def read_plain(data: bytes) -> RequestHead | None:
    """Returns the head that the data is, from its first byte to its last; None if it is not, or is not plain."""
    line = REQUEST_LINE.match(data)
    if line is None or len(data) > MOST_BYTES or not data.endswith(b"\r\n\r\n"):
        return None
    headers: dict[bytes, bytes] = {}
    at, end = line.end(), len(data) - 2
    while at < end:
        header = HEADER.match(data, at)
        if header is None:
            return None
        name = header[1].lower()
        if name in headers or name in SPECIAL or len(headers) == MOST_HEADERS:
            return None
        headers[name], at = header[2].rstrip(b" "), header.end()
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return RequestHead(line[1], list(headers.items()))
