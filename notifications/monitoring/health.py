"""Checks whether this process can serve: the database and the tail; without wake-ups it is slower, but serves."""

import asyncio
from typing import NamedTuple

from asgiref.sync import async_to_sync
from django.db import DatabaseError

from notifications import log, metrics
from notifications.log import wakeups
from notifications.stream import runtime
from notifications.stream.hub import get_hub

# Seconds after which a tail that has not read the log to its end is stuck; it reads every 2 s at the least.
TAIL_STUCK_SECONDS = 30.0
# Seconds in which Redis must answer.
PATIENCE = 1.0

OK, DEGRADED, FAILED = "ok", "degraded", "failed"


class Part(NamedTuple):
    """The state of one part."""

    name: str
    state: str
    detail: str


class Health(NamedTuple):
    """The states of all parts."""

    parts: tuple[Part, ...]

    @property
    def failed(self) -> bool:
        """Whether this process should get no requests."""
        return any(part.state == FAILED for part in self.parts)

    @property
    def state(self) -> str:
        """The worst state of all parts."""
        states = {part.state for part in self.parts}
        return next(state for state in (FAILED, DEGRADED, OK) if state in states)

    def text(self) -> str:
        """Returns a line with the worst state, then a line for each part."""
        lines = [self.state, *(f"{part.name}: {part.state}, {part.detail}" for part in self.parts)]
        return "\n".join(lines) + "\n"


def check_health() -> Health:
    """Checks every part. Uses the database: called in a thread."""
    return Health((database_part(), tail_part(), tasks_part(), wakeups_part()))


def database_part() -> Part:
    """Checks that the log can be read."""
    try:
        bounds = log.bounds()
    except DatabaseError:
        return Part("database", FAILED, "it does not answer")
    return Part("database", OK, f"log at {bounds.head}, kept from {bounds.horizon}")


def tail_part() -> Part:
    """Checks that the tail follows the log."""
    hub = get_hub()
    if hub.draining:
        return Part("tail", FAILED, "this process is ending")
    follower, lag = runtime.current(), metrics.tail_lag()
    if follower is None:
        return Part("tail", OK, "starts with the first stream")
    if lag > TAIL_STUCK_SECONDS:
        return Part("tail", FAILED, f"has not read the log for {lag:.0f} s")
    return Part("tail", OK, f"at {follower.cursor}, {len(hub.streams)} streams open")


def tasks_part() -> Part:
    """Checks that the background tasks run."""
    follower = runtime.current()
    down = {} if follower is None else dict(follower.supervisor.down)
    if not down:
        return Part("tasks", OK, "all run")
    return Part("tasks", DEGRADED, "; ".join(f"{name} is started again ({reason})" for name, reason in down.items()))


def wakeups_part() -> Part:
    """Checks that wake-ups reach other processes, in the way that this site has."""
    try:
        channel_layer = wakeups.layer()
        if channel_layer is None:
            return local_wakeups_part()
        async_to_sync(reach)(channel_layer)
    except Exception as error:  # noqa: BLE001  without Redis, processes find events by polling
        return Part("redis", DEGRADED, f"processes find events by polling only: {error or type(error).__name__}")
    return Part("redis", OK, "processes wake each other")


def local_wakeups_part() -> Part:
    """Checks that wake-ups reach other processes without Redis."""
    way, follower = wakeups.way(), runtime.current()
    if way == wakeups.NONE:
        return Part("wake-ups", OK, "not used: processes find events by polling")
    if follower is not None and not follower.arrivals.do_arrive:
        return Part("wake-ups", DEGRADED, f"processes find events by polling only: {way} do not arrive")
    return Part("wake-ups", OK, f"processes wake each other by {way}")


async def reach(channel_layer: object) -> None:
    """Sends a message to an empty group; raises if it cannot be sent."""
    async with asyncio.timeout(PATIENCE):
        await channel_layer.group_send("notifications.health", {"type": "probe"})  # type: ignore[attr-defined]
