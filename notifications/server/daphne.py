"""Daphne's server with what streams need: a long listen queue, no limit on a response's age, and an orderly shutdown.

Daphne's own command line offers neither the first nor the last. `internals` lists what is used of Daphne here.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from daphne.server import Server
from twisted.internet import defer, reactor
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from notifications.server import flow_control, internals
from notifications.server.direct_write import SocketWriter
from notifications.server.flow_control import FlowControl
from notifications.server.receive_queue import ReceiveQueue
from notifications.stream import runtime
from notifications.stream.application import WRITE_NOW
from notifications.stream.hub import get_hub

logger = logging.getLogger(__name__)

# Connections that may wait to be accepted; Daphne's 50 refuses a storm of reconnecting browsers (trap 6).
BACKLOG = 4096
# Seconds that streams have to end by themselves on SIGTERM, before they are cancelled.
DRAIN_SECONDS = 4.0
# Seconds in which a worker reads requests of connections that it has accepted before it stopped listening.
LAST_REQUESTS_SECONDS = 0.1


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens, for several processes to inherit; raises OSError."""
    name = host.strip("[]")
    listening = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((name, port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def endpoint(host: str, port: int) -> str:
    """Returns Twisted's description of the address to listen on."""
    escaped = host.strip("[]").replace(":", r"\:")
    return f"tcp:port={port}:interface={escaped}:backlog={BACKLOG}"


class LongLineChannel(HTTPChannel):
    """Reads header lines that are too long, so that they can be answered.

    Twisted hangs up without an answer on a line longer than MAX_LENGTH, 16 KB by default, and answers 400 to headers of
    more than 16 KB in all.
    """

    MAX_LENGTH = 64 * 1024


class StreamServer(Server):  # type: ignore[misc]
    """Daphne's server; its `http_timeout` stays unset, because it counts the whole age of a response (trap 5)."""

    def __init__(
        self,
        *,
        ready_callable: Callable[[], None] | None = None,
        inherited: socket.socket | None = None,
        endpoints: list[str] | None = None,
        **options: Any,
    ) -> None:
        """options: as Daphne's. inherited: a listening socket to serve, beside the endpoints or instead of them.

        Raises IncompatibleVersions if the installed Daphne or Twisted cannot be used.
        """
        self.missing = internals.find_missing()
        internals.raise_if_missing(self.missing.serving)
        self._ready = ready_callable
        self._inherited = inherited
        self.ports: list[Any] = []
        # Daphne demands an endpoint here, and reads the list when it runs.
        super().__init__(ready_callable=self.prepare, endpoints=endpoints or ["none"], **options)
        self.endpoints = endpoints or []

    def prepare(self) -> None:
        """Called by run() before the first request; raises IncompatibleVersions."""
        internals.raise_if_missing(internals.lacking(self, internals.RUNNING, "Server"))
        for consequence in self.missing.consequences():
            logger.warning(consequence)
        if not self.missing.long_lines:
            self.http_factory.protocol = LongLineChannel
        if self._inherited is not None:
            # Twisted leaves it as it is, and would wait in accept().
            self._inherited.settimeout(0)
            adopt: Any = reactor.adoptStreamPort
            self.listen_success(adopt(self._inherited.fileno(), self._inherited.family, self.http_factory))
        if self._ready is not None:
            self._ready()

    def listen_success(self, port: Any) -> None:
        """Called with each port that listens. Daphne's `listeners` do not hold them: their result is this method's."""
        self.ports.append(port)
        super().listen_success(port)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> ReceiveQueue | None:
        """Starts the application for a request, and returns the queue of its messages; None if the client has left.

        Differs from Daphne's own in a queue that is smaller, and in the extension by which a stream writes at once.
        """
        queue = ReceiveQueue()
        if not self.missing.direct_writes:
            protocol.socket_writer = SocketWriter(protocol, queue.when_left)
            scope["extensions"] = {WRITE_NOW: {"outlet": protocol.socket_writer}}
        scope.setdefault("asgi", {"version": "3.0"})
        if protocol not in self.connections:
            return None
        application = self.application(scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol][internals.TASK] = asyncio.ensure_future(application)
        return queue

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Sends a part of a response, and returns once the client has room for more."""
        if message["type"] != "http.response.body" or protocol.channel is None:
            await super().handle_reply(protocol, message)
            return
        streamed = message.get("more_body", False)
        if not self.missing.direct_writes:
            protocol.socket_writer.has_buffered = True
        begins = streamed and protocol.producer is None
        if begins:
            protocol.registerProducer(FlowControl(), streaming=True)
        elif not streamed and protocol.producer is not None:
            # Twisted reports an error if a request finishes with a producer.
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if begins and not self.missing.headers:
            # They have been read and sent, and would be kept as long as the stream: 1.5 KB. An empty Headers takes 0.1.
            protocol.requestHeaders = protocol.responseHeaders = Headers()
            protocol.clean_headers = ()
        flow = protocol.producer
        if streamed and flow is not None and flow.paused:
            try:
                await flow.drain()
            except TimeoutError:
                logger.info("a client has read nothing for %d s and is let go", flow_control.WRITE_TIMEOUT)
                if protocol.channel is not None:
                    protocol.channel.transport.abortConnection()

    def kill_all_applications(self) -> Any:
        """Called before shutdown: lets streams end in good order, then cancels the rest.

        Daphne's own method fails on a connection without a running request, and cancels all others at once.
        """
        return defer.Deferred.fromFuture(asyncio.ensure_future(self.end_applications()))

    def running(self) -> set[asyncio.Task[None]]:
        """Returns the tasks of the requests that are being served."""
        tasks = [details[internals.TASK] for details in self.connections.values() if internals.TASK in details]
        return {task for task in tasks if not task.done()}

    async def end_applications(self) -> None:
        """Stops listening, asks every stream to end, waits, cancels, and stops the tail."""
        for port in self.ports:
            port.stopListening()
        hub = get_hub()
        hub.draining = True
        hub.close_all()
        running = self.running()
        if self._inherited is not None:
            # Others listen on, so nobody is refused: a connection that was accepted a moment ago is served, not dropped.
            await asyncio.sleep(LAST_REQUESTS_SECONDS)
            running |= self.running()
        if running:
            _done, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
            for application in late:
                application.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            logger.info("ended %d requests, %d of them by force", len(running), len(late))
        await runtime.stop()
