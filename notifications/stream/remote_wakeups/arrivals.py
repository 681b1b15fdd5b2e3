"""What the tail knows of the wake-ups of other processes, in whatever way they are sent."""

import logging
from collections.abc import Callable

from notifications.log.wakeups import Sequenced

logger = logging.getLogger("notifications.tail")


class Arrivals:
    """Hands wake-ups to the tail; `do_arrive` says whether they arrive, so that the log need be polled only rarely."""

    def __init__(self, take: Callable[[Sequenced], None], look: Callable[[], None]) -> None:
        """take: called with each wake-up, on the event loop. look: called where one was missed, so that the log is read."""
        self.take = take
        self.look = look
        self.do_arrive = False

    def begin(self) -> None:
        """Wake-ups are known to arrive from now on; the log is read for what came before."""
        if not self.do_arrive:
            logger.info("wake-ups of other processes arrive")
        self.do_arrive = True
        self.look()

    def fail(self, reason: object) -> None:
        """Wake-ups do not arrive any more."""
        self.do_arrive = False
        logger.warning("wake-ups of other processes do not arrive, polling instead: %s", reason)
