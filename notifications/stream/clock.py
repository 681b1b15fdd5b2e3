"""The clock of one open stream: pings or pulses, the domain's deadline, the expiry of the session, and the greatest age."""

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from notifications import conf
from notifications.stream import sse
from notifications.stream.listener import StreamListener
from notifications.stream.plan import Plan

# Seconds that a stream waits for its last event after at_deadline() was called.
GRACE_SECONDS = 10.0


class StreamClock:
    """Says when something is due for a stream, and does it. All moments are on the monotonic clock."""

    __slots__ = ("_deadline", "_ends_at", "_in_thread", "_listener", "_ping_seconds", "_plan", "_session_ends_at")

    def __init__(
        self, listener: StreamListener, plan: Plan, in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        """in_thread: runs a function that uses the database."""
        self._listener, self._plan, self._in_thread = listener, plan, in_thread
        now = time.monotonic()
        # Random from 50 % on: streams that were opened together, after a restart, do not end together.
        self._ends_at = now + conf.stream_max_age() * random.uniform(0.5, 1)  # noqa: S311
        self._ping_seconds = plan.pulse_seconds or conf.ping_seconds()
        self._deadline = None if plan.deadline is None else now + plan.deadline - time.time()
        self._session_ends_at = self._ends_at

    def expect_session_end(self, seconds: float) -> None:
        """Has the stream authenticated again after so many seconds."""
        self._session_ends_at = time.monotonic() + seconds

    @property
    def is_aged(self) -> bool:
        """Whether the stream has reached its greatest age."""
        return time.monotonic() >= self._ends_at

    def seconds_left(self) -> float:
        """Seconds until something is due, if nothing is written before."""
        ends_at = min(self._ends_at, self._session_ends_at)
        due = min(self._listener.wrote_at + self._ping_seconds, ends_at, self._deadline or ends_at)
        return max(0.0, due - time.monotonic())

    async def run_due(self) -> bytes:
        """Does the first thing that is due; returns the bytes to write for it, if any."""
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            await self._reach_deadline()
        elif now >= self._ends_at:
            self._listener.close()
        elif now >= self._session_ends_at:
            self._session_ends_at = self._ends_at
            self._listener.recheck()
        elif now >= self._listener.wrote_at + self._ping_seconds:
            pulse: bytes = await self._in_thread(self._plan.pulse) if self._plan.pulse else sse.PING
            return pulse
        return b""

    async def _reach_deadline(self) -> None:
        """Calls the domain, whose terminal event then ends the stream; closes the stream if there is nothing to call."""
        self._deadline = None
        if self._plan.at_deadline is None:
            self._listener.close()
        else:
            await self._in_thread(self._plan.at_deadline)
            self._ends_at = time.monotonic() + GRACE_SECONDS
