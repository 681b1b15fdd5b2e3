"""Receives wake-ups through the channel layer, which Redis carries."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from notifications.log import wakeups
from notifications.stream.remote_wakeups.arrivals import Arrivals

logger = logging.getLogger("notifications.tail")

# Seconds between two attempts to subscribe, and the longest pause after messages that cannot be received.
RETRY_SECONDS = 2.0
# Seconds that leaving the group may take.
LEAVE_SECONDS = 0.5


async def receive_from_layer(arrivals: Arrivals) -> None:
    """Receives until it is cancelled."""
    layer = wakeups.layer()
    channel = await _join(layer, arrivals)
    try:
        await _receive(layer, channel, arrivals)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(LEAVE_SECONDS):
                await layer.group_discard(wakeups.GROUP, channel)


async def _join(layer: Any, arrivals: Arrivals) -> str:
    """Returns a channel of the group, once the layer can be reached."""
    while True:
        try:
            # Sent first: Redis's layer keeps the queue of each new channel, also of one that it could not subscribe.
            await layer.group_send(wakeups.GROUP, {"type": "wake", "position": 0, "events": ""})
            channel: str = await layer.new_channel()
            await layer.group_add(wakeups.GROUP, channel)
        except Exception as error:  # noqa: BLE001  Redis fails in many ways; polling goes on in all of them
            arrivals.fail(error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return channel


async def _receive(layer: Any, channel: str, arrivals: Arrivals) -> None:
    """Receives on one channel for ever: it stays subscribed, whatever fails, so that no second one takes its messages."""
    failures = 0
    while True:
        try:
            message = await layer.receive(channel)
        except Exception as error:  # noqa: BLE001  a message that is none, or a layer that fails
            failures += 1
            arrivals.do_arrive = False
            logger.warning("a wake-up cannot be received: %r", error)
            await asyncio.sleep(min(RETRY_SECONDS, 0.01 * 2 ** min(failures, 10)))
            continue
        failures = 0
        sequenced = wakeups.unpacked(message)
        arrivals.do_arrive = arrivals.do_arrive or sequenced.head > 0
        arrivals.take(sequenced)
