"""Whether this process can serve: the database, the log, the tail; and what is merely slower than it should be."""

import asyncio
from typing import NamedTuple

from asgiref.sync import async_to_sync
from django.db import DatabaseError

from notifications import log, metrics
from notifications.log import wakeups
from notifications.stream import runtime
from notifications.stream.hub import get_hub

# A tail that has not read the log to its end for this long is stuck: it looks every 2 s at the least.
TAIL_STUCK_SECONDS = 30.0
# How long Redis may take to answer.
PATIENCE = 1.0

OK, DEGRADED, FAILED = "ok", "degraded", "failed"


class Part(NamedTuple):
    """How one part stands, and in which words."""

    name: str
    state: str
    detail: str


class Health(NamedTuple):
    """How all parts stand."""

    parts: tuple[Part, ...]

    @property
    def failed(self) -> bool:
        """Whether this process should get no requests."""
        return any(part.state == FAILED for part in self.parts)

    @property
    def state(self) -> str:
        """The worst of all, in one word."""
        states = {part.state for part in self.parts}
        return next(state for state in (FAILED, DEGRADED, OK) if state in states)

    def text(self) -> str:
        """One line for all, then one for each part."""
        lines = [self.state, *(f"{part.name}: {part.state}, {part.detail}" for part in self.parts)]
        return "\n".join(lines) + "\n"


def check_health() -> Health:
    """Looks at every part; called in a thread, with the database."""
    return Health((database(), tail_part(), redis_part()))


def database() -> Part:
    """The log can be read."""
    try:
        bounds = log.bounds()
    except DatabaseError:
        return Part("database", FAILED, "it does not answer")
    return Part("database", OK, f"log at {bounds.head}, kept from {bounds.horizon}")


def tail_part() -> Part:
    """The tail follows the log."""
    hub = get_hub()
    if hub.draining:
        return Part("tail", FAILED, "this process is ending")
    follower, lag = runtime.current(), metrics.tail_lag()
    if follower is None:
        return Part("tail", OK, "starts with the first stream")
    if lag > TAIL_STUCK_SECONDS:
        return Part("tail", FAILED, f"has not read the log for {lag:.0f} s")
    return Part("tail", OK, f"at {follower.cursor}, {len(hub.streams)} streams open")


def redis_part() -> Part:
    """Other processes are woken at once."""
    try:
        channel_layer = wakeups.layer()
        if channel_layer is None:
            return Part("redis", OK, "not used: processes find events by polling")
        async_to_sync(reach)(channel_layer)
    except Exception as error:  # noqa: BLE001  whatever Redis does, events are found by polling
        return Part("redis", DEGRADED, f"processes find events by polling only: {error or type(error).__name__}")
    return Part("redis", OK, "processes wake each other")


async def reach(channel_layer: object) -> None:
    """Sends something that nobody listens to; raises if it cannot be sent."""
    async with asyncio.timeout(PATIENCE):
        await channel_layer.group_send("notifications.health", {"type": "probe"})  # type: ignore[attr-defined]
