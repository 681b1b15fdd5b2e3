"""Wake-ups that other processes send through the channel layer."""

import asyncio
import logging
from collections.abc import Callable

from notifications.log import wakeups

logger = logging.getLogger("notifications.tail")

# Seconds between two attempts to subscribe.
RETRY_SECONDS = 2.0


class RemoteWakeups:
    """Passes on the wake-ups of other processes."""

    def __init__(self, take: Callable[[wakeups.Sequenced], None]) -> None:
        """take: called with each wake-up, on the event loop."""
        self._take = take
        # Whether they do arrive, so that the log need be polled only rarely.
        self.do_arrive = False

    async def run(self) -> None:
        """Receives until it is cancelled. While the channel layer fails, the tail polls more often instead."""
        while True:
            layer = wakeups.layer()
            try:
                channel = await layer.new_channel()
                await layer.group_add(wakeups.GROUP, channel)
                while True:
                    message = await layer.receive(channel)
                    self.do_arrive = True
                    self._take(wakeups.unpacked(message))
            except Exception as error:  # noqa: BLE001  Redis fails in many ways; polling goes on in all of them
                self.do_arrive = False
                logger.warning("wake-ups of other processes do not arrive, polling instead: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
