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
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.http_headers import Headers

from notifications.server import internals, request_head
from notifications.server.channel import LongLineChannel, StreamChannel
from notifications.server.direct_write import SocketWriter, is_plain_tcp
from notifications.server.flow_control import FlowControl
from notifications.server.receive_queue import ReceiveQueue
from notifications.server.stream_protocol import StreamProtocol
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
        # The requests that take_stream() has taken, with the task of each.
        self.streams: dict[StreamProtocol, asyncio.Task[None]] = {}
        # Daphne demands an endpoint here, and reads the list when it runs.
        super().__init__(ready_callable=self.prepare, endpoints=endpoints or ["none"], **options)
        self.endpoints = endpoints or []

    def prepare(self) -> None:
        """Called by run() before the first request; raises IncompatibleVersions."""
        internals.raise_if_missing(internals.lacking(self, internals.RUNNING, "Server"))
        for consequence in self.missing.consequences():
            logger.warning(consequence)
        if not self.missing.long_lines:
            self.http_factory.protocol = StreamChannel if self._may_take_streams() else LongLineChannel
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

    def _may_take_streams(self) -> bool:
        """Whether the site's application names its streams, and nothing between it and the clients changes requests."""
        is_plain = not self.root_path and self.proxy_forwarded_address_header is None
        lacks = self.missing.streams or self.missing.direct_writes
        return is_plain and not lacks and hasattr(self.application, "find_stream")

    def take_stream(self, channel: Any, data: bytes) -> bool:
        """Opens the stream that the data is a request for; False if it is anything else, and left to Daphne.

        Daphne's and Twisted's part in the opening is larger than this site's: 0.5 ms, and 6 KB as long as the stream is open.
        """
        transport: Any = channel.transport
        head = request_head.read_plain(data) if is_plain_tcp(transport) else None
        found = None if head is None else self.application.find_stream(head.path)
        if head is None or found is None:
            return False
        peer, host = transport.getPeer(), transport.getHost()
        if not isinstance(peer, (IPv4Address, IPv6Address)):
            return False
        channel.setTimeout(None)
        transport.unregisterProducer()
        protocol = StreamProtocol(transport, self._serve_next)
        scope = head.scope(client=[peer.host, peer.port], server=[host.host, host.port])
        stream, scope["url_route"] = found[0], {"args": (), "kwargs": found[1]}
        scope["extensions"] = {WRITE_NOW: {"outlet": protocol}}
        task = self.streams[protocol] = asyncio.ensure_future(stream(scope, protocol.receive, protocol.send))
        task.add_done_callback(partial(self._end_stream, protocol))
        return True

    def _serve_next(self, transport: Any, data: bytes) -> None:
        """Reads the next requests of a connection whose stream has ended. data: what of them has arrived."""
        transport.protocol = channel = self.http_factory.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        if data:
            channel.dataReceived(data)

    def _end_stream(self, protocol: StreamProtocol, task: asyncio.Task[None]) -> None:
        del self.streams[protocol]
        if not task.cancelled() and task.exception() is not None:
            logger.error("a stream failed", exc_info=task.exception())
        protocol.fail()

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
            await flow.drain_or_abort(protocol.channel.transport)

    def kill_all_applications(self) -> Any:
        """Called before shutdown: lets streams end in good order, then cancels the rest.

        Daphne's own method fails on a connection without a running request, and cancels all others at once.
        """
        return defer.Deferred.fromFuture(asyncio.ensure_future(self.end_applications()))

    def running(self) -> set[asyncio.Task[None]]:
        """Returns the tasks of the requests that are being served."""
        tasks = [details[internals.TASK] for details in self.connections.values() if internals.TASK in details]
        tasks += self.streams.values()
        return {task for task in tasks if not task.done()}

    async def end_applications(self) -> None:
        """Stops listening, asks every stream to end, waits, cancels, and stops the tail."""
        for port in self.ports:
            port.stopListening()
        get_hub().drain()
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
