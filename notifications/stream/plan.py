"""What a stream is opened with: what it will carry, and for whom."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifications import log


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
