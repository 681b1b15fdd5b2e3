"""Daphne with what streams need: a long listen queue, no limit on an answer's age, and an orderly end.

Daphne's own command line offers neither the first nor the last.
"""

import asyncio
import logging
from typing import Any

from daphne.server import Server
from twisted.internet import defer
from twisted.web.http import HTTPChannel

from notifications import tail
from notifications.listeners import get_manager

logger = logging.getLogger(__name__)

# Connections that may wait to be accepted; Daphne's 50 refuses a storm of reconnecting browsers (trap 6).
BACKLOG = 4096
# Seconds that streams have to end by themselves on SIGTERM, before they are cancelled.
DRAIN_SECONDS = 4.0
# Twisted hangs up on a line longer than 16 KB without a word, and answers 400 to headers of more than 16 KB in all:
# with longer lines allowed, a client with an oversized header gets that answer.
LONGEST_LINE = 64 * 1024


def endpoint(host: str, port: int) -> str:
    """Returns Twisted's description of the address to listen on."""
    escaped = host.strip("[]").replace(":", r"\:")
    return f"tcp:port={port}:interface={escaped}:backlog={BACKLOG}"


class StreamServer(Server):  # type: ignore[misc]
    """Daphne's server; its `http_timeout` stays unset, because it counts the whole age of an answer (trap 5)."""

    def run(self) -> None:
        """Serves until told to stop."""
        HTTPChannel.MAX_LENGTH = LONGEST_LINE
        super().run()

    def kill_all_applications(self) -> Any:
        """Called before shutdown: lets streams end in good order, then cancels what is left.

        Daphne's own method fails on a connection without a running request, and cancels the rest at once.
        """
        return defer.Deferred.fromFuture(asyncio.ensure_future(self.end_applications()))

    async def end_applications(self) -> None:
        """Stops listening, asks every stream to end, waits, cancels, and stops the tail."""
        for listening in self.listeners:
            port = getattr(listening, "result", None)
            if port is not None:
                port.stopListening()
        get_manager().close_all()
        running = [
            details["application_instance"]
            for details in list(self.connections.values())
            if "application_instance" in details and not details["application_instance"].done()
        ]
        if running:
            _done, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
            for application in late:
                application.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            logger.info("ended %d requests, %d of them by force", len(running), len(late))
        await tail.stop()
