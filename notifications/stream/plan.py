"""What a stream is opened with: its plan, and the request that was accepted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifications import log


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream will carry, decided before it opens.

    channels: name → position after which the stream carries it. follows_person: it carries what the person is subscribed
    to, and changes with the person's subscriptions and preferences; another one is fixed. start: the position at which it begins without a cursor
    (None: now); a stream with a start ends with an event of a terminal kind. deadline: seconds since the epoch at which
    `at_deadline` is called, in a thread; the stream ends soon after. silenced: kinds that it does not carry, because the
    person has switched them off. pulse: makes the bytes that are sent every `pulse_seconds` in place of pings, in a
    thread; a pulse is no event and is never resumed. Like a ping, it is sent with the cursor as its id.
    """

    channels: dict[str, int]
    start: int | None = None
    deadline: float | None = None
    at_deadline: Callable[[], object] | None = None
    silenced: frozenset[str] = frozenset()
    pulse: Callable[[], bytes] | None = None
    pulse_seconds: float = 0
    follows_person: bool = False


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """A request that was authenticated and planned, and the bounds of the log at that time.

    session: the digest of its session's key. session_seconds: after these the stream must be authenticated again. form: of the data, JSON or TEXT. cursor: what it resumes from, if it
    does. once: ?mode=reconnect, the stream ends after the catch-up.
    """

    plan: Plan
    user_id: Any
    session: str
    session_seconds: float
    language: str
    form: str
    cursor: log.Cursor | None
    bounds: log.Bounds
    once: bool
