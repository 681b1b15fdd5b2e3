"""Daphne with what streams need: a long listen queue, no limit on an answer's age, and an orderly end.

Daphne's own command line offers neither the first nor the last.
"""

import asyncio
import logging
from functools import partial
from typing import Any

from daphne.server import Server
from twisted.internet import defer
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from notifications.server import direct_write
from notifications.server.direct_write import Outlet, Valve
from notifications.server.receive_queue import ReceiveQueue
from notifications.stream import runtime
from notifications.stream.application import WRITE_NOW
from notifications.stream.hub import get_manager

logger = logging.getLogger(__name__)

# Connections that may wait to be accepted; Daphne's 50 refuses a storm of reconnecting browsers (trap 6).
BACKLOG = 4096
NO_HEADERS = Headers()
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
        self.writes_now = direct_write.is_supported()
        super().run()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> ReceiveQueue | None:
        """Starts the application for a request and returns where its messages go; None if the client has left already.

        Daphne's own, but for a mailbox that is smaller than its queue, and the extension by which a stream writes at once.
        """
        mailbox = ReceiveQueue()
        if self.writes_now:
            protocol.outlet = Outlet(protocol, mailbox.when_left)
            scope["extensions"] = {WRITE_NOW: {"outlet": protocol.outlet}}
        scope.setdefault("asgi", {"version": "3.0"})
        if protocol not in self.connections:
            return None
        application = self.application(scope=scope, receive=mailbox.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return mailbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Takes a part of an answer, and returns once the client has room for more."""
        if message["type"] != "http.response.body" or protocol.channel is None:
            await super().handle_reply(protocol, message)
            return
        streamed = message.get("more_body", False)
        if self.writes_now:
            protocol.outlet.mixed = True
        begins = streamed and protocol.producer is None
        if begins:
            protocol.registerProducer(Valve(), streaming=True)
        elif not streamed and protocol.producer is not None:
            # Twisted takes it for a mistake to finish with one.
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if begins:
            # They have been read and sent, and would be kept as long as the stream: 1.5 KB.
            protocol.requestHeaders = protocol.responseHeaders = NO_HEADERS
            protocol.clean_headers = ()
        valve = protocol.producer
        if streamed and valve is not None and valve.closed:
            try:
                await valve.opened()
            except TimeoutError:
                logger.info("a client has read nothing for %d s and is let go", direct_write.STUCK_SECONDS)
                if protocol.channel is not None:
                    protocol.channel.transport.abortConnection()

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
        manager = get_manager()
        manager.draining = True
        manager.close_all()
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
        await runtime.stop()
