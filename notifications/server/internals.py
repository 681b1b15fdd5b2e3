"""What this package uses of Daphne and Twisted beyond their documented interfaces: all of it is named here, and checked.

`serve` checks at its start. Without an attribute of SERVER or RESPONSE it cannot work, and refuses to start. Without one of
DIRECT_WRITE it writes by Daphne's ordinary, slower path.

The versions that were read: Daphne 4.2.3, Twisted 25.5.
"""

from collections.abc import Mapping
from typing import Any

from daphne.server import Server
from twisted.internet.abstract import FileDescriptor
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

# Daphne calls the methods; `connections` and `listeners` are made by its own __init__() and run().
SERVER: Mapping[type[Any], tuple[str, ...]] = {
    Server: ("create_application", "handle_reply", "kill_all_applications", "run"),
}
# A response that is held back while its client does not read.
RESPONSE: Mapping[type[Any], tuple[str, ...]] = {
    Request: ("producer", "registerProducer", "unregisterProducer"),
    HTTPChannel: ("MAX_LENGTH",),
}
# To know that everything written has reached the socket.
DIRECT_WRITE: Mapping[type[Any], tuple[str, ...]] = {
    FileDescriptor: ("dataBuffer", "offset", "connected", "disconnecting"),
    Request: ("startedWriting", "finished", "chunked"),
}
BUFFER_OF_PARTS = "_tempDataBuffer"

# Bytes of a request line or a header. Twisted closes the connection without an answer past 16 KB, and answers 400 to headers
# of more than 16 KB in total: with longer lines allowed, a client with an oversized header gets that answer.
LONGEST_LINE = 64 * 1024


def missing(needed: Mapping[type[Any], tuple[str, ...]]) -> list[str]:
    """Returns the attributes that this Daphne or Twisted does not have, as "Class.attribute"."""
    return [f"{owner.__name__}.{name}" for owner, names in needed.items() for name in names if not hasattr(owner, name)]


def missing_for_serving() -> list[str]:
    """Returns the attributes without which `serve` cannot work."""
    return [*missing(SERVER), *missing(RESPONSE)]


def missing_for_direct_writes() -> list[str]:
    """Returns the attributes without which nothing can be written past Twisted's buffers."""
    # An attribute of the instance, not of the class.
    descriptor: Any = FileDescriptor()
    parts = [] if hasattr(descriptor, BUFFER_OF_PARTS) else [f"FileDescriptor.{BUFFER_OF_PARTS}"]
    return [*missing(DIRECT_WRITE), *parts]


def allow_long_lines() -> None:
    """Sets the longest line for all connections of this process; Twisted has the limit on its class."""
    HTTPChannel.MAX_LENGTH = LONGEST_LINE


def release_headers(request: Any) -> None:
    """Drops the headers of a request whose response has begun: they would stay as long as the stream, 1.5 KB."""
    # New objects for each request: Twisted may write to them.
    request.requestHeaders = request.responseHeaders = Headers()
    request.clean_headers = []


def is_flushed(transport: Any) -> bool:
    """Whether everything that was written to a transport has reached its socket."""
    return not (getattr(transport, BUFFER_OF_PARTS) or transport.offset < len(transport.dataBuffer))
