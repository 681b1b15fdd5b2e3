"""Wake-ups that other processes send through the channel layer."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from notifications.log import wakeups

logger = logging.getLogger("notifications.tail")

# Seconds between two attempts to subscribe, and the longest pause after messages that cannot be received.
RETRY_SECONDS = 2.0
# Seconds that leaving the group may take.
LEAVE_SECONDS = 0.5


class RemoteWakeups:
    """Passes on the wake-ups of other processes."""

    def __init__(self, take: Callable[[wakeups.Sequenced], None]) -> None:
        """take: called with each wake-up, on the event loop."""
        self._take = take
        # Whether they do arrive, so that the log need be polled only rarely.
        self.do_arrive = False

    async def run(self) -> None:
        """Receives until it is cancelled. While the channel layer fails, the tail polls more often instead."""
        layer = wakeups.layer()
        channel = await self._join(layer)
        try:
            await self._receive(layer, channel)
        finally:
            self.do_arrive = False
            with suppress(Exception):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await layer.group_discard(wakeups.GROUP, channel)

    async def _join(self, layer: Any) -> str:
        """Returns a channel of the group, once the layer can be reached."""
        while True:
            try:
                # Sent first: Redis's layer keeps the queue of each new channel, also of one that it could not subscribe.
                await layer.group_send(wakeups.GROUP, {"type": "wake", "position": 0, "events": ""})
                channel: str = await layer.new_channel()
                await layer.group_add(wakeups.GROUP, channel)
            except Exception as error:  # noqa: BLE001  Redis fails in many ways; polling goes on in all of them
                logger.warning("wake-ups of other processes do not arrive, polling instead: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return channel

    async def _receive(self, layer: Any, channel: str) -> None:
        """Receives on one channel for ever: it stays subscribed, whatever fails, so that no second one takes its messages."""
        failures = 0
        while True:
            try:
                message = await layer.receive(channel)
            except Exception as error:  # noqa: BLE001  a message that is none, or a layer that fails
                failures += 1
                self.do_arrive = False
                logger.warning("a wake-up cannot be received: %r", error)
                await asyncio.sleep(min(RETRY_SECONDS, 0.01 * 2 ** min(failures, 10)))
                continue
            failures = 0
            sequenced = wakeups.unpacked(message)
            self.do_arrive = self.do_arrive or sequenced.head > 0
            self._take(sequenced)
