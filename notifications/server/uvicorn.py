"""Writes deliveries straight to uvicorn's transport while a client keeps up.

uvicorn's own way costs the waking of a task for each stream and a chunk framed for each. asyncio's transport writes to the
socket at once when nothing waits in its buffer, and keeps the order with what uvicorn writes to it. `uvicorn_internals` lists
and checks what is used here to reach the transport.
"""

import logging
from importlib.metadata import version
from typing import Any

from notifications.server import uvicorn_internals
from notifications.stream.asgi import chunk

logger = logging.getLogger(__name__)

# What differs in each class of uvicorn's protocols that was met.
_differences: dict[type, str] = {}


class UvicornWriter:
    """Writes the chunks of one streamed response to the transport of its connection."""

    __slots__ = ("_cycle", "_transport")

    # uvicorn says by `receive` alone that the client has left.
    when_left = None
    frame = staticmethod(chunk)

    def __init__(self, cycle: Any) -> None:
        """cycle: uvicorn's RequestResponseCycle."""
        self._cycle = cycle
        self._transport = cycle.transport

    def write(self, framed: bytes) -> bool:
        """Writes a chunk; returns False if the client is behind, and uvicorn has to make the stream wait."""
        cycle, transport = self._cycle, self._transport
        if transport.get_write_buffer_size() or transport.is_closing():
            return False
        if cycle.response_complete or not cycle.response_started:
            return False
        transport.write(framed)
        return True


def writer_of(scope: dict[str, Any], send: Any) -> UvicornWriter | None:
    """Returns a writer for a request on uvicorn; None if its response has to be written by `send`."""
    cycle = uvicorn_internals.cycle_of(send)
    if cycle is None or scope["method"] != "GET" or scope["http_version"] != "1.1":
        return None
    try:
        protocol = cycle.transport.get_protocol()
        is_secure = cycle.transport.get_extra_info("sslcontext") is not None
        names = {name.lower() for name, _value in cycle.default_headers}
    except AttributeError as error:
        _remember(type(cycle), str(error))
        return None
    if is_secure or names & uvicorn_internals.FRAMING_HEADERS:
        return None
    kind = type(protocol)
    if kind not in _differences:
        _remember(kind, uvicorn_internals.find_difference(protocol))
    return None if _differences[kind] else UvicornWriter(cycle)


def _remember(kind: type, difference: str) -> None:
    """Keeps what differs in a class; warns of it once."""
    if difference and kind not in _differences:
        logger.warning("uvicorn %s: events are written its own, slower way: %s", version("uvicorn"), difference)
    _differences[kind] = difference
