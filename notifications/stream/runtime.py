"""The tail of this process, started with its first stream."""

import asyncio

from notifications.stream.hub import get_hub
from notifications.stream.tail import Tail

_current: Tail | None = None


def current() -> Tail | None:
    """Returns this process's tail, or None before the first stream."""
    return _current


async def running() -> Tail:
    """Returns this process's tail, started on first use, with its cursor known."""
    global _current
    loop = asyncio.get_running_loop()
    if _current is None or _current.loop is not loop:
        _current = Tail(get_hub())
        _current.start()
    await _current.started()
    return _current


async def stop() -> None:
    """Stops this process's tail, if it runs on this loop."""
    global _current
    tail, _current = _current, None
    if tail is not None and tail.loop is asyncio.get_running_loop():
        await tail.stop()
