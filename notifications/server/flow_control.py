"""Flow control between a stream and its client: a stream that is ahead of its client waits.

Daphne buffers whatever it is given: a client that never reads grows the process without bound (trap 4).
"""

import asyncio
import logging
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

logger = logging.getLogger(__name__)

# Seconds. A client that has read nothing for this long is disconnected; it resumes from its cursor when it comes back.
WRITE_TIMEOUT = 30.0


@implementer(IPushProducer)
class FlowControl:
    """Paused by Twisted above the high-water mark of 64 KB in a client's buffer, and resumed once that is empty."""

    __slots__ = ("_resumed", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._resumed: asyncio.Future[None] | None = None

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        self.paused = True

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        self.paused = False
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    # The connection is lost: there is no reason to wait any longer.
    stopProducing = resumeProducing  # noqa: N815  Twisted's name

    async def drain(self) -> None:
        """Returns once more may be written; raises TimeoutError if the client has not read for WRITE_TIMEOUT."""
        while self.paused:
            self._resumed = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._resumed

    async def drain_or_abort(self, transport: Any) -> None:
        """Returns once more may be written to the transport, or has it closed if its client does not read."""
        try:
            await self.drain()
        except TimeoutError:
            logger.info("a client has read nothing for %d s and is let go", WRITE_TIMEOUT)
            transport.abortConnection()
