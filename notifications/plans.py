"""What a stream is opened with: what it will carry, and for whom."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from notifications import log

# The parts of ASGI that streams use (ASGI specification, "HTTP & WebSocket ASGI Message Format").
Message = dict[str, Any]
Headers = tuple[tuple[bytes, bytes], ...]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def body(content: bytes, *, more: bool = False) -> Message:
    """A piece of the answer; the last one by default."""
    return {"type": "http.response.body", "body": content, "more_body": more}


async def start(send: Send, extra: Headers = ()) -> None:
    """Begins a streamed answer."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        # no-transform and X-Accel-Buffering: proxies neither compress nor hold back (traps 9, 26).
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class Outlet(Protocol):
    """A server's way to write at once, from within the fan-out."""

    def frame(self, data: bytes) -> bytes:
        """Returns what goes to the socket for this data: made once, written to many streams."""
        ...

    def write(self, framed: bytes) -> bool:
        """Writes it; False where it has to take the ordinary path."""
        ...

    def when_left(self, callback: Callable[[], None] | None, /) -> None:
        """Has this called when the client has left, at once if it has; None: nothing any more."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream will carry, decided before it opens.

    channels: name → position after which it is heard. start: where it begins without a cursor (None: now); a stream
    with a start is one that ends, with a terminal kind. deadline: seconds since the epoch at which `at_deadline` is
    called, in a thread; the stream ends soon after. silenced: kinds that the person has switched off. pulse: makes what the
    stream says every `pulse_seconds` in place of pings, in a thread; it is no event, has no position and is never resumed.
    """

    channels: dict[str, int]
    start: int | None = None
    deadline: float | None = None
    at_deadline: Callable[[], object] | None = None
    silenced: frozenset[str] = frozenset()
    pulse: Callable[[], bytes] | None = None
    pulse_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that was let in, and what the log looked like then. form: of the data, JSON or TEXT. once: ?mode=reconnect."""

    plan: Plan
    user_id: Any
    session: str
    language: str
    form: str
    cursor: int | None
    bounds: log.Bounds
    once: bool
