"""Daphne with what streams need: a long listen queue, no limit on the age of a response, backpressure, and a drain.

Daphne's own command line offers neither the first nor the last.
"""

import asyncio
import logging
from functools import partial
from typing import Any

from daphne.server import Server
from twisted.internet import defer

from notifications.server import direct_write, internals
from notifications.server.direct_write import FlowControl, SocketWriter
from notifications.server.receive_queue import ReceiveQueue
from notifications.stream import runtime
from notifications.stream.application import WRITE_NOW
from notifications.stream.hub import get_manager

logger = logging.getLogger(__name__)

# Connections that may wait to be accepted; Daphne's 50 refuses a storm of reconnecting browsers (trap 6).
BACKLOG = 4096
# Seconds that streams have to end by themselves on SIGTERM, before they are cancelled.
DRAIN_SECONDS = 4.0


class UnsupportedServer(Exception):
    """This Daphne or Twisted lacks something that `serve` needs."""


def endpoint(host: str, port: int) -> str:
    """Returns Twisted's description of the address to listen on."""
    escaped = host.strip("[]").replace(":", r"\:")
    return f"tcp:port={port}:interface={escaped}:backlog={BACKLOG}"


class StreamServer(Server):  # type: ignore[misc]
    """Daphne's server; its `http_timeout` stays unset, because it counts the whole age of a response (trap 5)."""

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT; raises UnsupportedServer."""
        if lacking := internals.missing_for_serving():
            raise UnsupportedServer(f"this Daphne or Twisted has no {', '.join(lacking)}")
        internals.allow_long_lines()
        self.writes_directly = direct_write.is_supported()
        super().run()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> ReceiveQueue | None:
        """Starts the application for a request and returns its receive queue; None if the client has left already.

        As Daphne's own method does, with a smaller queue, and with the extension by which a stream writes directly.
        """
        queue = ReceiveQueue()
        if self.writes_directly:
            protocol.socket_writer = SocketWriter(protocol, queue.when_left)
            scope["extensions"] = {WRITE_NOW: {"outlet": protocol.socket_writer}}
        scope.setdefault("asgi", {"version": "3.0"})
        if protocol not in self.connections:
            return None
        application = self.application(scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return queue

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Takes a part of a response, and returns once the client has room for more."""
        if message["type"] != "http.response.body" or protocol.channel is None:
            await super().handle_reply(protocol, message)
            return
        streamed = message.get("more_body", False)
        if self.writes_directly:
            protocol.socket_writer.may_be_buffered = True
        begins = streamed and protocol.producer is None
        if begins:
            protocol.registerProducer(FlowControl(), streaming=True)
        elif not streamed and protocol.producer is not None:
            # Twisted refuses to finish a response that has a producer.
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if begins:
            internals.release_headers(protocol)
        flow = protocol.producer
        if streamed and flow is not None and flow.paused:
            try:
                await flow.drain()
            except TimeoutError:
                seconds = direct_write.CLIENT_STUCK_SECONDS
                logger.info("a client has read nothing for %d s and is disconnected", seconds)
                if protocol.channel is not None:
                    protocol.channel.transport.abortConnection()

    def kill_all_applications(self) -> Any:
        """Called before shutdown: lets streams end in good order, then cancels the rest.

        Daphne's own method fails on a connection without a running request, and cancels at once.
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
