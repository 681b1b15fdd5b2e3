"""Wake-ups: hints that the log has grown, so that a tail looks at once instead of at its next poll.

Within the process the tail is called directly. Other processes hear of it through the channel layer where that reaches
across processes (Redis); otherwise they notice by polling. A lost wake-up costs time, never an event.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

if TYPE_CHECKING:
    from notifications.tail import Tail

logger = logging.getLogger(__name__)

GROUP = "notifications.wake"
# A publisher gives up after this many seconds, and tries again only after as many more.
TIMEOUT = 1.0
QUIET_AFTER_FAILURE = 5.0

_tail: "Tail | None" = None
_quiet_until = 0.0


def attach(tail: "Tail | None") -> None:
    """Makes this the tail that wake() calls in this process; None detaches it."""
    global _tail
    _tail = tail


def layer() -> Any:
    """Returns the channel layer if it reaches other processes, else None."""
    found = get_channel_layer()
    return None if found is None or isinstance(found, InMemoryChannelLayer) else found


def wake(position: int) -> None:
    """Says that the log has reached this position; callable from any thread, never raises, never waits for long."""
    tail = _tail
    if tail is not None and tail.wake_threadsafe(position, publish=True):
        return
    if layer() is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(publish)(position)
    # Within somebody else's event loop nothing may block: the other processes' safety poll finds the event.


async def publish(position: int) -> None:
    """Tells the other processes; a failure is logged once per quiet period."""
    global _quiet_until
    channel_layer = layer()
    if channel_layer is None or time.monotonic() < _quiet_until:
        return
    try:
        async with asyncio.timeout(TIMEOUT):
            await channel_layer.group_send(GROUP, {"type": "wake", "position": position})
    except Exception as error:  # noqa: BLE001  whatever Redis does, whoever saved something must not notice
        _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE
        logger.warning("cannot wake other processes, they will poll: %s", error or type(error).__name__)
